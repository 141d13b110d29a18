"""By their words alone: which item a text is about, whether a reason speaks of a change, what a question shows."""

import asyncio
import dataclasses

import pytest

from node.tasks.anchors import anchor
from node.tasks.categories import PLACEHOLDER
from node.tasks.derive.decoy_calls import _other_arguments
from node.tasks.derive.decoys import without_assertions
from node.tasks.habits import doc_form, habits
from node.tasks.interface import Request
from node.tasks.likeness import (
    FULL,
    QUOTES_MAX,
    best_fit,
    changed_tokens,
    given,
    grounded,
    quotes,
    speaks_of_change,
    subject_words,
)
from node.tasks.probes import is_beside_the_point
from node.tasks.prose import word_set
from node.tasks.source import SourceEngine
from node.tasks.texts import is_foreign
from tests.support.wordwise import item_named, wordwise

BEFORE = "fn f(a: u8, b: u8) -> bool {\n    let c = a + 1;\n    a <= b\n}"
AFTER = BEFORE.replace("<=", "<")


def test_a_text_fits_the_item_whose_words_it_uses_and_no_other_one_half_as_well():
    items = item_named("wrap"), item_named("parse_roman")
    own = dict(zip(items, (word_set("turns the first letter"), word_set("turns the order of words")), strict=True))
    told = word_set("turns the first letter")
    assert best_fit(told, items[0], own) == FULL
    assert best_fit(told, items[1], own) == 0
    assert best_fit(word_set("turns"), items[1], own) == FULL


def test_the_crate_s_name_and_words_for_items_tell_nothing():
    assert subject_words(wordwise(), "wordwise: function that counts letters") == word_set("counts letters")


def test_the_author_s_text_about_something_else_is_foreign_and_the_own_one_is_not():
    view = wordwise()
    own, other = item_named("wrap"), item_named("parse_roman")
    assert is_foreign(view, other.doc, own)
    assert not is_foreign(view, own.doc, own)


@pytest.mark.parametrize(
    ("text", "speaks"),
    [
        ("On line 3, `a <= b` also holds for equal sides: it should be `a < b`.", True),
        ("The comparison `a <= b…` is too wide.", True),
        ("Line 2 should read `a + 2`.", False),
        ("The test `it_works` fails.", False),
        ("Nothing is quoted here.", False),
    ],
)
def test_a_reason_speaks_of_a_change_when_it_quotes_code_of_it(text, speaks):
    assert speaks_of_change(text, BEFORE, AFTER) is speaks


def test_changed_tokens_are_those_from_the_first_line_that_differs_to_the_last():
    assert changed_tokens(BEFORE, AFTER) == {"a", "b", "<", "<="}
    assert changed_tokens(BEFORE, BEFORE) == frozenset()
    assert changed_tokens("a\nb\nc", "a\nc") == {"b"}


def test_a_reason_is_beside_the_point_only_when_what_it_quotes_is_nowhere():
    assert is_beside_the_point("`x.len() == 0` reads better as `x.is_empty()`.", BEFORE, AFTER)
    assert not is_beside_the_point("`let c = a + 1` is fine.", BEFORE, AFTER)
    assert not is_beside_the_point("`x.len() == 0` is not `a < b`.", BEFORE, AFTER)
    assert not is_beside_the_point("Far too long.", BEFORE, AFTER)


async def examples(category):
    (proposal,) = await SourceEngine(wordwise()).propose((Request(category, tuple(range(8))),))
    return [anchor(example, wordwise()) for _, example in proposal.examples]


def anchored(category):
    return asyncio.run(examples(category))


def test_a_question_that_hides_what_its_code_leans_on_is_given_less():
    whole = next(about for about in anchored("code_summarization") if "code_context" in about.form.inputs)
    inputs = {name: value for name, value in whole.form.inputs.items() if name != "code_context"}
    bare = dataclasses.replace(whole, form=dataclasses.replace(whole.form, inputs=inputs))
    assert given(bare) < given(whole) <= FULL


def test_a_name_is_grounded_in_the_words_of_the_code_around_it():
    about = anchored("function_naming")[0]
    assert grounded(about, frozenset({"zebra"})) == 0
    assert grounded(about, word_set(about.text("code").replace(PLACEHOLDER, ""))) == FULL


@pytest.mark.parametrize(
    ("code", "found"),
    [
        ("fn f(x: &[u8]) -> u8 { x.iter().sum() }", set()),
        ("fn f(x: &Vec<u8>) -> usize { x.first().unwrap() as usize }", {"owned parameter", "unwraps", "casts"}),
        ("fn f(x: &[u8]) { for i in 0..x.len() { g(x[i]); } }", {"index loop"}),
        ("fn f(x: u8) -> u8 {\n    let y = x.clone();\n    return y;\n}", {"clones", "final return"}),
        ("fn f() { if a { if b { if c { if d { if e { g() } } } } } }", {"nesting"}),
        ("fn f() { unsafe { g() } }", {"unsafe"}),
    ],
)
def test_habits_are_those_that_clippy_s_stricter_lints_name(code, found):
    assert habits(code) == found


def test_documentation_is_asked_for_what_its_code_makes_necessary():
    plain = "fn f() -> u8 { 1 }"
    assert doc_form("Gives one.\n\n```\nf();\n```", plain) == (2, 2)
    assert doc_form("gives one", plain) == (0, 2)
    assert doc_form("Gives one.", "fn f() -> Result<u8, E> { panic!() }") == (1, 4)
    told = "Gives one.\n\n# Errors\n\nNever.\n\n# Panics\n\nAlways."
    assert doc_form(told, "fn f() -> Result<u8, E> { panic!() }") == (3, 4)


def test_a_hollow_test_computes_what_it_compared_and_says_nothing():
    case = '#[test]\nfn t() {\n    assert_eq!(f("a"), 1, "why");\n    assert!(g(2),);\n    h();\n}'
    assert without_assertions(case) == (
        '#[test]\nfn t() {\n    let _ = (f("a"), 1, "why");\n    let _ = (g(2));\n    h();\n}'
    )


def test_an_assertion_around_another_one_is_left_as_it_is():
    assert without_assertions("fn t() { assert_all(|| { assert!(f(1)); }); }") == (
        "fn t() { assert_all(|| { let _ = (f(1)); }); }"
    )
    assert without_assertions('fn t() { assert_text(f(1), "1"); }') == 'fn t() { let _ = (f(1), "1"); }'


def test_no_text_can_wear_out_its_reader_with_quotes():
    assert quotes("`" + '"' * 500 + "` and `a + b`") == [("a", "+", "b")]
    assert len(quotes("`a` " * 1_000)) == QUOTES_MAX


def test_other_arguments_are_exchanged_ones_and_other_literals():
    assert list(_other_arguments('f("ab", 1, true)')) == [
        'f(1, "ab", true)',
        'f("a", 1, true)',
        'f("ab", 2, true)',
        'f("ab", 1, false)',
    ]
    assert list(_other_arguments("len()")) == []
