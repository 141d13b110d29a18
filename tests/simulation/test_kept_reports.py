"""What a long report reads back is what it would have played."""

import math
from dataclasses import asdict

from node.simulate.tables import make_table, markdown, play
from node.simulate.worlds import World
from tests.simulation.consensus_report import RATINGS_HEAD, first_part, kept_player
from tests.simulation.kept import Kept
from tests.simulation.penalty_report import confidence

SHAPE = World(rounds=8, tasks=4)


def test_a_table_that_is_read_back_is_the_table_that_was_played(tmp_path):
    shown = [
        markdown(make_table(0.3, (1, 2), shape=SHAPE, attacks=("const1", "clique"), player=player))
        for player in (play, kept_player(Kept(tmp_path / "kept")), kept_player(Kept(tmp_path / "kept")))
    ]
    assert shown[0] == shown[1] == shown[2]


def test_what_is_kept_is_not_played_again_and_other_worlds_are(tmp_path):
    played = []

    def figures(name: str) -> dict[str, float]:
        played.append(name)
        return {"f1": math.nan}

    for _ in range(2):
        kept = Kept(tmp_path / "kept")
        for name, world in (("one", SHAPE), ("other", World(rounds=9, tasks=4)), ("one", SHAPE)):
            assert math.isnan(kept.get([asdict(world), 1], lambda name=name: figures(name))["f1"])
    assert played == ["one", "other"]


def test_without_a_file_nothing_is_written_and_what_was_played_is_still_known():
    kept = Kept(None)
    assert kept.get("key", lambda: {"f1": 1.0}) == kept.get("key", lambda: {"f1": 2.0}) == {"f1": 1.0}


def test_the_part_of_a_page_that_is_not_played_again_stays_as_it_is(tmp_path):
    page = tmp_path / "page.md"
    page.write_text(f"# Agreement\n\nTold.\n\n{RATINGS_HEAD}\nTable.\n", encoding="utf-8")
    assert "\n".join([*first_part(page), RATINGS_HEAD]) == f"# Agreement\n\nTold.\n\n{RATINGS_HEAD}"


def test_the_bound_on_penalties_is_three_in_as_many_rounds_as_were_played():
    runs = [{"rounds": 100_000, "penalties": {}}, {"rounds": 50_000, "penalties": {}}]
    assert "150,000 honest member-rounds, which is less than 2.0 in 100,000 " in confidence(runs)
    runs[0]["penalties"] = {"SUSPENDED": 2}
    assert confidence(runs) == "There were 2 in 150,000 honest member-rounds."
