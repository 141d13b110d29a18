"""Published implementations on the same ratings: `evalica` (Bradley-Terry, in Rust), `crowd-kit` (Dawid-Skene).

Both are optional. Each is given what its model needs, converted beforehand, and runs with its own default settings.

Bradley-Terry takes comparisons, not ratings. Those that the ratings imply are a rater's candidates against each other,
across tasks: comparisons within tasks alone fall into as many pieces as there are tasks, have no common scale to cut,
and give no fit at all (every score the same, after two iterations). Who always or never wins has no finite score
either, so every candidate also ties once with nobody, which is the usual prior. Comparisons per rating are bounded, or
their number would grow with the square of the round.
"""

from __future__ import annotations

import importlib
from typing import Any

import numpy as np

from node.bench.ratings import RATERS, Ratings, make_ratings
from node.bench.speed import Speed, fastest
from node.simulate.worlds import Ints

LABELS = 5
"""Classes that Dawid-Skene is given: scores cut into fifths."""
COMPARED_MAX = 20
"""Of a rater's other ratings, how many each is compared with: the next ones in the rater's own order."""
NOBODY = -1
"""Whom every candidate ties with."""
REPEAT = 2


def measure_bradley_terry(count: int) -> Speed:
    """evalica: all comparisons that the ratings imply, into one order of all candidates."""
    name = "evalica, Bradley-Terry"
    try:
        evalica = importlib.import_module("evalica")
    except ImportError as error:
        return Speed(name, count, 0.0, missing=f"not installed ({error.name})")
    ratings = make_ratings(count, 0)
    left, right, winners = _comparisons(ratings, evalica.Winner)
    fits: list[Any] = []
    best = fastest(lambda: fits.append(evalica.bradley_terry(left, right, winners)), REPEAT)
    if np.ptp(np.asarray(fits[-1].scores)) == 0:
        return Speed(name, count, 0.0, missing="its fit failed")
    return Speed(f"{name}, {len(left):,} comparisons", ratings.rater.size, best)


def _comparisons(ratings: Ratings, winner: Any) -> tuple[list[int], list[int], list[Any]]:
    """Left, right and who wins; candidates by number."""
    one, other, better = implied_pairs(ratings)
    results = np.array([winner.Y, winner.Draw, winner.X], dtype=object)[better + 1].tolist()
    count = len(ratings.generator)
    left = one.tolist() + list(range(count))
    right = other.tolist() + [NOBODY] * count
    return left, right, results + [winner.Draw] * count


def implied_pairs(ratings: Ratings) -> tuple[Ints, Ints, Ints]:
    """Two candidates and which of them the same rater scored higher: 1 the first, -1 the second, 0 neither."""
    rater, composite = ratings.rater.ravel(), ratings.scores.sum(axis=2).ravel()
    candidate = np.repeat(np.arange(len(ratings.generator)), ratings.rater.shape[1])
    order = np.lexsort((composite, rater))
    rater, composite, candidate = rater[order], composite[order], candidate[order]
    ones, others, signs = [], [], []
    for ahead in range(1, COMPARED_MAX + 1):
        same = np.flatnonzero(rater[:-ahead] == rater[ahead:])
        ones.append(candidate[same])
        others.append(candidate[same + ahead])
        signs.append(np.sign(composite[same] - composite[same + ahead]))
    return np.concatenate(ones), np.concatenate(others), np.concatenate(signs)


def measure_dawid_skene(count: int) -> Speed:
    """crowd-kit: scores cut into five labels."""
    name = "crowd-kit, Dawid-Skene"
    try:
        pandas = importlib.import_module("pandas")
        dawid_skene = importlib.import_module("crowdkit.aggregation").DawidSkene
    except ImportError as error:
        return Speed(name, count, 0.0, missing=f"not installed ({error.name})")
    ratings = make_ratings(count, 0)
    labels = np.minimum(LABELS - 1, ratings.scores.mean(axis=2) * LABELS // 10_000).astype(int)
    frame = pandas.DataFrame(
        {
            "task": np.repeat(np.arange(len(labels)), RATERS),
            "worker": ratings.rater.ravel(),
            "label": labels.ravel(),
        }
    )
    models = [dawid_skene() for _ in range(REPEAT)]
    turn = iter(models)
    best = fastest(lambda: next(turn).fit_predict(frame), REPEAT)
    return Speed(f"{name}, {len(models[0].loss_history_)} iterations", ratings.rater.size, best)
