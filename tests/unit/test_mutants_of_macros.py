"""Changes of macros, constants and derived traits: where they are made, and that they are still Rust."""

from __future__ import annotations

import pytest

from node.checks.guards.arm_changes import changes_of_arm
from node.checks.guards.arms import arms_of, stub_of_arms, used_marks
from node.checks.guards.constants import changes_of_constants, changes_of_discriminants
from node.checks.guards.derives import changes_of_derives
from node.checks.guards.reading import parse
from node.checks.guards.rewriting import Rewrite, by_turns, in_place


def macro(*rules: str) -> bytes:
    return f"macro_rules! m {{ {' '.join(f'{rule};' for rule in rules)} }}".encode()


def right_sides(code: bytes) -> list[list[str]]:
    """What stands in the place of each rule's right-hand side, for each of its changes."""
    found = []
    for arm in arms_of(code):
        behind = len(code) - arm.end
        texts = (change.applied(code) for change in changes_of_arm(arm, code))
        found.append([text[arm.start : len(text) - behind].decode().strip() for text in texts])
    return found


@pytest.mark.parametrize(
    ("rule", "becomes"),
    [
        ("($a:expr) => { $a * 2 }", ["$a + 2", "$a * 3", "if true { $a } else { $a * 2 }", "(!$a) * 2"]),
        ("($($x:expr),*) => { 0 $(+ $x)* }", ["0 $(- $x)*", "1 + (0 $(+ $x)*)", "0 $(+ (1 + $x))*"]),
        ("($($x:expr),+) => { $($x)&&+ }", ["$($x)||+"]),
        ("($v:expr) => { $v.sort(); $v.dedup(); }", ["$v.dedup(); $v.sort();", "if false { $v.sort(); } $v.dedup();"]),
        ('($n:expr) => { format!("<{}>", $n) }', ['format!("x<{}>", $n)', 'format!("", $n)']),
        ("($n:ident) => { fn $n(a: u8) -> u8 { g(a) } }", ["fn $n(a: u8) -> u8 { 1 }", "fn $n(a: u8) -> u8 { a }"]),
        ("($x:expr) => { matches!($x, 1 | 2) }", ["matches!($x, 2 | 2)", "matches!($x, 1 | 3)"]),
        ("($a:expr) => { $crate::f($a) }", ["if true { 1 } else { $crate::f($a) }"]),
        ("($($k:expr),*) => { let v = w(); $( v.put($k); )* }", ["let v = w(); $( if false { v.put($k); } )*"]),
    ],
)  # fmt: skip
def test_what_a_macro_expands_to_is_changed(rule, becomes):
    (found,) = right_sides(macro(rule))
    assert set(becomes) <= set(found), found


@pytest.mark.parametrize(
    "rule",
    [
        "() => { unsafe { *P } }",
        "() => {}",
        "($a:expr) => { => $a <- ; vec![2] }",
        "($n:ident) => { #[test] fn $n() { assert_eq!(f(1), 2); } }",
    ],
)
def test_what_is_unsafe_or_no_rust_or_makes_tests_is_left_alone(rule):
    assert not any(right_sides(macro(rule)))


def test_macros_for_tests_are_not_the_codes():
    code = b"#[cfg(test)] mod tests { macro_rules! m { () => { 1 + 1 }; } }"
    assert arms_of(code) == []


def test_a_rule_says_that_it_is_used_and_panics_where_what_it_is_allows_it():
    code = macro("($a:expr) => { $a + 1 }", "(@ $a:ident) => { let b = 1; $a = b; }", "($n:ident) => { struct $n; }")
    arms = arms_of(code)
    marked = used_marks(arms).applied(code).decode()
    assert '{{ ::core::compile_error!("swarm rule 0");  $a + 1  }}' in marked
    assert '{::core::compile_error!("swarm rule 2");  struct $n; }' in marked
    stub = stub_of_arms(arms)
    assert stub is not None
    stubbed = stub.applied(code).decode()
    assert '{{ if true { ::core::panic!("swarm stub") }  $a + 1  }}' in stubbed
    assert 'panic!("swarm stub") }  let b = 1;' in stubbed
    assert stubbed.endswith("{ struct $n; }; }")
    assert stub_of_arms(arms[2:]) is None


def applied(code: str, changes: list[Rewrite]) -> list[str]:
    texts = [change.applied(code.encode()).decode() for change in changes]
    assert code not in texts
    assert not any(parse(text).has_error for text in texts)
    return texts


@pytest.mark.parametrize(
    ("code", "becomes"),
    [
        ("const N: u32 = 7;", ["const N: u32 = 8;", "const N: u32 = 0;", "const N: u32 = 10;", "const N: u32 = 1;"]),
        ("static N: [u8; 2] = [1, 2];", ["static N: [u8; 2] = [2, 3];", "static N: [u8; 2] = [2, 2];"]),
        ("const N: [u8; 2] = [A, B];", ["const N: [u8; 2] = [B, B];", "const N: [u8; 2] = [A, A];"]),
        ("const N: [u8; 9] = [1; 9];", ["const N: [u8; 9] = [2; 9];"]),
        ('const N: &str = "a";', ['const N: &str = "xa";', 'const N: &str = "";', 'const N: &str = "a 7Q";']),
        ("const N: bool = true;", ["const N: bool = false;"]),
        ("const N: f64 = 1.5e3;", ["const N: f64 = 0.0;"]),
        ("const N: f64 = 2.5;", ["const N: f64 = 3.5;"]),
        ("const N: u8 = 0xFE;", ["const N: u8 = 255;"]),
        ("impl T for A { const N: (u8, char) = (1, 'a'); }", ["impl T for A { const N: (u8, char) = (2, 'x'); }"]),
        ("const N: u8 = M << 1;", ["const N: u8 = M >> 1;"]),
        ("enum E { A, B } const N: E = E::A;", ["enum E { A, B } const N: E = E::B;"]),
        ("limits!(N = 1, M = 2);", ["limits!(N = 2, M = 3);", "limits!(N = 2, M = 2);"]),
    ],
)
def test_values_that_have_no_body_are_others(code, becomes):
    found = applied(code, changes_of_constants(code, frozenset({"N"})))
    assert set(becomes) <= set(found), found


def test_all_values_at_once_come_first_for_who_looks_at_one_of_many():
    code = "const N: [u8; 3] = [1, 2, 3]; const M: u8 = 4; const O: u8 = 5;"
    first = changes_of_constants(code, frozenset({"N", "M"}))[0]
    assert first.applied(code.encode()).decode() == "const N: [u8; 3] = [2, 3, 4]; const M: u8 = 5; const O: u8 = 5;"


@pytest.mark.parametrize(
    "code",
    [
        "const N: u8 = unsafe { f() };",
        "#[cfg(test)] mod tests { const N: u8 = 1; cases!(N = 1); }",
        "macro_rules! cases { ($n:ident = $v:expr) => { #[test] fn $n() { assert_eq!(f($v), 1); } }; } cases!(N = 1);",
        "const M: u8 = 1;",
        "trait T { const N: u8; }",
    ],
)
def test_what_is_unsafe_for_tests_or_not_come_to_keeps_its_value(code):
    assert changes_of_constants(code, frozenset({"N"})) == []


def test_discriminants_are_others_where_a_test_asks_for_one():
    code = "enum E { A = 1, B, C(u8) } enum F { A = 1 }"
    found = applied(code, changes_of_discriminants(code, "assert_eq!(E::A as u8, 1);"))
    assert "enum E { A = 2, B, C(u8) } enum F { A = 1 }" in found
    assert "enum E { A = 1, B = 101, C(u8) } enum F { A = 1 }" in found
    assert changes_of_discriminants(code, "assert_ne!(E::A, E::B);") == []


def test_a_derived_default_is_another_where_a_test_asks_for_it_and_so_is_equality():
    code = "#[derive(Debug, Default, PartialEq)] struct S { a: u8, b: Own }"
    found = applied(code, changes_of_derives(code, "S::default()"))
    made = "fn default() -> Self { S { a: 1, b: ::core::default::Default::default() } }"
    assert (
        f"#[derive(Debug,  PartialEq)] struct S {{ a: u8, b: Own }} impl ::core::default::Default for S {{ {made} }}"
        in found
    )
    assert sum("fn eq(&self, _: &Self) -> bool" in text for text in found) == 2
    assert changes_of_derives(code, "S { a: 1, ..Default::default() }") == []
    code = "#[derive(Default)] enum E { #[default] A, B, C(u8) }"
    assert applied(code, changes_of_derives(code, "E::default()")) == [
        "#[derive(Default)] enum E {  A, #[default] B, C(u8) }"
    ]


def test_families_take_turns_and_repeat_nothing():
    one, other, third = (Rewrite(((number, number, "x"),), "value") for number in range(3))
    assert by_turns([[one, other], [third, one]]) == [one, third, other]
    assert in_place(parse("fn f() {}").children[0], "x", "value") == Rewrite(((0, 9, "x"),), "value")
