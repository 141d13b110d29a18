"""Frozen values as strict JSON: one text per value, and nothing else parses."""

import enum
import json
from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from node.shards.json_form import JsonFormError, dump_json, parse_json


class Colour(enum.IntEnum):
    RED = 1
    GREEN = 2


@dataclass(frozen=True)
class Leaf:
    key: bytes
    text: str
    colour: Colour


@dataclass(frozen=True)
class Tree:
    number: int
    flags: tuple[int, int]
    leaves: tuple[Leaf, ...]
    root: Leaf | None


leaves = st.builds(Leaf, key=st.binary(max_size=8), text=st.text(max_size=8), colour=st.sampled_from(Colour))
trees = st.builds(
    Tree,
    number=st.integers(-(1 << 63), (1 << 63) - 1),
    flags=st.tuples(st.integers(0, 9), st.integers(0, 9)),
    leaves=st.lists(leaves, max_size=3).map(tuple),
    root=st.none() | leaves,
)

TREE = Tree(3, (1, 2), (Leaf(b"\xab", "ä", Colour.GREEN),), None)


@given(trees)
def test_what_is_written_parses_to_itself(tree):
    assert parse_json(Tree, dump_json(tree), bytes_max=10_000) == tree


@given(trees, st.data())
def test_no_changed_byte_parses_to_the_same_value(tree, data):
    text = bytearray(dump_json(tree))
    text[data.draw(st.integers(0, len(text) - 1))] ^= data.draw(st.integers(1, 255))
    try:
        parsed = parse_json(Tree, bytes(text), bytes_max=10_000)
    except JsonFormError:
        return
    assert parsed != tree


def test_the_text_is_plain_to_read():
    assert dump_json(TREE).decode() == (
        '{"number":3,"flags":[1,2],"leaves":[{"key":"ab","text":"ä","colour":2}],"root":null}'
    )


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('"number":3', '"number":3.0'),
        ('"number":3', '"number":true'),
        ('"number":3', '"number":"3"'),
        ('"number":3', '"number":9223372036854775808'),
        ('"number":3', '"number":03'),
        ('"number":3', '"number":NaN'),
        ('"number":3', '"number":3,"number":3'),
        ('"number":3', '"number": 3'),
        ('"number":3,', ""),
        ('"number":3', '"more":1,"number":3'),
        ("[1,2]", "[1,2,3]"),
        ("[1,2]", '{"a":1}'),
        ('"ab"', '"AB"'),
        ('"ab"', '"a"'),
        ('"ab"', '"zz"'),
        ('"ab"', '"a b"'),
        ('"colour":2', '"colour":3'),
        ('"ä"', '"\\u00e4"'),
        ("null}", "null} "),
        ("null}", "[]}"),
    ],
)
def test_every_other_text_is_refused(old, new):
    text = dump_json(TREE).decode()
    assert old in text
    with pytest.raises(JsonFormError):
        parse_json(Tree, text.replace(old, new, 1).encode(), bytes_max=10_000)


def test_what_is_too_long_or_too_deep_is_refused_before_it_costs_anything():
    with pytest.raises(JsonFormError, match="at most 10"):
        parse_json(Tree, dump_json(TREE), bytes_max=10)
    with pytest.raises(JsonFormError):
        parse_json(Tree, b"[" * 100_000, bytes_max=1_000_000)
    with pytest.raises(JsonFormError):
        parse_json(Tree, b"1" * 10_000, bytes_max=1_000_000)


def test_a_refusal_names_the_place():
    text = dump_json(TREE).decode().replace('"ab"', '"zz"')
    with pytest.raises(JsonFormError, match=r"leaves\[0\]\.key is not hex"):
        parse_json(Tree, text.encode(), bytes_max=10_000)


def test_values_without_a_form_are_our_bug():
    with pytest.raises(TypeError):
        dump_json({"a": 1})
    assert json.loads(dump_json((1, None, True))) == [1, None, True]
