import asyncio
import dataclasses
import functools

from hypothesis import given, settings
from hypothesis import strategies as st

from node.tasks.categories import TABLE, FormError, parse, render
from node.tasks.inspection import inspect
from node.tasks.interface import Request
from node.tasks.plans import plan_for, scrutiny_for
from node.tasks.probes import probe_plan
from node.tasks.source import SourceEngine
from node.values.example import CATEGORIES, Example
from tests.support.wordwise import wordwise

PIECES = (
    "fn ",
    "{",
    "}",
    "(",
    ")",
    "`",
    '"',
    "// ",
    "/// ",
    "\n",
    "impl X ",
    "__placeholder__",
    "let a = ",
    "a::b",
    "é",
)

texts = st.one_of(
    st.text(max_size=60),
    st.lists(st.sampled_from(PIECES), max_size=30).map("".join),
)


@functools.cache
def sound() -> tuple[Example, ...]:
    requests = [Request(category, (0, 1)) for category in CATEGORIES]
    proposals = asyncio.run(SourceEngine(wordwise()).propose(requests))
    return tuple(example for proposal in proposals for _, example in proposal.examples)


def with_field(example: Example, number: int, text: str) -> Example:
    """The example with one input or output field replaced; as it was when the text is no value of that field."""
    table = TABLE[example.task_category]
    values = {**parse(table.inputs, example.input_data), **parse(table.outputs, example.output_data)}
    values[sorted(values)[number % len(values)]] = text
    inputs = {field.name: values[field.name] for field in table.inputs if field.name in values}
    outputs = {field.name: values[field.name] for field in table.outputs}
    try:
        return dataclasses.replace(
            example, input_data=render(table.inputs, inputs), output_data=render(table.outputs, outputs)
        )
    except FormError:
        return example


@settings(max_examples=150, deadline=None)
@given(st.integers(0, 10**6), st.integers(0, 5), texts)
def test_whatever_stands_in_a_field_it_is_inspected_and_planned_without_an_error(which, field, text):
    example = with_field(sound()[which % len(sound())], field, text)
    inspection = inspect(example, wordwise())
    assert all(0 <= value <= 10_000 for _, value in inspection.measures)
    assert [name for name, _ in inspection.measures] == sorted({name for name, _ in inspection.measures})
    if not inspection.problems:
        plan_for(example, wordwise())
        scrutiny_for(example, wordwise())


@settings(max_examples=100, deadline=None)
@given(st.integers(0, 10**6), st.sampled_from([field.name for field in dataclasses.fields(Example)]), texts)
def test_whatever_stands_in_a_column_it_is_inspected_without_an_error(which, column, text):
    example = sound()[which % len(sound())]
    if isinstance(getattr(example, column), str):
        inspect(dataclasses.replace(example, **{column: text}), wordwise())


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10**6), st.one_of(st.binary(max_size=40), texts.map(str.encode)))
def test_whatever_is_sent_as_evidence_is_refused_without_an_error(which, data):
    assert not probe_plan(data, sound()[which % len(sound())], wordwise()).static.holds
