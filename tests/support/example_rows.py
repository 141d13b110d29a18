"""Examples of any category out of a few words, free-standing, about the fixture crate."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

from node.rating.interface import Evidence
from node.tasks.categories import TABLE, Value, render
from node.tasks.report import Report
from node.values.crate import CratePin
from node.values.example import Example
from node.values.verdict import Inspection, Project
from tests.support.wordwise import wordwise


def example_of(
    category: str,
    inputs: Mapping[str, Value],
    outputs: Mapping[str, Value],
    pin: CratePin | None = None,
    **changes: object,
) -> Example:
    """An example of these words as the source engine would sign it, about the fixture crate unless another is named."""
    pin, table = pin or wordwise().kb.pin, TABLE[category]
    example = Example(
        crate_name=pin.name,
        input_data=render(table.inputs, inputs),
        output_data=render(table.outputs, outputs),
        task_category=category,
        test="",
        crate_version=pin.version,
        crate_checksum=pin.checksum.hex(),
        license=pin.license,
        edition=pin.edition,
        rustc_version="",
        source_path="",
        source_span="",
        engine="source/1",
        model=None,
        prompt_digest=None,
        check_report=Report(Project(pin)).text(),
        prompt_tokens=0,
        completion_tokens=0,
    )
    return dataclasses.replace(example, **changes)


def generated_of(category: str, words: Mapping[str, Value], **changes: object) -> Example:
    """The same as a language model would sign it; the category tells which of the words are its input."""
    names = {field.name for field in TABLE[category].inputs}
    inputs = {name: value for name, value in words.items() if name in names}
    outputs = {name: value for name, value in words.items() if name not in names}
    by = {"engine": "openai", "model": "a-model", "prompt_digest": "00" * 32}
    return example_of(category, inputs, outputs, **by, prompt_tokens=10, completion_tokens=10, **changes)


def summary_evidence() -> Evidence:
    """Evidence about a summary of which reading says good and bad, and which nobody executed."""
    example = example_of("code_summarization", {"code": "fn one() -> u8 { 1 }"}, {"summary": "Returns the number one."})
    measures = (("idiomatic_rust/x", 9_000), ("semantic_validity/author_words", 8_000))
    return Evidence(example, Inspection((), measures), None)
