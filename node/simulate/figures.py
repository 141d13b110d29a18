"""How good a swarm's decisions were, judged by the truth that its world hid; counted in bounded memory."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

from node.simulate.attacks import Bools, Floats

Ints = NDArray[np.int64]

SCORE_BP_MAX = 10_000


@dataclass(frozen=True)
class Figures:
    """One run's figures. Shares 0..1; NaN where there is nothing to tell, such as adversaries."""

    precision: float
    """Of what was accepted, what is good."""
    recall: float
    """Of what is good, what was accepted."""
    f1: float
    roc: float
    """Area under the curve of good against bad candidates by score: no threshold."""
    reputation_auc: float
    """Chance that an honest node ends with more reputation than an adversary."""
    adversary_share: float
    """Of the reputation at the end."""
    regret: float
    """Quality of a task's best candidate less that of the one with the highest score."""
    detected: float = float("nan")
    """Share of the adversaries that lost their standing (R37) at some time."""
    detect_rounds: float = float("nan")
    """Median of the rounds that took, from their first attack on, over those that did."""
    unfairly: float = float("nan")
    """Share of the looks at honest nodes that found one without standing: the noisiest, and victims of a clique."""


class Tally:
    """Decided candidates so far."""

    def __init__(self) -> None:
        self._right = self._accepted = self._good = 0
        self._scores = np.zeros((2, SCORE_BP_MAX + 1), dtype=np.int64)
        self._loss = 0.0
        self._tasks = 0

    def add(self, *, present: Bools, good: Bools, accepted: Bools, score_bp: Ints, quality: Floats) -> None:
        """Count a round's tasks. All arrays are [task, slot]; where nothing is present, nothing counts."""
        self._right += int((accepted & good & present).sum())
        self._accepted += int((accepted & present).sum())
        self._good += int((good & present).sum())
        for row, of_kind in enumerate((present & ~good, present & good)):
            self._scores[row] += np.bincount(score_bp[of_kind], minlength=SCORE_BP_MAX + 1)
        picked = np.argmax(np.where(present, score_bp, -1), axis=1)
        best = np.where(present, quality, -1.0).max(axis=1)
        filled = present.any(axis=1)
        self._loss += float((best - quality[np.arange(len(picked)), picked])[filled].sum())
        self._tasks += int(filled.sum())

    def figures(self, reputation: Floats, honest: Bools) -> Figures:
        """What all of it shows, with the nodes' reputations at the end."""
        precision = self._right / self._accepted if self._accepted else math.nan
        recall = self._right / self._good if self._good else math.nan
        both = self._accepted + self._good
        return Figures(
            precision=precision,
            recall=recall,
            f1=2 * self._right / both if both else math.nan,
            roc=_area(self._scores[1], self._scores[0]),
            reputation_auc=area(reputation, honest),
            adversary_share=(
                float(reputation[~honest].sum() / max(1e-9, float(reputation.sum())))
                if not honest.all()
                else float("nan")
            ),
            regret=self._loss / self._tasks if self._tasks else math.nan,
        )


def area(values: Floats, positive: Bools) -> float:
    """Chance that a random positive's value is above a random negative's, ties half; NaN when either is missing."""
    _, place = np.unique(values, return_inverse=True)
    size = int(place.max(initial=0)) + 1
    return _area(np.bincount(place[positive], minlength=size), np.bincount(place[~positive], minlength=size))


def _area(positives: Ints, negatives: Ints) -> float:
    """The same from how many of either have each value, in ascending order."""
    if not positives.sum() or not negatives.sum():
        return float("nan")
    below = np.cumsum(negatives) - negatives / 2
    return float((positives * below).sum() / (int(positives.sum()) * int(negatives.sum())))


def mean(figures: Sequence[Figures]) -> Figures:
    """Field by field, over those that have something to tell."""
    values = {field.name: [getattr(item, field.name) for item in figures] for field in fields(Figures)}
    told = {name: [value for value in column if not math.isnan(value)] for name, column in values.items()}
    return Figures(**{name: float(np.mean(column)) if column else float("nan") for name, column in told.items()})
