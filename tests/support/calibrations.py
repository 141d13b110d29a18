"""Calibrations of judges that lean towards the truth as much as a test wants."""

from __future__ import annotations

import random
from collections.abc import Sequence

from consensus.types import CRITERIA
from node.judge.calibration import Calibration, Entry, Labelled, calibrated
from node.prompts import PROMPTS
from tests.support.scripted_model import MODEL


def labels_of(count: int, sharpness: float, seed: int = 1) -> list[Labelled]:
    """Scores that lean towards the truth by `sharpness`, wrong and right ones in turn."""
    dice = random.Random(seed)
    return [
        Labelled(min(1.0, max(0.0, dice.gauss(0.5 + sharpness * (0.5 if place % 2 else -0.5), 0.2))), bool(place % 2))
        for place in range(count)
    ]


def entry_of(labels: Sequence[Labelled], criterion: str = "semantic_validity", model: str = MODEL) -> Entry | None:
    """A calibration of the prompt that we have for a criterion."""
    return calibrated(model, PROMPTS.judge[criterion].digest, criterion, labels)


def full_calibration(sharpness: float = 0.9, model: str = MODEL) -> Calibration:
    """All four criteria, on labels enough."""
    entries = (entry_of(labels_of(400, sharpness, seed), name, model) for seed, name in enumerate(CRITERIA))
    return Calibration(entry for entry in entries if entry is not None)
