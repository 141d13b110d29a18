"""The form of each category's input and output (TASKS.md): which fields, in which order, of which type.

`input_data` and `output_data` of an example are strict JSON objects with exactly these keys in exactly this order, so
that every row of a category loads alike.
"""

from __future__ import annotations

import json
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class CategoryForm:
    """Fields of one category, in order."""

    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    optional: tuple[str, ...] = ("code_context",)
    """Further inputs, in order, each of which may be absent."""


FORMS = {
    "code_generation": CategoryForm(("title", "description"), ("code",)),
    "code_completion": CategoryForm(("prefix", "suffix"), ("completion",), optional=()),
    "docstring_generation": CategoryForm(("code",), ("docstring",)),
    "test_generation": CategoryForm(("code_to_test",), ("test_cases",), optional=("code_context", "test_context")),
    "code_summarization": CategoryForm(("code",), ("summary",)),
    "bug_detection": CategoryForm(("buggy_code",), ("fixed_code", "bug_description")),
    "code_refactoring": CategoryForm(("code_before",), ("code_after", "rationale")),
    "code_optimization": CategoryForm(("code_before",), ("code_after", "rationale")),
    "code_review": CategoryForm(("code_before",), ("code_after", "review_comment")),
    "function_naming": CategoryForm(("code",), ("function_name",)),
    "variable_naming": CategoryForm(("code",), ("variable_name",)),
    "api_usage_prediction": CategoryForm(("code",), ("next_api_call",)),
    "code_search": CategoryForm(("query",), ("code_snippet",)),
    "code_explanation": CategoryForm(("code",), ("explanation",)),
    "comment_generation": CategoryForm(("code",), ("commented_code",)),
}

LISTS = frozenset({"test_cases"})
"""Fields that hold a list of strings. All others hold a string."""


class MalformedFieldError(ValueError):
    """A text is not of its category's form; the message says how."""


def parse_input(category: str, text: str) -> dict[str, str | list[str]]:
    """Parse an example's `input_data`.

    Raises:
        MalformedFieldError: Unknown category, not strict JSON, or other keys, order or types than the form's.
    """
    form = _form(category)
    value = parse_object(text)
    present = tuple(name for name in form.optional if name in value)
    return _check_fields(value, form.inputs + present)


def parse_output(category: str, text: str) -> dict[str, str | list[str]]:
    """Parse an example's `output_data`.

    Raises:
        MalformedFieldError: As `parse_input`.
    """
    return _check_fields(parse_object(text), _form(category).outputs)


def parse_object(text: str) -> dict[str, object]:
    """Parse a strict JSON object: no repeated key, no NaN or infinity, nothing but an object.

    Raises:
        MalformedFieldError: It is not one.
    """
    try:
        value = json.loads(text, object_pairs_hook=_pairs, parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as error:
        raise MalformedFieldError(f"not strict JSON: {error}") from error
    if not isinstance(value, dict):
        raise MalformedFieldError(f"a JSON {type(value).__name__} where an object is expected")
    return value


def _form(category: str) -> CategoryForm:
    form = FORMS.get(category)
    if form is None:
        raise MalformedFieldError(f"unknown category {category[:40]!r}")
    return form


def _check_fields(value: dict[str, object], names: tuple[str, ...]) -> dict[str, str | list[str]]:
    if tuple(value) != names:
        raise MalformedFieldError(f"keys {list(value)} where {list(names)} are expected")
    fields: dict[str, str | list[str]] = {}
    for name, item in value.items():
        if name not in LISTS and isinstance(item, str):
            fields[name] = item
        elif name in LISTS and isinstance(item, list) and item and all(isinstance(entry, str) for entry in item):
            fields[name] = [str(entry) for entry in item]
        else:
            raise MalformedFieldError(f"{name} is not {'a list of strings' if name in LISTS else 'a string'}")
    return fields


def _pairs(pairs: list[tuple[str, object]]) -> dict[str, object]:
    value = dict(pairs)
    if len(value) != len(pairs):
        raise ValueError("a key is repeated")
    return value


def _refuse_constant(name: str) -> object:
    raise ValueError(f"{name} is not JSON")
