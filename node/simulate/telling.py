"""A round of ratings as a person reads it: what was decided, where that was wrong, and who had said what."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from consensus.aggregation.vectorised import ScoreColumns
from node.simulate.attacks import Bools
from node.simulate.ballots import ACCEPT, PROBE, REJECT, REVIEW, Ballot
from node.simulate.worlds import Ints

Tell = Callable[[str], None]
"""Given a line for a person."""


def tell_round(tell: Tell, ballot: Ballot, scores: ScoreColumns, starts: Ints, bad: Bools) -> None:
    """Tell what became of a round's new candidates.

    Args:
        tell: Given the lines.
        ballot: The candidates, the last that were aggregated.
        scores: Of all that were.
        starts: Where the ratings of each of these start.
        bad: [N] Which nodes are adversaries.
    """
    first = len(scores.verdict) - len(ballot)
    verdict, bits = scores.verdict[first:], scores.evidence_bits[first:] / (1 << 16)
    contributed = scores.explained().contributed
    drawn = ballot.drawn
    good = drawn.good[ballot.task, ballot.slot]
    failed = int((drawn.present & (drawn.checks == "fail")).sum())
    counts = ", ".join(
        f"{int((verdict == code).sum())} {name}"
        for code, name in ((ACCEPT, "accepted"), (REVIEW, "in review"), (PROBE, "probes"))
    )
    tell(f"round {drawn.number}: {len(verdict)} rated, {failed} failed their check; {counts}")
    for row in np.flatnonzero((verdict == ACCEPT) & ~good | (verdict == REJECT) & good):
        word = "accepted, and bad" if verdict[row] == ACCEPT else "rejected, and good"
        said = _votes(ballot, contributed[starts[first + row] :], int(row), bad)
        name = f"t{ballot.task[row]}-c{ballot.slot[row]}"
        maker = node_name(int(ballot.makers[row]), bad)
        score = shown(int(scores.score_bp[first + row]))
        tell(f"    {name} by {maker}: {word}, score {score}, evidence {bits[row]:+.2f} bits: {said}")


def _votes(ballot: Ballot, contributed: Ints, row: int, bad: Bools) -> str:
    """Who said what of a candidate, and what it was worth: the first of `contributed`."""
    taken = ballot.seated[row]
    raters, given = ballot.rater[row][taken], ballot.scores[row][taken]
    return ", ".join(
        f"{node_name(int(rater), bad)} {shown(int(given[place].mean()))} ({contributed[place] / (1 << 16):+.2f})"
        for place, rater in enumerate(raters)
    )


def node_name(node: int, bad: Bools) -> str:
    """Adversaries with a star."""
    return f"node-{node}{'*' if bad[node] else ''}"


def shown(basis_points: int) -> str:
    """As a share of one."""
    return f"{basis_points / 10_000:.3f}"
