"""Isotonic regression, and the two figures by which a score is reported.

A calibration is the monotone step function that fits labels best in squared error, found by pooling adjacent violators
(Ayer et al. 1955), in one pass. The order that a judge gives is kept; only what its numbers mean is learned.
"""

from __future__ import annotations

import bisect
from collections.abc import Sequence
from dataclasses import dataclass

BINS = 10
"""Of the calibration error."""


@dataclass(frozen=True, slots=True)
class Curve:
    """A monotone map from scores to probabilities: linear between its points, constant outside them."""

    points: tuple[tuple[float, float], ...]
    """(score, probability), scores strictly rising, probabilities never falling, both in [0, 1]; at least one."""

    def __call__(self, score: float) -> float:
        """The probability that goes with a score."""
        scores = [point[0] for point in self.points]
        place = bisect.bisect_left(scores, score)
        if place == 0:
            return self.points[0][1]
        if place == len(scores):
            return self.points[-1][1]
        (left, low), (right, high) = self.points[place - 1], self.points[place]
        return low + (high - low) * ((score - left) / (right - left))  # the share first: tiny distances underflow


def fit(scores: Sequence[float], labels: Sequence[bool]) -> Curve:
    """The monotone curve that is nearest to the labels in squared error.

    Args:
        scores: In [0, 1], at least one.
        labels: Whether each scored thing was right.
    """
    assert scores, "a curve is fitted to something"
    blocks: list[_Block] = []
    for score, share, count in _by_score(scores, labels):
        blocks.append(_Block(score, score, share * count, count))
        while len(blocks) > 1 and blocks[-2].level >= blocks[-1].level:
            last = blocks.pop()
            first = blocks.pop()
            blocks.append(_Block(first.low, last.high, first.total + last.total, first.count + last.count))
    points: dict[float, float] = {}
    for block in blocks:
        points[block.low] = points[block.high] = block.level
    return Curve(tuple(sorted(points.items())))


@dataclass(frozen=True, slots=True)
class _Block:
    low: float
    high: float
    total: float
    count: int

    @property
    def level(self) -> float:
        return self.total / self.count


def _by_score(scores: Sequence[float], labels: Sequence[bool]) -> list[tuple[float, float, int]]:
    """Each different score with the share of right ones and their number, rising."""
    groups: dict[float, list[bool]] = {}
    for score, label in zip(scores, labels, strict=True):
        groups.setdefault(score, []).append(label)
    return [(score, sum(found) / len(found), len(found)) for score, found in sorted(groups.items())]


def area_under_curve(scores: Sequence[float], labels: Sequence[bool]) -> float | None:
    """How probably a right one is scored above a wrong one, ties half: 0.5 is chance. None without both kinds."""
    right = sum(labels)
    wrong = len(labels) - right
    if not right or not wrong:
        return None
    below = won = 0.0
    for _, share, count in _by_score(scores, labels):
        own = share * count
        won += own * (below + (count - own) / 2)
        below += count - own
    return won / (right * wrong)


def calibration_error(probabilities: Sequence[float], labels: Sequence[bool], bins: int = BINS) -> float:
    """Expected calibration error: how far the share of right ones lies from what was promised, in equally wide bins."""
    groups: dict[int, list[tuple[float, bool]]] = {}
    for probability, label in zip(probabilities, labels, strict=True):
        groups.setdefault(min(bins - 1, int(probability * bins)), []).append((probability, label))
    gaps = (abs(sum(p for p, _ in found) - sum(label for _, label in found)) for found in groups.values())
    return sum(gaps) / len(labels) if labels else 0.0
