"""Whether an example is of its category's form: what can be said without knowing the crate."""

from __future__ import annotations

import re
from dataclasses import dataclass

from node.tasks.categories import PLACEHOLDER, TABLE, Category, Field, FieldKind, FormError, Value, parse
from node.tasks.report import Report, ReportError, parse_report
from node.tasks.syntax import is_identifier, parses
from node.values.crate import CratePin, Span
from node.values.example import Example
from node.values.verdict import Problem, ProblemKind

TEST_CHARS_MAX = 65_536
SHORT_CHARS_MAX = 256
"""Of names, versions, licences and paths."""

_SPAN = re.compile(r"^(0|[1-9][0-9]{0,9})\.\.(0|[1-9][0-9]{0,9})$")
_HEX = re.compile(r"^(?:[0-9a-f]{64})?$")


@dataclass(frozen=True, slots=True)
class Form:
    """An example read into its parts."""

    example: Example
    category: Category
    inputs: dict[str, Value]
    outputs: dict[str, Value]
    span: Span | None
    """Where in the source it is anchored; None for a free-standing one."""

    def text(self, name: str) -> str:
        """A field that holds one text; empty when an optional one is absent."""
        value = self.inputs.get(name, self.outputs.get(name, ""))
        return value if isinstance(value, str) else "\n\n".join(value)

    def texts(self, name: str) -> tuple[str, ...]:
        """A field that holds a list."""
        value = self.outputs.get(name, ())
        return value if isinstance(value, tuple) else (value,)


def read_form(example: Example) -> Form:
    """Read an example's columns strictly.

    Raises:
        FormError: The category is unknown, or a column is not of its form.
    """
    category = TABLE.get(example.task_category)
    if category is None:
        raise FormError(f"no category is called {example.task_category[:40]!r}")
    inputs, outputs = parse(category.inputs, example.input_data), parse(category.outputs, example.output_data)
    return Form(example, category, inputs, outputs, _read_span(example))


def _read_span(example: Example) -> Span | None:
    if not example.source_span:
        return None
    match = _SPAN.match(example.source_span)
    if match is None or not example.source_path or int(match[1]) >= int(match[2]):
        raise FormError("source_span is not `start..end` of a file")
    return Span(example.source_path, int(match[1]), int(match[2]))


def read_report(example: Example) -> Report:
    """Read an example's check report.

    Raises:
        ReportError: It is not one, or is about another crate.
    """
    checksum = bytes.fromhex(example.crate_checksum) if _HEX.match(example.crate_checksum) else b""
    pin = CratePin(example.crate_name, example.crate_version, checksum, b"", example.license, example.edition)
    return parse_report(example.check_report, pin)


def validate(example: Example) -> tuple[Problem, ...]:
    """Everything that is wrong with an example's form; the first thing to ask of whatever comes from a peer."""
    try:
        form = read_form(example)
        read_report(example)
    except (FormError, ReportError) as error:
        return (Problem(ProblemKind.MALFORMED, str(error)),)
    found = [*_columns(example)]
    for field in (*form.category.inputs, *form.category.outputs):
        found += [f"{field.name} {trouble}" for trouble in _troubles(field, form)]
    return tuple(Problem(ProblemKind.MALFORMED, text) for text in found)


def _columns(example: Example) -> list[str]:
    short = ("crate_name", "crate_version", "license", "edition", "rustc_version", "source_path", "engine")
    found = [f"{name} is too long" for name in short if len(getattr(example, name)) > SHORT_CHARS_MAX]
    found += [f"{name} is empty" for name in ("crate_name", "crate_version", "engine") if not getattr(example, name)]
    if not _HEX.match(example.crate_checksum):
        found.append("crate_checksum is not 64 hex digits")
    if is_wearing(example.test):
        found.append("test holds more quotes or brackets than code does")
    if len(example.test) > TEST_CHARS_MAX:
        found.append(f"test has {len(example.test)} characters, at most {TEST_CHARS_MAX} allowed")
    if (example.model is None) != example.engine.startswith("source/"):
        found.append("model and engine contradict each other: only the source engine has no model")
    return found


QUOTES_MAX = 4_000
RAW_STRINGS_MAX = 200


DEPTH_MAX = 200
"""Of brackets, literals not told apart: rustc itself gives up at some depth, and walks cost depth times size."""


def is_wearing(code: str) -> bool:
    """Whether a piece of code would keep the parser busy: unfinished literals cost the square of their number."""
    if code.count('"') > QUOTES_MAX or code.count("r#") + code.count('r"') > RAW_STRINGS_MAX:
        return True
    depth = deepest = 0
    for character in code:
        depth += (character in "([{") - (character in ")]}")
        deepest = max(deepest, depth)
    return deepest > DEPTH_MAX


def _troubles(field: Field, form: Form) -> list[str]:
    """What is wrong with one field's content."""
    if field.name not in form.inputs and field.name not in form.outputs:
        return []
    text = form.text(field.name)
    if field.kind not in {FieldKind.PROSE, FieldKind.NAME, FieldKind.DOCSTRING} and is_wearing(text):
        return ["holds more quotes or brackets than code does"]
    if field.kind in {FieldKind.CODE, FieldKind.CODE_LIST}:
        pieces = form.texts(field.name) if field.kind is FieldKind.CODE_LIST else (text,)
        found = ["does not parse as Rust"] if not all(map(parses, pieces)) else []
        masks = form.category.outputs[0].kind is FieldKind.NAME and field.name == "code"
        return [*found, f"does not hold {PLACEHOLDER}"] if masks and PLACEHOLDER not in text else found
    if field.kind is FieldKind.NAME:
        return [] if is_identifier(text) else ["is no identifier"]
    if field.kind is FieldKind.DOCSTRING:
        lines = text.splitlines()
        return [] if all(line.strip().startswith("///") for line in lines) else ["is not made of `///` lines"]
    return []
