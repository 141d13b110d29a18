"""The fifteen categories: their fields, in order, with bounds, and the strict form of `input_data` and `output_data`.

Both are strict JSON objects as `render` writes them: keys in the table's order, optional keys left out when there is
nothing to say, no other white space than after `,` and `:`. One value has one text, so that the claim hash of an
example (R16) cannot be changed by a space.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum

from node.values.example import CATEGORIES

Value = str | tuple[str, ...]
Values = Mapping[str, Value]


class FieldKind(Enum):
    """What a field holds, hence what can be asked of it."""

    CODE = "code"
    """Rust that parses by itself: items or statements."""
    FRAGMENT = "fragment"
    """A piece of Rust that need not parse alone: it ends or starts inside something."""
    PROSE = "prose"
    NAME = "name"
    """One identifier."""
    DOCSTRING = "docstring"
    """Documentation comment lines, markers included."""
    CODE_LIST = "code_list"
    """A list of pieces of Rust, each parsing by itself."""


CHARS_MAX = {
    FieldKind.CODE: 32_768,
    FieldKind.FRAGMENT: 32_768,
    FieldKind.PROSE: 16_384,
    FieldKind.NAME: 64,
    FieldKind.DOCSTRING: 16_384,
    FieldKind.CODE_LIST: 32_768,
}
"""Per field, in characters; a list's items count together. Far above what the reference dataset holds (mean 127
tokens), far below what a gossip body may be."""

LIST_ITEMS_MAX = 16

PLACEHOLDER = "__placeholder__"
"""Stands for the masked name in the naming categories; a valid identifier, so that masked code still compiles."""


@dataclass(frozen=True, slots=True)
class Field:
    """One key of a category's input or output."""

    name: str
    kind: FieldKind
    required: bool = True


@dataclass(frozen=True, slots=True)
class Category:
    """One row of the table in TASKS.md."""

    name: str
    inputs: tuple[Field, ...]
    outputs: tuple[Field, ...]
    executable: bool
    """Whether something about an example is proven by compiling or running it."""
    needs_execution: bool
    """Whether an example says nothing true unless it was executed: never proposed without a toolchain."""


_CODE = Field("code", FieldKind.CODE)
_CONTEXT = Field("code_context", FieldKind.CODE, required=False)
_BEFORE = Field("code_before", FieldKind.CODE)
_AFTER = Field("code_after", FieldKind.CODE)


def _prose(name: str) -> Field:
    return Field(name, FieldKind.PROSE)


def _category(
    name: str, inputs: tuple[Field, ...], outputs: tuple[Field, ...], *, executable: bool, needs_execution: bool = False
) -> Category:
    return Category(name, inputs, outputs, executable, needs_execution)


_TABLE = (
    _category(
        "code_generation",
        (_prose("title"), _prose("description"), _CONTEXT),
        (_CODE,),
        executable=True,
        needs_execution=True,
    ),
    _category(
        "code_completion",
        (Field("prefix", FieldKind.FRAGMENT), Field("suffix", FieldKind.FRAGMENT)),
        (Field("completion", FieldKind.FRAGMENT),),
        executable=True,
    ),
    _category("docstring_generation", (_CODE, _CONTEXT), (Field("docstring", FieldKind.DOCSTRING),), executable=True),
    _category(
        "test_generation",
        (Field("code_to_test", FieldKind.CODE), _CONTEXT, Field("test_context", FieldKind.CODE, required=False)),
        (Field("test_cases", FieldKind.CODE_LIST),),
        executable=True,
        needs_execution=True,
    ),
    _category("code_summarization", (_CODE, _CONTEXT), (_prose("summary"),), executable=False),
    _category(
        "bug_detection",
        (Field("buggy_code", FieldKind.CODE), _CONTEXT),
        (Field("fixed_code", FieldKind.CODE), _prose("bug_description")),
        executable=True,
        needs_execution=True,
    ),
    _category(
        "code_refactoring",
        (_BEFORE, _CONTEXT),
        (_AFTER, _prose("rationale")),
        executable=True,
        needs_execution=True,
    ),
    _category(
        "code_optimization",
        (_BEFORE, _CONTEXT),
        (_AFTER, _prose("rationale")),
        executable=True,
        needs_execution=True,
    ),
    _category(
        "code_review",
        (_BEFORE, _CONTEXT),
        (_AFTER, _prose("review_comment")),
        executable=True,
        needs_execution=True,
    ),
    _category("function_naming", (_CODE, _CONTEXT), (Field("function_name", FieldKind.NAME),), executable=True),
    _category("variable_naming", (_CODE, _CONTEXT), (Field("variable_name", FieldKind.NAME),), executable=True),
    _category(
        "api_usage_prediction",
        (Field("code", FieldKind.FRAGMENT), _CONTEXT),
        (Field("next_api_call", FieldKind.FRAGMENT),),
        executable=True,
    ),
    _category("code_search", (_prose("query"), _CONTEXT), (Field("code_snippet", FieldKind.CODE),), executable=False),
    _category("code_explanation", (_CODE, _CONTEXT), (_prose("explanation"),), executable=False),
    _category("comment_generation", (_CODE, _CONTEXT), (Field("commented_code", FieldKind.CODE),), executable=True),
)

TABLE: Mapping[str, Category] = {category.name: category for category in _TABLE}
"""By name, in the order of the reference dataset."""

assert tuple(TABLE) == CATEGORIES, "the table and the values must list the same categories"


class FormError(ValueError):
    """An input or output text is not of its category's form."""


def render(fields: tuple[Field, ...], values: Values) -> str:
    """Write an input or output object.

    Raises:
        FormError: A required field is missing or empty, a key is unknown, a value is too long or of the wrong shape.
    """
    unknown = values.keys() - {field.name for field in fields}
    if unknown:
        raise FormError(f"unknown keys {sorted(unknown)}")
    pairs = {field.name: _checked(field, values.get(field.name)) for field in fields if _is_present(field, values)}
    return json.dumps(pairs, ensure_ascii=False)


def _is_present(field: Field, values: Values) -> bool:
    return field.required or field.name in values


def _checked(field: Field, value: object) -> object:
    items = value if isinstance(value, (list, tuple)) else (value,)
    if isinstance(value, (list, tuple)) != (field.kind is FieldKind.CODE_LIST):
        raise FormError(f"{field.name}: {type(value).__name__} where {field.kind.value} is expected")
    if not 1 <= len(items) <= LIST_ITEMS_MAX:
        raise FormError(f"{field.name}: {len(items)} items, 1 to {LIST_ITEMS_MAX} allowed")
    for item in items:
        if not isinstance(item, str) or not item.strip():
            raise FormError(f"{field.name}: missing or empty")
        if "\0" in item or "\r" in item:
            raise FormError(f"{field.name}: holds a control character that no source text has")
    length = sum(len(str(item)) for item in items)
    if length > CHARS_MAX[field.kind]:
        raise FormError(f"{field.name}: {length} characters, at most {CHARS_MAX[field.kind]} allowed")
    return list(items) if field.kind is FieldKind.CODE_LIST else value


def parse(fields: tuple[Field, ...], text: str) -> dict[str, Value]:
    """Read an input or output object strictly.

    Raises:
        FormError: Not JSON, not an object of these fields in this order, or not as `render` writes it.
    """
    try:
        found = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise FormError(f"not JSON: {error}") from error
    if not isinstance(found, dict):
        raise FormError(f"{type(found).__name__} where an object is expected")
    if render(fields, found) != text:
        raise FormError("not in the strict form: key order, white space, escapes or doubled keys")
    return {name: tuple(value) if isinstance(value, list) else value for name, value in found.items()}
