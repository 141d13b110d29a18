"""Each trick by which a test says nothing is named from its text alone, and honest tests are left alone."""

from __future__ import annotations

import pytest

from node.checks.guards.kinds import Reason, Vacuity
from node.checks.guards.reach import doubtful_assertions
from node.checks.guards.vacuity import Reading, wholly_vacuous
from tests.support.vacuous_tests import (
    BEHAVES_IN_TESTS,
    BOUNDED,
    CODE,
    EMPTY,
    NOT_WATCHED,
    OWN_METHODS,
    SOUND,
    WATCHED,
    module,
)


def reasons(test_source: str, code: str = CODE) -> list[Reason]:
    """Of every test that says nothing, not only where none is left that does."""
    row = Reading.of_texts(test_source, code)
    if not row.tests:
        return list(row.without_tests())
    return sorted([*row.redefinitions(), *filter(None, map(row.against, row.tests))])


def kinds(test_source: str, code: str = CODE) -> list[str]:
    return [reason.kind for reason in reasons(test_source, code)]


@pytest.mark.parametrize("name", EMPTY)
def test_it_is_named(name):
    source, kind = EMPTY[name]
    assert kind.value in kinds(source)
    assert wholly_vacuous(Reading.of_texts(source, CODE))


@pytest.mark.parametrize("name", EMPTY)
def test_it_is_named_too_when_the_tests_stand_in_the_code(name):
    source, kind = EMPTY[name]
    if kind is not Vacuity.NO_TEST:
        assert kind.value in kinds("", CODE + source)


@pytest.mark.parametrize("name", SOUND)
def test_it_is_left_alone(name):
    assert kinds(SOUND[name]) == []


@pytest.mark.parametrize(
    "body",
    [
        "assert!(Level(1).len() >= 0);",
        "let l = Level(1); assert_eq!(l, l.clone());",
        "let l = Level(1); assert_eq!(l + 0, l);",
    ],
)
def test_methods_of_the_codes_own_are_not_taken_for_those_of_others(body):
    assert kinds(module(body), OWN_METHODS) == []


@pytest.mark.parametrize(
    "body",
    [
        "assert!(Percent::new(150) <= Percent::MAX);",
        "let p = Percent::new(150); assert!(p >= Percent::MIN && p <= Percent::MAX);",
        "let p = Percent::new(3); assert!(p < p + 1);",
        "let p = Percent::new(3); assert_ne!(p, p + 1);",
        "let p = Percent::new(3); assert!(p - p < 1);",
        "assert!(mean(&[1.0]) <= f64::MAX);",
    ],
)
def test_bounds_and_operators_of_the_codes_own_are_its_to_keep(body):
    assert kinds(module(body), BOUNDED) == []


def test_an_order_of_the_codes_own_may_leave_something_out():
    order = "impl PartialOrd for Percent { fn partial_cmp(&self, _: &Percent) -> Option<Ordering> { None } }"
    code = BOUNDED.replace(", PartialOrd", "") + order
    body = "let (a, b) = (Percent::new(1), Percent::new(2)); assert!(a < b || a >= b);"
    assert kinds(module(body), BOUNDED) == [Vacuity.CONSTANT_ASSERTION.value]
    assert kinds(module(body), code) == []


@pytest.mark.parametrize("name", WATCHED)
def test_assertions_that_a_test_may_pass_by_are_watched(name):
    row = Reading.of_texts(module(WATCHED[name]), CODE)
    assert wholly_vacuous(row) == ()
    assert len(doubtful_assertions(row)) == 1


@pytest.mark.parametrize("name", NOT_WATCHED)
def test_nothing_is_watched_beside(name):
    row = Reading.of_texts(module(NOT_WATCHED[name]), CODE)
    assert wholly_vacuous(row) == ()
    assert doubtful_assertions(row) == ()


@pytest.mark.parametrize("name", BEHAVES_IN_TESTS)
def test_code_that_is_another_one_when_it_is_tested_is_named(name):
    found = reasons("#[test]\nfn t() { assert_eq!(add(1, 2), 3); }", BEHAVES_IN_TESTS[name])
    assert [reason.kind for reason in found] in (["other_code_in_tests"], ["target_redefined"])


def test_what_macros_make_is_of_the_code_too():
    code = "bitflags! { pub struct Flags: u8 { const READ = 1; } }\npub fn unused() {}"
    assert kinds("#[test]\nfn t() { assert_eq!(Flags::READ.bits(), 1); }", code) == []


def test_what_the_codes_own_macros_make_is_of_the_code_too():
    code = "macro_rules! code { ($($t:tt)*) => { pub fn doubled(x: i32) -> i32 { x * 2 } } }\ncode!();"
    assert kinds("#[test]\nfn t() { assert_eq!(doubled(2), 4); }", code) == []
    assert kinds("#[test]\nfn t() { assert_eq!(tripled(2), 6); }", code) == ["no_call"]


def test_one_sound_test_carries_a_row_and_the_empty_one_is_still_named():
    source = module("assert_eq!(add(1, 2), 3); } #[test] fn empty() { let _ = add(1, 2);")
    found = reasons(source, CODE)
    assert [(reason.test, reason.kind) for reason in found] == [("tests::empty", Vacuity.NO_ASSERTION.value)]
    assert wholly_vacuous(Reading.of_texts(source, CODE)) == ()


@pytest.mark.parametrize(
    "beside",
    [
        "println!(test);",
        "macro_rules! none { ($($t:tt)*) => {} }\nnone! { #[test] fn adds() { assert_eq!(add(1, 2), 3); } }",
        "macro_rules! quickcheck { ($($t:tt)*) => {} }\nquickcheck! { fn adds(a: u8) -> bool { add(a, 1) > a } }",
        "thread_local! { static SEEN: u8 = { let test = 1; test }; }",
    ],
)
def test_words_in_macros_make_no_tests(beside):
    empty = "#[test] fn t() { let test = 1; assert_eq!(test, 1); add(1, 2); }"
    for source in (f"{empty}\n{beside}", f"mod tests {{ use super::*;\n{empty}\n{beside}\n}}"):
        assert "constant_assertion" in kinds(source)


PROPERTY = "fn commutes(a: i32, b: i32) -> bool { add(a, b) == add(b, a) }\n"


@pytest.mark.parametrize(
    "test",
    [
        "#[test] fn t() { quickcheck(commutes as fn(i32, i32) -> bool); }",
        "#[test] fn t() { quickcheck::quickcheck(commutes as fn(i32, i32) -> bool); }",
        "#[test] fn t() { QuickCheck::new().tests(9).quickcheck(commutes as fn(i32, i32) -> bool); }",
    ],
)
def test_a_property_that_quickcheck_tries_is_an_assertion(test):
    assert kinds(PROPERTY + test) == []
    assert kinds(PROPERTY.replace("add(a, b) == add(b, a)", "a == a") + test) != []


@pytest.mark.parametrize(
    "made",
    [
        f"quickcheck! {{ {PROPERTY} }}",
        "proptest! { #[test] fn commutes(a: i32, b: i32) { prop_assert_eq!(add(a, b), add(b, a)); } }",
    ],
)
def test_tests_that_a_macro_makes_carry_a_row_beside_others(made):
    empty = "#[test] fn runs() { add(1, 2); }"
    assert wholly_vacuous(Reading.of_texts(made, CODE)) == ()
    assert wholly_vacuous(Reading.of_texts(f"{made}\n{empty}", CODE)) == ()
    assert wholly_vacuous(Reading.of_texts(empty, CODE))
    watched = module(next(iter(WATCHED.values())))
    assert doubtful_assertions(Reading.of_texts(f"{made}\n{watched}", CODE)) == ()


def test_a_case_that_must_panic_is_an_assertion_where_it_says_how():
    case = "#[test_case(1, 2 => panics {})]\nfn t(a: i32, b: i32) {{ add(a, b); }}"
    assert kinds(case.format('"overflow"')) == []
    assert kinds(case.format('""')) == [Vacuity.NO_ASSERTION.value]
    assert kinds(case.format("")) == [Vacuity.NO_ASSERTION.value]
    assert kinds(case.format('"overflow"').replace("add(a, b);", "")) == [Vacuity.NO_CALL.value]


def test_hostile_text_costs_no_more_than_its_length():
    for source in ("(" * 100_000, "#[test] fn t() { assert!(" + "(" * 20_000, "mod a { " * 5_000, "\0\ufffd{}"):
        reasons(source, CODE)
        reasons(module("assert_eq!(add(1, 2), 3);"), source)


def test_hostile_statements_cost_no_more_than_their_length():
    chain = "".join(f"let v{n} = v{n + 1}; " for n in range(2_000))
    for body in (
        f"add(1, 2); {chain} assert!(std::env::args().count() > 0);",
        "add(1, 2); " + "{ " * 400 + "assert!(std::env::args().count() > 0); " * 400 + "}" * 400,
        "add(1, 2); " + "let a = || { " * 400 + "assert!(std::env::args().count() > 0);" + "};" * 400,
        "assert!(" + "add(1, 2) == 4 || " * 4_000 + "true);",
    ):
        reasons(f"#[test]\nfn t() {{ {body} }}", CODE)


def test_a_constant_of_the_codes_own_is_no_plain_name():
    test = "#[test] fn t() { assert_eq!(MAX, 10); }"
    assert wholly_vacuous(Reading.of_texts(test, "pub const MAX: usize = 10;")) == ()
    assert wholly_vacuous(Reading.of_texts(test, "use std::u8::MAX; pub fn f() {}")) != ()
