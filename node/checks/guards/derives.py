"""Mistakes in what a type derives: another default, an equality that is none. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator

from tree_sitter import Node

from node.checks.guards.reading import Declared, attribute_name, declared, name_of, parse, text_of, walk
from node.checks.guards.rewriting import Rewrite, by_turns
from node.checks.guards.values import INTEGERS, likely_values, sure_values


def changes_of_derives(code: str, tests: str) -> list[Rewrite]:
    """Of types without parameters whose derived default the tests ask for by name (`Own::default()`).

    Their equality comes with it: a test of nothing else that is derived notices that.
    """
    types = [item for item in declared(parse(code).children) if item.node.type in {"struct_item", "enum_item"}]
    asked = [item for item in types if not item.in_tests and _asks_for_default(item, tests)]
    return by_turns([*_other_defaults(item), *_other_equality(item)] for item in asked)


def _asks_for_default(item: Declared, tests: str) -> bool:
    is_plain = item.node.child_by_field_name("type_parameters") is None
    return is_plain and re.search(rf"\b{re.escape(item.name)}\s*::\s*default\s*\(", tests) is not None


def _other_defaults(item: Declared) -> Iterator[Rewrite]:
    if item.node.type == "enum_item":
        yield from _other_variant(item.node)
        return
    body, derived = item.node.child_by_field_name("body"), _derived(item, "Default")
    if body is None or derived is None or body.type != "field_declaration_list":
        return
    fields = [node for node in body.named_children if node.type == "field_declaration"]
    kinds = {name_of(field): text_of(field.child_by_field_name("type")).replace(" ", "") for field in fields}
    others = {name: _other_values(kind) for name, kind in kinds.items()}
    for number in range(max(map(len, others.values()), default=0)):
        plain = "::core::default::Default::default()"
        given = [f"{name}: {(*values, *[plain] * (number + 1))[number]}" for name, values in others.items()]
        made = f"fn default() -> Self {{ {item.name} {{ {', '.join(given)} }} }}"
        yield _in_the_place_of(derived, item, "::core::default::Default", made)


def _other_values(kind: str) -> list[str]:
    """Those that are no default."""
    values = dict.fromkeys((*sure_values(kind), *likely_values(kind, {}), *_THIRD.get(kind, ())))
    return [value for value in values if value not in _DEFAULTS and not value.startswith("Default::")]


_THIRD = {**dict.fromkeys(INTEGERS, ("7",)), "f32": ("7.5",), "f64": ("7.5",), "String": ('"z".to_string()',)}
_DEFAULTS = frozenset({"0", "false", "String::new()", '""', "0.0", "None", "()"})


def _other_variant(enum: Node) -> Iterator[Rewrite]:
    """The mark of the default at another variant."""
    variants = [node for node in walk(enum) if node.type == "enum_variant"]
    marks = [node for node in walk(enum) if node.type == "attribute_item" and attribute_name(node) == "default"]
    for variant in variants if len(marks) == 1 else ():
        mark = marks[0]
        if variant.child_count == 1 and text_of(mark.next_named_sibling) != text_of(variant):
            edits = ((mark.start_byte, mark.end_byte, ""), (variant.start_byte, variant.start_byte, "#[default] "))
            yield Rewrite(tuple(sorted(edits)), "variant")


def _other_equality(item: Declared) -> Iterator[Rewrite]:
    derived = _derived(item, "PartialEq")
    for value in ("false", "true") if derived is not None else ():
        made = f"fn eq(&self, _: &Self) -> bool {{ {value} }}"
        if derived is not None:
            yield _in_the_place_of(derived, item, "::core::cmp::PartialEq", made)


def _derived(item: Declared, name: str) -> Node | None:
    """The word by which a type derives a trait."""
    derives = [attribute for attribute in item.attributes if attribute_name(attribute) == "derive"]
    words = (node for attribute in derives for node in walk(attribute) if node.type == "identifier")
    return next((node for node in words if text_of(node) == name and text_of(node.prev_sibling) != "::"), None)


def _in_the_place_of(derived: Node, item: Declared, name: str, made: str) -> Rewrite:
    following = derived.next_sibling
    end = following.end_byte if following is not None and following.type == "," else derived.end_byte
    before = derived.prev_sibling
    start = (
        before.start_byte
        if end == derived.end_byte and before is not None and before.type == ","
        else derived.start_byte
    )
    written = f" impl {name} for {item.name} {{ {made} }}"
    return Rewrite(((start, end, ""), (item.node.end_byte, item.node.end_byte, written)), "derive")
