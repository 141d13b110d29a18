# ruff: noqa: E501  (a row of Rust is read as a line)
"""What a row's text says about how it can be built."""

import pytest

from node.checks.guards.reach import doubtful_assertions
from node.checks.guards.vacuity import Reading
from node.checks.rows.alone import runs_before_stubs
from node.checks.rows.example import PROGRAM, Example, assemble
from node.checks.rows.shape import as_module, code_in_module, look_at, with_stub
from node.checks.syntax import parse_rust

TESTS = "#[test]\nfn adds() {\n    assert_eq!(add(1, 2), 3);\n}"
ADD = "pub fn add(a: i32, b: i32) -> i32 {\n    a + b\n}"


def shape_of(code, tests="", edition="2021"):
    source = assemble(Example(code, tests=tests))
    return look_at(source, parse_rust(source.text), edition=edition)


def test_functions_as_tests_get_a_module_that_sees_the_code():
    text = assemble(Example(ADD, tests=TESTS)).text.decode()
    assert "mod row_tests {\n#[allow(unused_imports)]\nuse super::*;\n#[test]\nfn adds" in text


def test_statements_as_tests_get_a_function():
    text = assemble(Example(ADD, tests="let three = add(1, 2);\nassert_eq!(three, 3);")).text.decode()
    assert "#[test]\nfn row() {\nlet three" in text


def test_a_module_of_tests_stands_as_it_is():
    module = f"#[cfg(test)]\nmod tests {{\n    use super::*;\n    {TESTS}\n}}"
    assert assemble(Example(ADD, tests=module)).text.decode() == f"{ADD}\n\n{module}\n"


def test_macros_that_make_tests_are_no_statements():
    tests = (
        "macro_rules! case { ($name:ident) => { #[test] fn $name() {} } }\n#[allow(unused)]\nuse super::*;\ncase!(one);"
    )
    assert "fn row()" not in assemble(Example(ADD, tests=tests)).text.decode()


def test_code_with_a_main_function_is_a_program():
    assert assemble(Example("fn main() {}")).path == PROGRAM
    assert assemble(Example("mod inner { fn main() {} }")).path != PROGRAM
    assert "program" in shape_of("fn main() {}").alone


def test_paths_from_the_root_lead_to_the_module():
    source = assemble(Example("pub(crate) mod inner { pub fn f() { crate::g(); } }\npub fn g() {}"))
    shape = look_at(source, parse_rust(source.text), edition="2021")
    assert not shape.alone
    text = as_module(source, shape, "row_1").decode()
    assert "pub(crate) mod inner" in text
    assert "crate::row_1::g();" in text
    start, end = code_in_module(source, shape, "row_1")
    assert text[start:end] == text.rstrip("\n")


def test_macro_arguments_lead_there_too():
    source = assemble(Example(ADD, tests="assert_eq!(crate::add(1, 1), super::add(1, 1));"))
    shape = look_at(source, parse_rust(source.text), edition="2021")
    assert not shape.alone
    assert b"crate::m::add" in as_module(source, shape, "m")


def test_a_stub_takes_over_at_the_beginning_of_each_function_of_the_code():
    source = assemble(Example(f"{ADD}\nimpl S {{ fn f(&self) {{}} }}\nstruct S;", context="fn c() {}", tests=TESTS))
    shape = look_at(source, parse_rust(source.text), edition="2021")
    text = with_stub(source, shape).decode()
    assert text.count("::swarm_select::stub();") == 2
    assert "fn c() {}" in text
    assert text.count("\n") == source.text.decode().count("\n")


def test_a_stub_stands_behind_what_a_body_says_of_its_function():
    source = assemble(Example("pub fn f() {\n    //! Says.\n    /*! More. */\n    #![allow(unused)]\n    g();\n}"))
    text = with_stub(source, look_at(source, parse_rust(source.text), edition="2021")).decode()
    assert "#![allow(unused)] ::swarm_select::stub();\n    g();" in text


def test_paths_from_the_root_are_no_part_of_a_message_that_is_read():
    tests = '#[test]\n#[should_panic(expected = "row_")]\nfn t() { assert!(crate::add(1, 1) == 3); }'
    assert shape_of(ADD, tests=tests).alone
    assert not shape_of(ADD, tests=tests.replace("crate::", "super::")).alone


def test_what_macros_make_has_stubs_where_nothing_else_has():
    made = "macro_rules! code { ($n:ident) => { pub fn $n(x: i32) -> i32 { x * 2 } fn declared(); } }\ncode!(f);"
    source = assemble(Example(made, tests="assert_eq!(f(1), 2);"))
    shape = look_at(source, parse_rust(source.text), edition="2021")
    assert b"-> i32 { ::swarm_select::stub(); x * 2 }" in with_stub(source, shape)
    assert len(shape.bodies) == 1
    assert len(shape_of(f"{ADD}\n{made}").bodies) == 1


def test_const_functions_are_stubs_where_there_are_no_others():
    only = assemble(Example("pub const fn two() -> u8 { 2 }", tests="assert_eq!(two(), 2);"))
    assert (
        with_stub(only, look_at(only, parse_rust(only.text), edition="2021")).count(b"::swarm_select::const_stub();")
        == 1
    )
    mixed = assemble(Example(f"pub const fn two() -> u8 {{ 2 }}\n{ADD}", tests=TESTS))
    assert b"const_stub" not in with_stub(mixed, look_at(mixed, parse_rust(mixed.text), edition="2021"))


@pytest.mark.parametrize(
    "tests",
    [
        "struct D;\nimpl Drop for D { fn drop(&mut self) {} }\n#[test]\n#[should_panic]\nfn t() { let _d = D; add(1, 2); }",
        "#[test]\n#[should_panic]\nfn t() { std::thread::spawn(|| add(1, 2)).join().unwrap(); }",
        "assert!(std::panic::catch_unwind(|| add(1, 2)).is_ok());",
        'assert_eq!(cfg!(panic = "unwind"), add(0, 1) == 1);',
        "std::panic::set_hook(Box::new(|_| ()));",
        'assert!(!cfg!(panic /* so */ = "abort") || add(0, 0) == 0);',
        'macro_rules! is { ($k:ident, $v:literal) => { cfg!($k = $v) } }\nassert!(!is!(panic, "abort"));',
        "assert!((add as fn(i32, i32) -> i32) as usize > 1 << 32);",
        "assert!(add as usize > 1 << 32);",
        'assert!(format!("{:p}", &add(1, 2)).len() > 10);',
        'assert!(u32::try_from("abc".as_ptr() as usize).is_err());',
    ],
)
def test_what_could_see_a_panic_unwind_or_low_addresses_is_told_apart(tests):
    source = assemble(Example(ADD, tests=tests))
    assert look_at(source, parse_rust(source.text), edition="2021").may_unwind
    assert not shape_of(f'{ADD}\nfn f() -> u8 {{ panic!("no") }}').may_unwind


def test_a_panic_that_is_meant_and_finds_nothing_on_its_way_need_not_unwind():
    shape = shape_of(ADD, tests="#[test]\n#[should_panic]\nfn t() { add(i32::MAX, 2); }")
    assert shape.should_panic
    assert not shape.may_unwind


@pytest.mark.parametrize("end", ["/// Of the tests.", "#[allow(dead_code)]", "mod open {"])
def test_code_that_does_not_end_by_itself_is_built_alone(end):
    assert (
        "does not end"
        in shape_of(f"{ADD}\n{end}", tests=f"mod tests {{ use super::*; {TESTS} }} {'}' * end.count('{')}").alone
    )
    assert not shape_of(f"{ADD} // no more", tests=TESTS).alone


def test_tests_are_no_targets():
    code = f"{ADD}\n#[cfg(test)]\nmod tests {{\n fn helper() {{}}\n #[test]\n fn t() {{ helper() }}\n}}"
    shape = shape_of(code)
    assert len(shape.bodies) == 1
    assert shape.has_tests


@pytest.mark.parametrize(
    "test",
    [
        "#[cfg_attr(all(), test)]\nfn t() {}",
        "use std::prelude::v1::test as check;\n#[check]\nfn t() {}",
        "macro_rules! made { ($a:ident) => { #[$a] fn t() {} } }\nmade!(test);",
        "#[rstest]\nfn t() {}",
        "#[test_case(1, 2)]\nfn t(a: i32, b: i32) {}",
    ],
)
def test_a_test_by_way_of_another_name_is_built_with_the_harness(test):
    assert shape_of(f"{ADD}\n{test}").may_have_tests
    assert not shape_of(ADD).may_have_tests
    assert not shape_of(f'#[deprecated(note = "no test")]\n#[cfg(any(feature = "alloc", test))]\n{ADD}').may_have_tests


def test_assertions_that_are_watched_say_so_before_they_are_tried():
    tests = "#[test]\nfn t() {\n    match add(1, 2) {\n        3 => assert!(add(0, 0) == 0),\n        _ => {}\n    }\n"
    tests += "    if add(1, 1) == 2 {\n        assert_eq!(add(2, 2), 4);\n    }\n}"
    source = assemble(Example(ADD, tests=tests))
    root = parse_rust(source.text)
    watched = doubtful_assertions(Reading.of_file(root, source.tests[0]))
    text = with_stub(source, look_at(source, root, edition="2021"), watched=watched).decode()
    assert "3 => { ::swarm_select::asserted(); assert!(add(0, 0) == 0) }," in text
    assert "        ::swarm_select::asserted(); assert_eq!(add(2, 2), 4);\n" in text


def test_tests_that_could_count_their_runs_are_not_told_which_one_is_to_fail():
    kept = shape_of(f"static RUNS: AtomicU8 = AtomicU8::new(0);\n{ADD}", tests=TESTS)
    assert {runs_before_stubs(kept) for _ in range(200)} == {1, 2, 3, 4}
    assert runs_before_stubs(shape_of(f'{ADD}\npub fn name() -> &\'static str {{ "add" }}', tests=TESTS)) == 1
    assert runs_before_stubs(shape_of("pub struct Plain;", tests=TESTS)) == 0


def test_a_comment_about_tests_is_no_test():
    shape = shape_of(f"// write #[test] here\n{ADD}")
    assert (shape.has_tests, shape.may_have_tests) == (False, True)


@pytest.mark.parametrize(
    "code",
    [
        "#![feature(box_patterns)]\nfn a() {}",
        "#![no_std]\nfn a() {}",
        "use super::x;",
        "mod a { use super::super::x; }",
        "mod a { fn f() { let _ = vec![super::super::x()]; } }",
        "extern crate alloc;",
        'extern "C" { fn f(); }',
        "#[no_mangle]\npub fn f() {}",
        'std::arch::global_asm!(".pushsection .init_array");',
        'fn f() { unsafe { std::arch::asm!(concat!(".push", "section .text")) } }',
        'macro_rules! m { ($a:ident) => { #[$a = "x"] static A: u8 = 0; } }\nm!(link_section);',
        "#[macro_export]\nmacro_rules! m { () => {} }",
        "macro_rules! m { () => { crate::f() } }",
        "macro_rules! m { ($t:ty) => { impl Foo for $t {} } }",
        "mod other;",
        'const T: &str = include_str!("x");',
        "fn f() -> u32 { line!() }",
        "struct A;\nimpl PartialEq<A> for u64 { fn eq(&self, _: &A) -> bool { true } }",
        "struct A;\nimpl std::ops::Add<A> for &str { type Output = (); fn add(self, _: A) {} }",
        'struct A;\nimpl From<&A> for &str { fn from(_: &A) -> Self { "" } }',
        "struct A;\nimpl std::ops::Add<&A> for &u8 { type Output = (); fn add(self, _: &A) {} }",
        "struct A;\nimpl From<A> for String { fn from(_: A) -> String { String::new() } }",
        "pub fn a( {",
        "fn n() -> Option<String> { std::thread::current().name().map(Into::into) }",
        "fn n() -> usize { let me = std::thread::current(); me.name().map_or(0, str::len) }",
        "mod m { pub trait Add {} }\nuse std::ops::Add;\nstruct A;\nimpl Add<A> for &str { type Output = (); fn add(self, _: A) {} }",
        "mod m { pub trait Add {} }\nuse std::ops::*;\nstruct A;\nimpl Add<A> for &str { type Output = (); fn add(self, _: A) {} }",
        "mod m { pub trait Add {} }\nuse {crate::m, std::ops::Add};\nstruct A;\nimpl Add<A> for u8 { type Output = (); fn add(self, _: A) {} }",
        "mod m { pub struct String; }\nstruct A;\nimpl From<A> for String { fn from(_: A) -> Self { Self::new() } }",
        "use crate;",
        "use crate::{self};",
        "use std;",
        "use {std, core::fmt};",
        "fn f() -> &'static str { stringify!(crate::f) }",
        "macro_rules! count { ($($t:tt)*) => { 0 $(+ { let _ = stringify!($t); 1 })* } }\nfn f() -> u8 { count!(crate::f) }",
        "# [ no_mangle ] pub fn f() {}",
        "#[cfg_attr(all(), no_mangle)] pub fn f() {}",
        "#[cfg_attr(all(), global_allocator)] static A: std::alloc::System = std::alloc::System;",
        '#[cfg_attr(all(), path = "lib.rs")] mod other {}',
        "#![warn(unused_crate_dependencies)]",
        "#![deny(unused, non_ascii_idents)]",
        "#![deny(future_incompatible)]",
        "#![deny(clippy::cargo)]",
        "#![warn(clippy::multiple_inherent_impl)]",
        '#![doc(html_root_url = "x")]',
        '#![doc(alias = "x")]',
        "pub fn \u0430() {}",
        "macro_rules! make { ($n:ident) => { fn $n() {} } }\nmake!(\u043e);",
        'std::panic::set_hook(Box::new(|seen| println!("{seen}")));',
        "#[ctor::ctor] fn early() {}",
        'macro_rules! call { ($m:ident) => { $m!("lib.rs") } }\nconst T: &str = call!(include);',
        "macro_rules! call { ($($m:tt)*) => { $($m)*!() } }\nfn f() -> &'static str { call!(std::file) }",
        'use std::{include_str as own, mem};\nconst T: &str = own!("lib.rs");',
        "use core::{mem, line as here};\nfn f() -> u32 { here!() }",
        "use std::thread;\nfn n() -> String { let f = thread::current; thread::Thread::name(&f()).unwrap().into() }",
        'use std::thread::current as me;\nfn n() -> String { format!("{:?}", me()) }',
        'use std::thread as t;\nfn n() -> String { format!("{:?}", t::current()) }',
        "#![warn(missing_docs)]\nfn a() {}",
        "impl<const N: u8> E<N> { const OK: () = assert!(N > 0); }",
        'fn f<const N: u8>() { const { if N == 0 { panic!("none") } } }',
        "#![deny(rust_2021_incompatible_or_patterns)]",
        "fn f(seen: &log::Record) -> &str { seen.target() }",
    ],
)
def test_what_a_module_cannot_express_is_built_alone(code):
    assert shape_of(code).alone


@pytest.mark.parametrize(
    "code",
    [
        ADD,
        "#![allow(dead_code)]\n//! Docs.\nfn a() {}",
        "struct A;\nimpl std::fmt::Display for A { fn fmt(&self, f: &mut std::fmt::Formatter) -> std::fmt::Result { Ok(()) } }",
        "trait T { fn t(&self); }\nimpl T for u8 { fn t(&self) {} }\nimpl<X> T for Vec<X> { fn t(&self) {} }",
        "macro_rules! twice { ($x:expr) => { $x * 2 } }\npub fn f() -> i32 { twice!(3) }",
        "mod a { pub fn f() {} pub mod b { use super::f; use super::super::a; } }",
        "use std::collections::HashMap;\npub fn f() -> HashMap<u8, u8> { HashMap::new() }",
        "struct A;\nimpl std::ops::Add<&A> for &A { type Output = (); fn add(self, _: &A) {} }",
        "use std::ops::Mul;\nstruct A<T>(T);\nimpl<T> Mul<u8> for &A<T> { type Output = (); fn mul(self, _: u8) {} }",
        "struct A;\nimpl<'a> IntoIterator for &'a A { type Item = u8; type IntoIter = std::iter::Empty<u8>; }",
        "const fn two() -> u8 { 2 }",
        '#![deny(warnings, clippy::all, rust_2018_idioms)]\n#![doc(hidden)]\n#![doc = "Docs."]\nfn a() {}',
        "mod m { pub trait T {} }\nuse m::T;\nimpl T for u8 {}\nmod tests { use super::*; use crate::m::T; impl T for i8 {} }",
        "pub enum Option { Some }\nimpl From<u8> for Option { fn from(_: u8) -> Self { Option::Some } }",
        "use crate::{a, b as c};\nuse crate::d as e;\npub use crate::f::*;",
        "thread_local! { pub(crate) static N: u8 = crate::two(); }",
        '#[cfg_attr(feature = "serde", derive(Clone))]\nstruct A;',
        'pub fn f() -> &\'static str { "größe" } // größer',
        'pub fn goes_on(line: &str, column: u8) -> bool { line != "halt" && column!= 0 }',
        "macro_rules! not { ($a:expr, $b:expr) => { $a != $b && !($a) } }\npub fn f(file: u8) -> u32 { file as u32 }",
        "use std::thread;\npub fn f() { let (mut current, id) = (0, thread::current().id()); }",
        "pub fn f(token: &Token) -> u32 { token.line() }",
        "const _: () = assert!(SIZE > 0);\npub const SIZE: usize = 3;\nfn f() { assert!(SIZE > 2); }",
        "thread_local! { static N: Cell<u8> = const { Cell::new(0) }; }\nconst fn f(n: u8) -> u8 { assert!(n > 0); n }",
    ],
)
def test_ordinary_code_shares_builds(code):
    assert shape_of(code).alone == ""


def test_edition_2015_is_built_alone():
    assert shape_of(ADD, edition="2015").alone


def test_hostile_nesting_ends_the_walk():
    assert "nested" in shape_of("fn a() { " + "(" * 3000 + ")" * 3000 + " }").alone
