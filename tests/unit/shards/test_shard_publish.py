"""Publishing and describing: the same round gives the same files, and the card says what is in them."""

import dataclasses
import json

import pandas as pd
import pytest

from consensus.types import CandidateState, Hash
from node.errors import OperatorError, TransientError
from node.shards.card import Statistics, render_card, verdict_answers
from node.shards.catalog import refresh_catalog
from node.shards.publish import PublishError, build_shard, publish_shard
from node.shards.row import SCORE_MAX_BP


def files_in(folder):
    return {path.name: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_the_same_round_gives_the_same_files(swarm, examples):
    assert build_shard(swarm.decide(examples)) == build_shard(swarm.decide(examples))


def test_publishing_again_changes_nothing(swarm, examples, tmp_path):
    paths = publish_shard(swarm.decide(examples), tmp_path)
    before = files_in(tmp_path)
    assert publish_shard(swarm.decide(examples, signers=(1, 2, 3)), tmp_path) == paths
    assert files_in(tmp_path) == before
    assert sorted(before) == sorted([paths[0].name, f"{paths[0].stem}.certificate.json"])


def test_the_certificate_beside_is_the_one_inside(swarm, examples, tmp_path):
    (path,) = publish_shard(swarm.decide(examples), tmp_path)
    beside = (tmp_path / "certificates" / f"{path.stem}.certificate.json").read_bytes()
    assert beside in path.read_bytes()
    assert json.loads(beside)["certificate"]["header"]["height"] == 10


def test_a_content_that_is_not_at_hand_is_waited_for_and_nothing_is_written(swarm, examples, tmp_path):
    decided = swarm.decide(examples)
    missing = Hash(examples[3].example_id)
    some = {name: data for name, data in decided.contents.items() if name != missing}
    with pytest.raises(TransientError, match=missing.hex()):
        publish_shard(dataclasses.replace(decided, contents=some), tmp_path)
    assert files_in(tmp_path) == {}


def test_contents_and_decisions_must_be_those_that_the_header_certifies(swarm, examples):
    decided = swarm.decide(examples)
    first, second = (Hash(example.example_id) for example in examples[:2])
    swapped = {**decided.contents, first: decided.contents[second]}
    with pytest.raises(PublishError, match="hashes to"):
        build_shard(dataclasses.replace(decided, contents=swapped))
    with pytest.raises(PublishError, match="malformed"):
        build_shard(dataclasses.replace(decided, contents={**decided.contents, first: b"{}"}))
    fewer = decided.decisions[1:]
    with pytest.raises(PublishError, match="its decisions give 11 rows"):
        build_shard(dataclasses.replace(decided, decisions=fewer))
    other = dataclasses.replace(decided.decisions[0], state=CandidateState.SURPLUS)
    with pytest.raises(PublishError):
        build_shard(dataclasses.replace(decided, decisions=(other, *fewer)))


def test_an_example_about_another_crate_than_its_task_is_refused(swarm, examples):
    honest = swarm.decide(examples)
    lying = tuple(dataclasses.replace(decision, crate=1) for decision in honest.decisions)
    header = swarm.header(10, lying)
    decided = dataclasses.replace(honest, decisions=lying, certificate=swarm.certify(header))
    with pytest.raises(PublishError, match=r"is of \('itoa@1.0.0'.*its task of \('strsim@0.11.1'"):
        build_shard(decided)


def test_a_round_without_rows_for_the_job_has_no_shard(swarm):
    with pytest.raises(PublishError, match="its decisions give 0 rows"):
        build_shard(swarm.decide([]))


def test_a_folder_that_cannot_be_written_is_the_users_turn(swarm, examples, tmp_path):
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(OperatorError, match="cannot be written"):
        publish_shard(swarm.decide(examples), tmp_path / "file")


# The card


@pytest.fixture
def folder(swarm, examples, tmp_path):
    terms = dataclasses.replace(swarm.terms, crates=(*swarm.terms.crates, "roman@0.1.0"))
    mixed = dataclasses.replace(swarm, terms=terms)
    reports = ('{"compiled": true, "mutants_killed": 2}', "{}", '{"compiled": false}')
    others = [
        dataclasses.replace(e, crate_name="roman", crate_version="0.1.0", license="ISC", check_report=reports[n % 3])
        for n, e in enumerate(examples[:7])
    ]
    publish_shard(mixed.decide(examples, height=2), tmp_path)
    publish_shard(mixed.decide([*examples[:2], *others], height=10), tmp_path)
    refresh_catalog(tmp_path)
    return tmp_path


def sections(card) -> dict[str, list[list[str]]]:
    """Tables of a card by the title above them, head and rule left out."""
    found = {}
    for part in card.split("\n## ")[1:]:
        title, _, body = part.partition("\n")
        lines = [line for line in body.splitlines() if line.startswith("|")]
        found[title] = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[2:]]
    return found


def test_the_numbers_of_the_card_are_those_of_the_rows(folder):
    """Counted a second time, by pandas, from the files."""
    card = (folder / "README.md").read_text()
    frames = {s: pd.concat(map(pd.read_parquet, (folder / "data").glob(f"{s}-*"))) for s in ("train", "test")}
    rows = pd.concat(frames.values())
    tables = sections(card)
    assert f"{len(rows)} examples (train {len(frames['train'])}, test {len(frames['test'])})" in card
    assert "about 2 crates, accepted in 2 certified" in card
    counted = [
        [name, *(str((frame["task_category"] == name).sum()) for frame in frames.values())]
        for name in ("code_generation", "test_generation", "code_search")
    ]
    assert tables["Rows per category"] == counted
    by_crate = [[*key, str(len(group))] for key, group in rows.groupby(["crate_name", "crate_version", "license"])]
    assert [row[:3] + row[4:] for row in tables["Crates"]] == by_crate
    made = rows.fillna({"model": "none"}).groupby(["engine", "model"]).size()
    assert tables["Made by"] == [[*key, str(count)] for key, count in made.items()]
    scores = rows["consensus_score"]
    title = f"Consensus scores: {scores.min():.4f} to {scores.max():.4f}, mean {scores.mean():.4f}"
    assert sum(int(count) for _, count in tables[title]) == len(rows)
    for span, count in tables[title]:
        low, high = (float(bound) for bound in span.split(" to "))
        assert int(count) == ((scores >= low) & (scores < high)).sum()
    compiled = rows["check_report"].map(lambda text: json.loads(text).get("compiled"))
    answers = {row[0]: [int(cell.split()[0]) for cell in row[1:]] for row in tables["Executed checks"]}
    assert answers["compiled"] == [(compiled == True).sum(), (compiled == False).sum(), compiled.isna().sum()]  # noqa: E712  (a column, not a truth value)
    assert all(sum(counts) == len(rows) for counts in answers.values())


def test_the_front_matter_names_the_files_of_each_split(folder):
    matter = (folder / "README.md").read_text().split("---")[1]
    for split in ("train", "test"):
        assert f"  - split: {split}\n    path: data/{split}-*.parquet\n" in matter
    assert "validation" not in matter


def test_card_and_manifest_are_made_again_to_the_byte(folder):
    before = {path: (path.read_bytes(), path.stat().st_mtime_ns) for path in folder.iterdir() if path.is_file()}
    refresh_catalog(folder)
    assert {path: (path.read_bytes(), path.stat().st_mtime_ns) for path in before} == before
    for path in before:
        path.unlink()
    refresh_catalog(folder)
    assert {path: path.read_bytes() for path in before} == {path: data for path, (data, _) in before.items()}


def test_no_crate_stands_in_two_splits(folder):
    crates = [
        set(pd.concat(map(pd.read_parquet, (folder / "data").glob(f"{s}-*")))["crate_name"]) for s in ("train", "test")
    ]
    assert crates[0]
    assert crates[1]
    assert not crates[0] & crates[1]


def test_a_file_that_is_no_shard_is_not_described(folder):
    path = min((folder / "data").iterdir())
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(OperatorError, match="is not a shard") as refusal:
        refresh_catalog(folder)
    assert "Remove it" in refusal.value.hint


def test_what_a_crate_is_called_cannot_break_the_card():
    statistics = Statistics()
    statistics.splits["train"] = 1
    statistics.scores[SCORE_MAX_BP] = 1
    statistics.crates["a|b\n| c", "1", "", "train"] = 1
    card = render_card(statistics, rounds=1)
    assert "| a\\|b \\| c | 1 | none stated | train | 1 |" in card
    assert "| 0.95 to 1.00 | 1 |" in card


def test_a_check_that_was_not_made_is_never_a_yes():
    assert set(verdict_answers("{}").values()) == {"not checked"}
    assert set(verdict_answers("no JSON").values()) == {"not checked"}
    assert verdict_answers('{"tests_run": 0, "tests_passed": 0}')["tests ran and all passed"] == "not checked"
    assert verdict_answers('{"tests_run": 2, "tests_passed": 1}')["tests ran and all passed"] == "no"
    assert verdict_answers('{"compiled": "yes"}')["compiled"] == "not checked"
