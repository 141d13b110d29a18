"""How good a replay's decisions were, judged by the truth that the scenario hid."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from node.replay import CandidateOutcome, NodeOutcome, Outcome, Replay, replay_lines
from tests.support.scenarios import SLEEPER_WAKES, Scenario

BURN_IN = 5
"""Rounds at the start that are not judged: nobody is known yet."""


@dataclass(frozen=True)
class Figures:
    """One scenario's figures. Shares 0..1; NaN where there are no adversaries."""

    precision: float
    recall: float
    f1: float
    roc: float
    """Area under the curve of good against bad candidates by score: no threshold."""
    reputation_auc: float
    """Chance that an honest node ends with more reputation than an adversary."""
    adversary_share: float
    """Of the reputation at the end."""
    regret: float
    """Quality of a task's best candidate less that of the one with the highest score."""


def replay_scenario(scenario: Scenario) -> list[Outcome]:
    """The scenario through the shipped code, as a file would go."""
    return list(replay_lines(map(json.dumps, scenario.records), Replay()))


def judge(scenario: Scenario, outcomes: Iterable[Outcome]) -> Figures:
    """Compare outcomes with the truth, after the burn-in; of sleepers, after they wake."""
    outcomes = list(outcomes)
    decided = {outcome.candidate: outcome for outcome in outcomes if isinstance(outcome, CandidateOutcome)}
    first = (SLEEPER_WAKES if scenario.world.attack == "sleeper" else BURN_IN) + 1
    judged = [(name, truth) for name, truth in scenario.truths.items() if truth.round >= first and not truth.probe]
    good = np.array([truth.good for _, truth in judged])
    accepted = np.array([decided[name].accepted for name, _ in judged])
    scores = np.array([decided[name].score_bp for name, _ in judged])
    precision = float((accepted & good).sum() / max(1, accepted.sum()))
    recall = float((accepted & good).sum() / max(1, good.sum()))
    reputations = {
        outcome.node: outcome.reputation_bp
        for outcome in outcomes
        if isinstance(outcome, NodeOutcome) and outcome.node in scenario.present
    }
    honest = np.array([node not in scenario.adversaries for node in reputations])
    points = np.array(list(reputations.values()), dtype=float)
    return Figures(
        precision=precision,
        recall=recall,
        f1=2 * precision * recall / max(1e-9, precision + recall),
        roc=area(scores, good),
        reputation_auc=area(points, honest),
        adversary_share=float(points[~honest].sum() / max(1e-9, points.sum())) if not honest.all() else float("nan"),
        regret=_regret(scenario, decided, first),
    )


def area(scores: np.ndarray, positive: np.ndarray) -> float:
    """Chance that a random positive scores above a random negative, ties half; NaN when either is missing."""
    _, inverse, counts = np.unique(scores, return_inverse=True, return_counts=True)
    ranks = (np.cumsum(counts) - (counts - 1) / 2)[inverse]
    positives, negatives = int(positive.sum()), int((~positive).sum())
    if not positives or not negatives:
        return float("nan")
    return float((ranks[positive].sum() - positives * (positives + 1) / 2) / (positives * negatives))


def _regret(scenario: Scenario, decided: dict[str, CandidateOutcome], first: int) -> float:
    tasks: dict[str, list[str]] = {}
    for name, truth in scenario.truths.items():
        if truth.round >= first and not truth.probe:
            tasks.setdefault(truth.task, []).append(name)
    losses = []
    for names in tasks.values():
        picked = max(names, key=lambda name: decided[name].score_bp)
        best = max(scenario.truths[name].quality for name in names)
        losses.append(best - scenario.truths[picked].quality)
    return float(np.mean(losses))


def mean(figures: Sequence[Figures]) -> Figures:
    """Field by field."""
    names = Figures.__dataclass_fields__
    return Figures(**{name: float(np.mean([getattr(figure, name) for figure in figures])) for name in names})
