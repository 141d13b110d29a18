"""A scenario through `node.replay` record by record, and judged: what the simulation in columns has to equal."""

from __future__ import annotations

import json
from collections.abc import Iterable

import numpy as np

from node.replay import CandidateOutcome, NodeOutcome, Outcome, Replay, replay_lines
from node.simulate.figures import Figures, area
from node.simulate.scenarios import Scenario
from node.simulate.worlds import first_judged


def replay_scenario(scenario: Scenario) -> list[Outcome]:
    """The scenario through the shipped code, as a file would go."""
    return list(replay_lines(map(json.dumps, scenario.records), Replay()))


def judge(scenario: Scenario, outcomes: Iterable[Outcome]) -> Figures:
    """Compare outcomes with the truth, after the burn-in; of sleepers, after they wake."""
    outcomes = list(outcomes)
    decided = {outcome.candidate: outcome for outcome in outcomes if isinstance(outcome, CandidateOutcome)}
    first = first_judged(scenario.world)
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
