"""Stubs and mutants of free-standing code: what is changed, what is left alone, and that the result is still Rust."""

from __future__ import annotations

import subprocess

import pytest

from node.checks.guards.mutants import (
    further_mutants_of,
    handing_on_mutants_of,
    mutants_of,
    mutants_of_lone,
    stub_of,
    targets_of,
)
from node.checks.guards.reading import parse

CODE = """#![deny(warnings)]
//! Shapes.
pub mod shapes {
    /// Larger?
    pub fn larger(a: i32, b: i32) -> bool { a > b && !(a == 0) }
    pub fn evens(items: &[u8]) -> impl Iterator<Item = u8> + '_ { items.iter().copied().filter(|n| n % 2 == 0) }
    pub const fn twice(n: u32) -> u32 { n * 2 }
}
pub struct Stack { items: Vec<u8> }
impl Stack {
    pub fn new() -> Self { Stack { items: Vec::new() } }
    pub fn push(&mut self, item: u8) { #![allow(unused)] self.items.push(item); }
    pub fn top(&self) -> Option<u8> { if self.items.is_empty() { return None; } self.items.last().copied() }
}
impl Default for Stack { fn default() -> Self { Self::new() } }
pub fn first(items: &[u8]) -> u8 { unsafe { *items.as_ptr() } }
fn main() {}
#[cfg(test)]
mod tests {
    use super::*;
    fn helper(n: u32) -> u32 { n + 1 }
    #[test]
    fn t() { assert_eq!(shapes::twice(helper(1)), 4); }
}
"""


def test_targets_are_the_functions_that_tests_are_about():
    found = {target.name: (target.lone_reason, target.has_unsafe) for target in targets_of(CODE)}
    assert found == {
        "shapes::larger": ("", False),
        "shapes::evens": ("impl Trait in the return type", False),
        "shapes::twice": ("const fn", False),
        "new": ("", False),
        "push": ("", False),
        "top": ("", False),
        "default": ("", False),
        "first": ("", True),
    }


@pytest.mark.cargo
@pytest.mark.parametrize("edition", ["2015", "2021"])
def test_a_stub_compiles_wherever_the_example_does_and_panics_in_every_target(tmp_path, edition):
    source = tmp_path / "stub.rs"
    source.write_text(stub_of(CODE).replace("fn main() {}", "").replace("#[cfg(test)]", "#[cfg(any())]"))
    words = ["rustc", "--edition", edition, "--crate-type", "lib", "--emit", "metadata", "--out-dir", str(tmp_path)]
    done = subprocess.run([*words, str(source)], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert source.read_text().count("panic!") == len(targets_of(CODE))


def test_mutants_differ_from_the_example_in_one_place_each_and_parse():
    found = mutants_of(CODE, 100)
    assert len(found) == len(set(found)) > 15
    changed = {mutant.applied(CODE) for mutant in found}
    assert CODE not in changed
    assert not any(parse(text).has_error for text in changed)
    assert all(mutant.body(CODE) in mutant.applied(CODE) for mutant in found)
    kinds = {mutant.kind for mutant in found}
    assert {"operator", "negation", "number", "guard", "value"} <= kinds


def test_code_for_tests_has_no_mutants():
    for found in (mutants_of(CODE, 100), further_mutants_of(CODE, 100)):
        assert {mutant.target.name for mutant in found}.isdisjoint({"main", "helper", "t"})


def test_of_what_holds_unsafe_only_all_is_changed_and_only_where_nothing_like_it_relies_on_it():
    found = [mutant for mutant in mutants_of(CODE, 100) if mutant.target.name == "first"]
    assert [mutant.text for mutant in found] == ["{ 0 }", "{ 1 }"]
    found = [mutant for mutant in further_mutants_of(CODE, 100) if mutant.target.name == "first"]
    assert [mutant.text for mutant in found] == ["{ 2 }"]
    code = f"{CODE}pub fn second(items: &[u8]) -> u8 {{ unsafe {{ *items.as_ptr().add(first(items) as usize) }} }}"
    for more in (mutants_of(code, 100), further_mutants_of(code, 100)):
        assert "first" not in {mutant.target.name for mutant in more}
        assert "second" in {mutant.target.name for mutant in more}


def test_few_mutants_are_spread_over_the_targets():
    names = [mutant.target.name for mutant in mutants_of(CODE, 4)]
    assert len(names) == len(set(names)) == 4


def test_the_same_example_has_the_same_mutants():
    assert mutants_of(CODE, 7) == mutants_of(CODE, 7)


def test_numbers_beyond_any_type_and_deep_nesting_are_no_trouble():
    deep = "(" * 20_000 + "1" + ")" * 20_000
    for text in ("9" * 10_000, deep, "1e5", "0x10", "{}"):
        code = f"fn f() -> u64 {{ {text} }}"
        assert stub_of(code) != code
        mutants_of(code, 5)


def test_text_without_functions_is_its_own_stub():
    assert (stub_of("pub struct A;"), mutants_of("pub struct A;", 3)) == ("pub struct A;", ())


@pytest.mark.parametrize(
    ("result", "values"),
    [
        ("Option<u8>", {"None", "Some(0)"}),
        ("Option<&Vec<u8>>", {"None"}),
        ("Result<i32, Box<dyn Error>>", {"Ok(0)", "Ok(1)"}),
        ("Result<Vec<(u8, u8)>, String>", {"Ok(Default::default())", "Ok(::std::vec![(0, 0,)])"}),
        ("std::io::Result<()>", {"Ok(())"}),
        ("(u8, String)", {"(0, String::new(),)"}),
        ("(u8, Own)", set()),
        ("fmt::Result", {"Ok(())"}),
        ("Ordering", {"::core::cmp::Ordering::Equal"}),
        ("Vec<Own>", {"Default::default()"}),
    ],
)
def test_a_body_becomes_a_value_that_is_surely_of_its_type(result, values):
    found = mutants_of(f"fn f() -> {result} {{ made() }}", 9)
    assert {mutant.text.strip("{} ") for mutant in found if mutant.kind == "value"} == values


@pytest.mark.parametrize(
    ("signature", "kind"),
    [("(&mut self) -> &mut Self", "value"), ("(mut self, n: u8) -> Self", "value"), ("(&'a self) -> &'a Self", None)],
)
def test_a_method_that_gives_itself_back_may_do_nothing_else(signature, kind):
    found = mutants_of(f"impl Own {{ fn f{signature} {{ made(self) }} }}", 9)
    assert [(mutant.text, mutant.kind) for mutant in found] == ([("{ self }", kind)] if kind else [])


@pytest.mark.parametrize(
    ("body", "kind", "becomes"),
    [
        ("v.push(own); v", "statement", ["v"]),
        ("let mut w = made(); w.sort_by(order); w", "statement", ["let mut w = made();  w"]),
        ("let mut w = Vec::new(); w.push(own); w", "statement", []),
        ("Own { n, v }", "field", ["Own { n: 0, v }", "Own { n: 1, v }"]),
        ("v.sort_by(|a, b| b.cmp(a))", "order", ["v.sort_by(|a, b| a.cmp(b))"]),
        ("v.max_by(|a, b| a.x.total_cmp(&b.x))", "order", ["v.max_by(|a, b| b.x.total_cmp(&a.x))"]),
        ("v.iter().cmp(other())", "order", []),
        ("v.union(w).collect()", "method", ["v.intersection(w).collect()"]),
    ],
)
def test_a_step_an_order_or_an_argument_may_be_lost(body, kind, becomes):
    code = f"fn f(v: &mut Own, n: u8) -> Own {{ {body} }}"
    found = [(mutant.kind, mutant.body(code)[1:-1].strip()) for mutant in mutants_of(code, 9)]
    assert found == [(kind, text) for text in becomes]


def test_what_gives_an_opaque_type_has_mutants_of_the_calculations_in_it():
    code = "fn f(n: u32) -> impl Iterator<Item = u32> { (0..n).filter(|x| x % 2 == 0).take(3) }"
    found = mutants_of(code, 9)
    assert {code[mutant.start : mutant.end] for mutant in found} == {"x % 2 == 0"}
    assert {mutant.text for mutant in found} == {"x / 2 == 0", "x % 3 == 0", "x % 2 != 0", "x % 2 == 1"}
    code = "fn f(v: Vec<Own>) -> impl Iterator<Item = Own> { v.into_iter().filter(|x| !x.is_empty()) }"
    assert [mutant.text for mutant in mutants_of(code, 9)] == ["x.is_empty()"]


OWN = """#[derive(Clone, Default)] pub struct Plain { name: String }
pub enum Light { Red, Green, Other(u8) }
pub struct Bare;
pub struct Pair(pub u8, Light);
impl Default for Bare { fn default() -> Self { made() } }
"""


@pytest.mark.parametrize(
    ("signature", "becomes"),
    [
        ("() -> u8", {"2"}),
        ("() -> Option<u8>", {"Some(1)", "Some(2)"}),
        ("() -> Plain", {"Default::default()", "Plain { name: String::new() }", 'Plain { name: "xyzzy".to_string() }'}),
        ("() -> Bare", {"Default::default()", "Bare"}),
        ("() -> Pair", {"Pair(0, Default::default())", "Pair(1, Default::default())"}),
        ("() -> Poll<u8>", set()),
        ("() -> Light", {"Light::Red", "Light::Green"}),
        ("() -> Result<u8, Light>", {"Ok(2)", "Err(Light::Red)"}),
        ("() -> Result<Foreign, String>", {"Ok(Default::default())", "Err(String::new())"}),
        ("<T>(t: T) -> T", set()),
        ("() -> &'static Plain", set()),
        ("() -> Box<dyn Fn()>", {"Default::default()"}),
    ],
)
def test_a_body_becomes_what_the_row_itself_says_is_of_its_type(signature, becomes):
    found = further_mutants_of(f"{OWN}fn f{signature} {{ made() }}", 20)
    assert {mutant.text[2:-2] for mutant in found if mutant.target.name == "f"} == becomes


@pytest.mark.parametrize(
    ("parameters", "begins"),
    [
        ("text: &'a str", [f' let text: &\'a str = "{word}";' for word in ("", "xyzzy", "y")]),
        ("mut n: u8", [f" let mut n: u8 = {value};" for value in (0, 1, 2)]),
        ("own: &[Own]", [" let own: &[Own] = &[];"]),
        ("bare: &Bare", [" let bare: &Bare = &Default::default();", " let bare: &Bare = &Bare;"]),
        ("other: Foreign", [" let other: Foreign = Default::default();"]),
        ("out: &mut u8", []),
        ("&self, f: impl Fn()", []),
        ("a: T, mut b: T", [" let (a, mut b) = (b, a);"]),
        ("(a, b): (T, T)", []),
    ],
)
def test_what_is_handed_in_may_not_be_looked_at_or_taken_for_another(parameters, begins):
    found = further_mutants_of(f"{OWN}fn f({parameters}) -> T {{ made() }}", 20)
    assert {mutant.text for mutant in found if mutant.target.name == "f"} == set(begins)


@pytest.mark.parametrize(
    ("body", "becomes"),
    [
        ("if ready { a } else { b }", ["if !ready { a } else { b }"]),
        ("for x in v { w.push(x); } w", [" w", "for x in v {  } w"]),
        ("self.n = m; self.n", [" self.n"]),
        ("Own { x: p.y, y: p.x }", ["Own { x: p.x, y: p.y }"]),
        ("(b, a)", ["(a, b)"]),
        ("match x { A => one, B => two }", ["match x { A => two, B => one }"]),
        ("v.iter().rev().last()", ["v.iter().last()"]),
        ('format!("<{n}>")', ['format!("x<{n}>")', 'format!("")', 'format!("<{n}>y")']),
        ('v.get(k).expect("there")', []),
        ("v.split('x')", ["v.split('y')"]),
        ("v.first()", []),
    ],
)
def test_a_step_may_be_left_out_and_neighbours_may_change_places(body, becomes):
    code = f"fn f(&self) -> T {{ {body} }}"
    assert [mutant.body(code)[1:-1].strip() for mutant in further_mutants_of(code, 20)] == [
        text.strip() for text in becomes
    ]


def test_what_gives_an_opaque_type_gets_other_words():
    code = "fn f(n: u32, own: Own) -> impl Iterator<Item = u32> { (0..n).map(own.step()).take(3).chain(n.0) }"
    changed = {code[mutant.start : mutant.end] + "=" + mutant.text for mutant in further_mutants_of(code, 20)}
    assert changed == {"n=0", "0=1", "3=4", "own=Default::default()"}


def test_further_mutants_are_rust_and_spread_over_the_targets():
    found = further_mutants_of(CODE, 100)
    assert not any(parse(mutant.applied(CODE)).has_error for mutant in found)
    names = [mutant.target.name for mutant in further_mutants_of(CODE, 4)]
    assert len(names) == len(set(names)) == 4


def test_a_default_is_not_made_of_itself():
    code = "pub struct Own(u8); impl Default for Own { fn default() -> Self { Own(made()) } }"
    assert {mutant.text for mutant in further_mutants_of(code, 20)} == {"{ Own(0) }", "{ Own(1) }"}


def test_where_there_are_no_functions_closures_have_mutants():
    code = "pub static F: fn(u8) -> u8 = |n| n + made(3);\n#[cfg(test)] mod tests { static G: fn() -> u8 = || 1 + 1; }"
    assert [mutant.text for mutant in mutants_of(code, 9)] == ["n + made(4)", "n - made(3)"]
    assert mutants_of(f"{code} fn f() {{ made() }}", 9)[0].target.name == "f"
    assert {mutant.target.name for mutant in mutants_of(f"{code} fn f() {{ made() }}", 9)} == {"f"}


@pytest.mark.parametrize(
    ("signature", "body", "becomes"),
    [
        ("<T>(f: F, t: T) -> T", "f(t)", ["t", "f(f(t))", "f(f(f(t)))"]),
        ("<T>(t: T) -> Option<T>", "some(t)", ["Some(t)", "t", "some(some(t))", "some(some(some(t)))"]),
        ("<T>(t: &[T]) -> Vec<T>", "t.iter().cloned().collect()", ["t.to_vec()", "t.iter().cloned().rev().collect()"]),
        ("(v: Own) -> T", "v.into_iter().sum()", ["v.into_iter().skip(1).sum()", "v.sum()"]),
        ("(f: F) -> T", "if g() { f() } else { h() }", ["if g() { h() } else { h() }", "if g() { f() } else { f() }"]),
        ("(o: Own) -> T", "match o { A => f(), B => h() }", ["match o { A => h(), B => h() }"]),
        ("<T>(a: T, b: T) -> T", "a", ["b"]),
        ("() -> T", "made(x, y)", ["made(made(x, y), y)"]),
    ],
)
def test_what_is_handed_on_may_be_handed_on_otherwise(signature, body, becomes):
    code = f"fn f{signature} {{ {body} }}"
    found = [mutant.body(code)[1:-1].strip() for mutant in handing_on_mutants_of(code, 20)]
    assert set(becomes) <= set(found), found
    assert body not in found


def test_what_holds_unsafe_or_gives_an_opaque_type_hands_on_as_it_does():
    assert handing_on_mutants_of("fn f<T>(t: T) -> T { unsafe { g(t) } }", 9) == ()
    assert handing_on_mutants_of("fn f<T>(t: T) -> impl Own<T> { g(t) }", 9) == ()


def test_what_can_be_no_arm_is_changed_as_another_text():
    code = (
        "const fn f(n: u8) -> u8 { n + 1 }\nfn g(n: I) -> impl Iterator<Item = u8> { n.chain(n) }\nfn h() -> u8 { 1 }"
    )
    steps = {target.body: 1 for target in targets_of(code)}
    const, opaque = ([mutant.applied(code) for mutant in found] for found in mutants_of_lone(code, steps))
    assert code.replace("n + 1", "n - 1") in const
    assert code.replace("n.chain(n)", "n.chain(n).skip(1)") in opaque
    assert all(text.endswith("{ 1 }") for text in (*const, *opaque))
