"""The form of a model's answer: the schema that is sent with a request, and how what comes back is read.

The schema only helps a server to stay in form. What comes back is read as strictly whether or not the server says that
it enforces schemas: some accept a schema and ignore it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence

from node.tasks.categories import TABLE, Field, FieldKind, FormError, Value, render

CASES_MAX = 4
"""Test functions of one answer."""

COMPLAINT_CHARS_MAX = 600

_FENCED = re.compile(r"\A\s*```[a-zA-Z]*\n(.*?)\n?```\s*\Z", re.DOTALL)


class AnswerError(ValueError):
    """An answer that cannot be used; the message is what the model is told in the repair turn."""


def asked_fields(category: str, asks: Sequence[str]) -> tuple[Field, ...]:
    """The fields of a category that the model writes, in the order asked."""
    table = TABLE[category]
    known = {field.name: field for field in (*table.inputs, *table.outputs)}
    return tuple(known[name] for name in asks)


def answer_schema(fields: Sequence[Field]) -> str:
    """A JSON schema for an object of these fields, as canonical JSON.

    No `minLength` or `maxLength` stands on any string: servers that enforce them forbid line breaks and quotes in it.
    `test_cases` alone is a list, bounded by its number of items.
    """
    properties = {field.name: _shape(field) for field in fields}
    value = {
        "type": "object",
        "properties": properties,
        "required": [field.name for field in fields],
        "additionalProperties": False,
    }
    return json.dumps(value, separators=(",", ":"))


def _shape(field: Field) -> Mapping[str, object]:
    if field.kind is FieldKind.CODE_LIST:
        return {"type": "array", "items": {"type": "string"}, "minItems": 1, "maxItems": CASES_MAX}
    return {"type": "string"}


def read_answer(value: object, fields: Sequence[Field]) -> dict[str, Value]:
    """An answer's fields, tidied of what models wrap around code, and within the bounds of their kinds.

    Args:
        value: The answer as JSON read it.
        fields: What was asked for.

    Raises:
        AnswerError: It is no object of exactly these fields, or a field is empty, too long or of the wrong type.
    """
    if not isinstance(value, dict):
        raise AnswerError("the answer is not a JSON object")
    names = [field.name for field in fields]
    if set(value) != set(names):
        raise AnswerError(f"the keys of the JSON object must be exactly: {', '.join(names)}")
    found = {field.name: _read_field(field, value[field.name]) for field in fields}
    try:
        render(tuple(fields), found)
    except FormError as error:
        raise AnswerError(str(error)[:COMPLAINT_CHARS_MAX]) from error
    return found


def _read_field(field: Field, value: object) -> Value:
    if field.kind is FieldKind.CODE_LIST:
        if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
            raise AnswerError(f'"{field.name}" must be a list of strings')
        if len(value) > CASES_MAX:
            raise AnswerError(f'"{field.name}" has {len(value)} items, at most {CASES_MAX} are allowed')
        return tuple(_tidy(field, item) for item in value)
    if not isinstance(value, str):
        raise AnswerError(f'"{field.name}" must be a string')
    return _tidy(field, value)


def _tidy(field: Field, text: str) -> str:
    """The text as it was meant: fences, line ends and margins that are habits of models, not part of the answer."""
    text = text.replace("\r\n", "\n")
    if field.kind in {FieldKind.CODE, FieldKind.CODE_LIST, FieldKind.FRAGMENT, FieldKind.DOCSTRING}:
        fenced = _FENCED.match(text)
        text = fenced[1] if fenced else text
    if field.kind is FieldKind.FRAGMENT:
        return text  # white space at the edges of a gap belongs to it
    if field.kind is FieldKind.NAME:
        return text.strip().strip("`").removesuffix("()")
    return text.strip("\n").rstrip() if field.kind is not FieldKind.PROSE else text.strip()


def fitted(completion: str, prefix: str, suffix: str) -> str:
    """A completion without what it repeats of the text around its gap."""
    last = prefix.rsplit("\n", 1)[-1]
    if last.strip() == "" and completion.startswith(last) and last:
        completion = completion[len(last) :]  # the indentation stands in the prefix already
    tail = suffix.strip()
    if tail and completion.rstrip().endswith(tail) and len(tail) > 1:
        completion = completion.rstrip()[: -len(tail)]
    return completion.rstrip()
