"""A bad probe in the making: the good example's words exchanged, everything else of it kept."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TypeVar

from node.tasks.anchors import Anchored
from node.tasks.categories import render
from node.tasks.evidence import column_of_tests
from node.tasks.probe_evidence import Evidence
from node.tasks.report import Report
from node.values.example import Example

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Decoy:
    """A bad probe and what shows that it is one."""

    example: Example
    evidence: Evidence


def rewritten(about: Anchored, words: Mapping[str, str | tuple[str, ...]], report: Report | None = None) -> Example:
    """The example with other words in some fields; its tests and report too when `report` is given."""
    category, form = about.form.category, about.form
    inputs = {name: words.get(name, value) for name, value in form.inputs.items()}
    outputs = {name: words.get(name, value) for name, value in form.outputs.items()}
    changed = replace(
        form.example,
        input_data=render(category.inputs, inputs),
        output_data=render(category.outputs, outputs),
    )
    if report is None:
        return changed
    return replace(changed, test=column_of_tests(about.view, report.tests), check_report=report.text())


def turned(about: Anchored, found: list[T], among: int = 4) -> list[T]:
    """`found` from another start among its first few for each example, so that one item does not spoil them all."""
    start = about.form.example.claim[0] % max(1, min(among, len(found)))
    return found[start:] + found[:start]
