"""`simulate`: what is asked for happens or is refused by name; tables and transcripts say what they are of."""

import json
import re

import pytest
from click.testing import CliRunner

from node.cli.simulate import simulate
from node.errors import OperatorError
from node.simulate.attacks import ATTACKS, MORE_ATTACKS
from node.simulate.faults import BEHAVIOURS


def told(*arguments: str) -> str:
    result = CliRunner().invoke(simulate, arguments, catch_exceptions=False)
    assert result.exit_code == 0
    return result.stdout


@pytest.mark.parametrize(
    ("arguments", "hint"),
    [
        (("--network", "lossy"), "--level protocol"),
        (("--crashes",), "--level protocol"),
        (("--newcomers", "1"), "--level protocol"),
        (("--level", "protocol", "--seats", "alike"), "--level ratings"),
        (("--level", "protocol", "--probes", "0.1"), "--level ratings"),
        (("--attack", "equivocator"), "--level protocol"),
        (("--level", "protocol", "--attack", "sleeper"), "--level ratings"),
        (("--attack", "nonsense"), "There are const1"),
        (("--attack", "clique", "--transcript", "--json"), "--json"),
        (("--nodes", "5"), "--committee"),
        (("--level", "protocol", "--committee", "6"), "a smaller --committee"),
    ],
)
def test_what_would_change_nothing_is_refused_with_what_to_do_instead(arguments, hint):
    with pytest.raises(OperatorError) as refused:
        told(*arguments)
    assert hint in refused.value.hint


def test_help_names_every_attack_there_is():
    for head, attacks in ((r"on ratings:", {**ATTACKS, **MORE_ATTACKS}), (r"on the protocol:", BEHAVIOURS)):
        named = re.search(head + r"\n((?:    \S.*\n)+)", CliRunner().invoke(simulate, ["--help"]).output)[1]
        assert set(re.findall(r"[\w-]+", named)) - {"also"} == set(attacks)


def test_a_table_says_of_which_world_it_is_and_why_figures_are_missing():
    shown = told("--attack", "clique", "--rounds", "2", "--nodes", "10", "--committee", "3")
    assert shown.startswith(
        "10 nodes, 2 rounds of 10 tasks, committees of 3, seats standing, 3 of them adversaries, seed 1"
    )
    assert "judged from round 6 on, and there are 2 (none, clique)" in shown


def test_json_holds_the_world_and_no_number_that_is_none():
    shown = json.loads(told("--attack", "clique", "--rounds", "2", "--json"))
    assert shown["world"]["nodes"] == 20
    assert shown["figures"]["clique"]["f1"] is None


def test_a_transcript_tells_reviews_too_and_every_candidate_is_counted_once():
    lines = told("--attack", "clique", "--seed", "7", "--rounds", "3", "--transcript").splitlines()
    rounds = [line for line in lines if line.startswith("round ") and " rated, " in line]
    reviews = [line for line in lines if line.startswith("reviews of round ")]
    assert len(rounds) == 3
    in_review = 0
    for line in rounds:
        numbers = [int(part.split()[0]) for part in line.split("; ")[1].split(", ")]
        assert sum(numbers) == int(line.split(": ")[1].split()[0])
        in_review += next((int(part.split()[0]) for part in line.split("; ")[1].split(", ") if "review" in part), 0)
    assert sum(int(part.split()[0]) for line in reviews for part in line.split(": ")[1].split(", ")) == in_review


def test_a_protocol_run_tells_how_many_honest_candidates_were_never_judged():
    shown = json.loads(told("--level", "protocol", "--attack", "crowder", "--rounds", "4", "--json"))
    crowded = next(found for found in shown if found["setting"]["behaviour"] == "crowder")
    assert crowded["made"] > 20
    assert crowded["lost"] == 0
