"""Calibrating a judge on crates: labels by execution, scores by the model, curves into the node's file."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from pathlib import Path

from node.checks import CheckEngine, CheckSettings, open_engine
from node.crates.sources import MANIFEST, read_sources
from node.crates.store import CrateStore
from node.engines.interface import TextModel
from node.errors import ExitCode, OperatorError
from node.judge.calibration import Calibration, Entry, load_calibration, save_calibration
from node.judge.judge import Judge
from node.tasks.source import SourceEngine
from node.tasks.view import SourceView
from node.values.crate import CratePin
from node.workshop.labelling import LabelledExample, calibrate_judge, labels_from

ANSWER_S = 120.0
"""For one question."""


async def calibrate_on_crates(
    model: TextModel,
    pins: Sequence[CratePin],
    *,
    store: CrateStore,
    bench: Path,
    numbers: int,
    file: Path,
    say: Callable[[str], None],
) -> tuple[Entry, ...]:
    """Label examples of crates, let a model score them, fit its curves and keep them.

    Args:
        model: Opened and probed.
        pins: Crates of `store`.
        store: Where they are.
        bench: Build folders.
        numbers: Right and wrong examples asked for, each, per crate and category.
        file: The node's calibration; newer curves replace older ones of the same model, prompt and criterion.
        say: Told how far it is.

    Raises:
        OperatorError: Nothing can be executed here, the file is no calibration, or there were not both right and wrong
            examples to ask about.
    """
    known = load_calibration(file)
    labels = await _labels(pins, store, bench, numbers, say)
    say(f"asking {model.info.model} {4 * len(labels)} questions")
    judge = Judge(model, Calibration(), answer_s=ANSWER_S)
    entries = await calibrate_judge(judge, labels)
    if not entries:
        ends = ", ".join(f"{count} {end}" for end, count in sorted(judge.tally.ended.items())) or "none"
        raise OperatorError(
            f"{len(labels)} labels and these answers make no calibration: {ends}",
            hint="Run `swarm-node engine test`, or name more crates.",
            exit_code=ExitCode.NOT_SO,
        )
    save_calibration(file, known.with_entries(entries))
    return entries


async def _labels(
    pins: Sequence[CratePin], store: CrateStore, bench: Path, numbers: int, say: Callable[[str], None]
) -> tuple[LabelledExample, ...]:
    checker = await open_engine(CheckSettings(folder=bench))
    try:
        found: list[LabelledExample] = []
        for pin in pins:
            made = await _labels_of(pin, store, checker, numbers)
            say(f"{pin.label}: {sum(label.right for label in made)} right, {sum(not x.right for x in made)} wrong")
            found += made
        return tuple(found)
    finally:
        await checker.close()


async def _labels_of(
    pin: CratePin, store: CrateStore, checker: CheckEngine, numbers: int
) -> tuple[LabelledExample, ...]:
    source = await asyncio.to_thread(store.open, pin)
    sources = await asyncio.to_thread(read_sources, source.root)
    files = {file.path: file.data for file in sources.files} | {MANIFEST: sources.manifest}
    view = SourceView((await asyncio.to_thread(store.knowledge, source)).base, files)
    prepared = await asyncio.to_thread(store.prepare, source)
    return await labels_from(SourceEngine(view, prepared, checker), numbers)
