"""A node's rounds recomputed from its own store, whole and tampered with; and the command that does it."""

import asyncio
import contextlib
import json
import shutil
import sqlite3
from dataclasses import replace
from types import SimpleNamespace

import pytest
from click.testing import CliRunner

from consensus.params import PRESETS
from consensus.types import Hash, JobStatus, Kind, RatingCommit
from node.cli import main
from node.errors import OperatorError
from node.home import render_genesis
from node.replay.stored import replay_store
from node.store import open_store
from node.wire import seal_message
from tests.support.swarm import STEADY, Swarm, key_of, make_job

PRESET = replace(STEADY, name="REPLAYED")  # a genesis file names its preset


def finished(swarm, job):
    progress = swarm.job(job)
    return progress is not None and progress.status is not JobStatus.OPEN


@pytest.fixture(scope="module")
def recorded(tmp_path_factory):
    """A node's data folder after a job in which one member signed twice, and what a replay beside the node said."""
    folder = tmp_path_factory.mktemp("recorded")

    async def record():
        async with Swarm(folder, 5, preset=PRESET) as swarm:
            job = await swarm.submit(make_job(PRESET, categories=6))
            await swarm.until(lambda: swarm.job(job) is not None)
            height = swarm.state().height + 2
            for digest in (b"\x01", b"\x02"):
                body = RatingCommit(height, Hash(digest * 32))
                await swarm.nodes[0].driver.courier.take(seal_message(swarm.domain, body, key_of(4)))
            await swarm.until(lambda: finished(swarm, job))
            async with await open_store(swarm.nodes[0].folder, read_only=True) as store:
                beside = await replay_store(store, swarm.genesis, PRESET)
            offences = {member.node: member.offences for member in swarm.state().members}
            return SimpleNamespace(genesis=swarm.genesis, beside=beside, offences=offences)

    found = asyncio.run(record())
    found.home = folder / "home"
    shutil.copytree(folder / "node-0", found.home / "store")
    (found.home / "genesis.json").write_bytes(render_genesis(found.genesis, PRESET))
    return found


@pytest.fixture
def home(recorded, tmp_path, monkeypatch):
    """A copy of it, to be tampered with."""
    monkeypatch.setitem(PRESETS, PRESET.name, PRESET)
    return shutil.copytree(recorded.home, tmp_path / "home")


def tamper(home, *statements):
    with sqlite3.connect(home / "store" / "node.sqlite") as database:
        for name in ("update", "delete"):
            database.execute(f"DROP TRIGGER IF EXISTS ledger_no_{name}")
        changed = sum(database.execute(statement).rowcount for statement in statements)
    database.close()
    assert changed > 0


def replayed(home, recorded, **bounds):
    async def replay():
        async with await open_store(home / "store", read_only=True) as store:
            return await replay_store(store, recorded.genesis, PRESET, **bounds)

    return asyncio.run(replay())


def test_a_store_beside_its_running_node_holds(recorded):
    assert recorded.beside.difference is None
    assert recorded.beside.first == 1
    assert recorded.beside.last >= 4
    assert recorded.beside.decisions >= 24


def test_evidence_that_counted_is_replayed_too(recorded):
    assert recorded.offences[key_of(4).node] == 1
    assert recorded.beside.events > 0


def test_a_copy_of_it_holds_offline(home, recorded):
    assert replayed(home, recorded) == recorded.beside


def test_a_part_holds_from_the_state_before_it(home, recorded):
    found = replayed(home, recorded, first=3, last=4)
    assert found.difference is None
    assert (found.first, found.last) == (3, 4)


def test_a_part_needs_the_state_before_it(home, recorded):
    tamper(home, "UPDATE rounds SET state = NULL WHERE height = 2")
    with pytest.raises(OperatorError, match="after round 2"):
        replayed(home, recorded, first=3)


HERE = "height = (SELECT MIN(height) FROM decisions)"  # the first round with candidates; the one before it has none
BEFORE = "height = (SELECT MIN(height) - 1 FROM decisions)"
DECISION = f"{HERE} AND position = 0"
MESSAGE = f"digest = (SELECT MIN(digest) FROM envelopes WHERE kind = {Kind.RATING_REVEAL.value} AND {HERE})"

FORGERIES = {
    "a decision replaced": (
        f"UPDATE decisions SET body = (SELECT body FROM decisions WHERE {HERE} AND position = 1) WHERE {DECISION}",
        "decision 0: ",
    ),
    "a decision damaged": (f"UPDATE decisions SET body = X'00' WHERE {DECISION}", "decision 0"),
    "a decision lost": (f"DELETE FROM decisions WHERE {DECISION}", "number of decisions"),
    "an explanation changed": (
        f"UPDATE decisions SET explanation = X'7B7D' WHERE {DECISION}",
        "explanation of decision 0",
    ),
    "a message lost": (f"DELETE FROM envelopes WHERE {MESSAGE}", "message "),
    "a message swapped": (
        f"UPDATE envelopes SET envelope = (SELECT envelope FROM envelopes WHERE {BEFORE}) WHERE {MESSAGE}",
        "message ",
    ),
    "a message damaged": (
        f"UPDATE envelopes SET envelope = CAST(envelope || X'00' AS BLOB) WHERE {MESSAGE}",
        "message ",
    ),
    "another round's certificate": (
        f"UPDATE rounds SET certificate = (SELECT certificate FROM rounds WHERE {BEFORE}) WHERE {HERE}",
        "certificate",
    ),
    "another header's hash": (f"UPDATE rounds SET header_hash = zeroblob(32) WHERE {HERE}", "header hash"),
    "another round's state": (
        f"UPDATE rounds SET state = (SELECT state FROM rounds WHERE {BEFORE}) WHERE {HERE}",
        "state: height, ",
    ),
    "a state damaged": (f"UPDATE rounds SET state = zeroblob(9) WHERE {HERE}", "state"),
    "a list of messages damaged": (f"UPDATE rounds SET manifest = zeroblob(9) WHERE {HERE}", "list of messages"),
}


@pytest.mark.parametrize("name", FORGERIES)
def test_what_was_changed_behind_the_node_is_named_with_its_round(home, recorded, name):
    statement, about = FORGERIES[name]
    with contextlib.closing(sqlite3.connect(home / "store" / "node.sqlite")) as database:
        (height,) = database.execute("SELECT MIN(height) FROM decisions").fetchone()
    tamper(home, statement)
    found = replayed(home, recorded)
    assert found.difference is not None
    assert found.difference.height == height
    assert found.difference.about.startswith(about)
    assert found.last == height - 1


def test_a_changed_ledger_event_is_named(home, recorded):
    tamper(home, "UPDATE ledger SET body = zeroblob(40) WHERE seq = 0")
    found = replayed(home, recorded)
    assert found.difference.about == "ledger event 0"


def test_a_lost_round_is_named(home, recorded):
    tamper(home, "DELETE FROM rounds WHERE height = 2")
    assert replayed(home, recorded).difference.about == "round"


def test_another_genesis_is_not_this_store_s(home, recorded):
    other = SimpleNamespace(genesis=replace(recorded.genesis, seed=Hash(bytes(32))))
    found = replayed(home, other)
    assert found.difference.height == 1
    assert found.difference.about == "certificate"


def run(*arguments):
    return CliRunner().invoke(main, ["replay", *map(str, arguments)])


def test_the_command_says_what_holds(home, recorded):
    result = run("--data", home)
    assert result.exit_code == 0, result.output
    assert f"{recorded.beside.last} rounds recomputed" in result.output


def test_the_command_ends_with_one_and_both_values_when_something_does_not_hold(home):
    tamper(home, "UPDATE rounds SET header_hash = zeroblob(32) WHERE height = 3")
    result = run("--data", home)
    assert result.exit_code == 1
    assert f"stored      {'00' * 32}" in result.output
    assert "round 3 does not hold" in result.output


def test_the_command_prints_json(home, recorded):
    result = run("--data", home, "--json")
    told = json.loads(result.stdout)
    assert told["last"] == recorded.beside.last
    assert told["difference"] is None


def test_a_folder_without_a_node_is_the_user_s_to_name(tmp_path):
    assert run("--data", tmp_path).exit_code == 2


def test_a_scenario_file_goes_in_and_an_outcome_file_comes_out(tmp_path):
    scenario = [
        {
            "type": "scenario",
            "id": "s",
            "criteria": ["a", "b", "c", "d"],
            "weights": [0.25] * 4,
            "accept": 0.7,
            "review": 0.5,
            "committee": 2,
            "rounds": 1,
        },
        {"type": "candidate", "round": 1, "id": "x", "task": "t", "category": "c", "check": "fail"},
        {"type": "rating", "round": 1, "candidate": "x", "rater": "ada", "stage": 1, "scores": [1, 1, 1, 2]},
        {"type": "reveal", "round": 1, "candidate": "x", "generator": "ben"},
    ]
    source, target = tmp_path / "in.jsonl", tmp_path / "out.jsonl"
    source.write_text("".join(json.dumps(record) + "\n" for record in scenario), encoding="utf-8")
    result = run("--in", source, "--out", target)
    assert result.exit_code == 0, result.output
    assert "1 candidates, 0 accepted; ignored: 1 bad-scores" in result.stderr
    outcomes = [json.loads(line) for line in target.read_text(encoding="utf-8").splitlines()]
    assert outcomes[0] == {"candidate": "x", "score": 0.0, "accept": False, "state": "rejected_check"}
    assert outcomes[1]["node"] == "ben"


def test_a_broken_scenario_is_refused_with_its_line(tmp_path):
    source = tmp_path / "in.jsonl"
    source.write_text("not json\n", encoding="utf-8")
    result = run("--in", source, "--out", "-")
    assert result.exit_code == 2
    assert "line 1" in result.stderr


def test_half_of_the_two_files_is_not_enough(tmp_path):
    assert run("--in", tmp_path / "x").exit_code == 2
