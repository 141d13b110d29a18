"""Labels for judges out of crates: what the author wrote is right, what was spoiled and proven wrong is wrong.

The same material as probes (R14): the source engine's examples, and examples with a killed mutant, another item's
documentation, another function's name. Every label rests on execution or on the published source; none on an opinion.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from dataclasses import dataclass

from consensus.types import CRITERIA
from node.judge.calibration import Entry, Labelled, calibrated
from node.judge.judge import Judge
from node.prompts import PROMPTS
from node.tasks.judging import case_of
from node.tasks.source import SourceEngine
from node.values.example import CATEGORIES, Example


@dataclass(frozen=True, slots=True)
class LabelledExample:
    """An example whose truth is known."""

    example: Example
    right: bool
    kind: str
    """`good`, or in what way it is wrong (`node.tasks.probes`)."""


async def labels_from(
    engine: SourceEngine, numbers: int, categories: Sequence[str] = CATEGORIES
) -> tuple[LabelledExample, ...]:
    """Right and wrong examples of one crate, as many wrong ones as can be proven.

    Args:
        engine: With a checker; without one only some categories can be labelled.
        numbers: Asked for per category and kind.
        categories: Whose examples.
    """
    wanted = [
        (category, number, good) for category in categories for number in range(numbers) for good in (True, False)
    ]
    probes = await engine.make_probes(wanted)
    return tuple(
        LabelledExample(probe[0], good, str(json.loads(probe[1])["kind"]))
        for (_, _, good), probe in zip(wanted, probes, strict=True)
        if probe is not None
    )


async def calibrate_judge(judge: Judge, labels: Sequence[LabelledExample]) -> tuple[Entry, ...]:
    """Let a judge score labelled examples, and fit its curves; one entry per criterion that got answers of both kinds.

    A right example counts as right on every criterion. A wrong one is wrong in its meaning; what is wrong with a text
    does not keep its code from compiling, so that only the meaning's labels are facts. The other criteria are fitted on
    the same labels and get the voice that they show on them: mostly little.
    """
    cases = [case_of(label.example) for label in labels]
    found: dict[str, list[Labelled]] = {criterion: [] for criterion in CRITERIA}
    judgements = await asyncio.gather(*(judge.judge(case) for case in cases))
    for label, judgement in zip(labels, judgements, strict=True):
        for criterion, opinion in judgement.opinions.items():
            found[criterion].append(Labelled(opinion.expected, label.right))
    entries = (calibrated(judge.model, PROMPTS.judge[name].digest, name, found[name]) for name in CRITERIA)
    return tuple(entry for entry in entries if entry is not None)


def report_lines(entries: Sequence[Entry]) -> tuple[str, ...]:
    """A calibration for people."""
    return tuple(
        f"{entry.model} {entry.criterion:22} {entry.labels:4} labels ({entry.right} right)  AUC {entry.auc:.3f}"
        f"  ECE {entry.ece_raw:.3f} raw, {entry.ece:.3f} calibrated"
        f"  {'voice ' + format(entry.voice_bp / 10_000, '.2f') if entry.is_enough else 'uncalibrated: too few labels'}"
        for entry in entries
    )
