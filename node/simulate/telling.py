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


LEGEND = (
    "What was decided wrongly is listed, with what each rater scored it, in brackets the bits which that was worth; "
    "these and the prior are the evidence, and what has more than the cut is accepted. Adversaries have a star."
)
"""How to read the lines below."""


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
    drawn = ballot.drawn
    failed = int((drawn.present & (drawn.checks == "fail")).sum())
    counts = _counts(scores.verdict[first:])
    tell(f"round {drawn.number}: {len(ballot)} rated, {failed} failed their check; {counts}")
    _tell_mistakes(tell, ballot, scores, starts, bad, first)


def tell_reviews(tell: Tell, ballot: Ballot, scores: ScoreColumns, starts: Ints, bad: Bools) -> None:
    """Tell what fresh raters made of the candidates of `ballot`, the first that were aggregated. As `tell_round`."""
    if len(ballot):
        tell(f"reviews of round {ballot.drawn.number}: {_counts(scores.verdict[: len(ballot)])}")
        _tell_mistakes(tell, ballot, scores, starts, bad, 0)


def _counts(verdict: Ints) -> str:
    named = ((ACCEPT, "accepted"), (REJECT, "rejected"), (REVIEW, "in review"), (PROBE, "probes"))
    counts = ((int((verdict == code).sum()), name) for code, name in named)
    return ", ".join(f"{count} {name}" for count, name in counts if count)


def _tell_mistakes(tell: Tell, ballot: Ballot, scores: ScoreColumns, starts: Ints, bad: Bools, first: int) -> None:
    """Tell who said what of the candidates that were decided wrongly; `first` is the ballot's place in `scores`."""
    rows = slice(first, first + len(ballot))
    verdict, bits = scores.verdict[rows], scores.evidence_bits[rows] / (1 << 16)
    contributed = scores.explained().contributed
    cut = scores.cut_bits[rows] / (1 << 16)
    good = ballot.drawn.good[ballot.task, ballot.slot]
    for row in np.flatnonzero((verdict == ACCEPT) & ~good | (verdict == REJECT) & good):
        word = "accepted, and bad" if verdict[row] == ACCEPT else "rejected, and good"
        said = _votes(ballot, contributed[starts[first + row] :], int(row), bad)
        name = f"t{ballot.task[row]}-c{ballot.slot[row]}"
        maker = node_name(int(ballot.makers[row]), bad)
        score = shown(int(scores.score_bp[first + row]))
        tell(
            f"    {name} by {maker}: {word}, score {score}, evidence {bits[row]:+.2f} bits, cut {cut[row]:+.2f}: {said}"
        )


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
