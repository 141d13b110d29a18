"""What may share a build: bodies as arms, tests as modules, and everything that must not."""

import pytest

from node.checks.diagnostics import Diagnostic, Place
from node.checks.routing import Router, escalates_lints, extern_crates, lone_file_reason
from node.checks.schemata import Variant, blamed, instrument, replace_bodies
from node.checks.syntax import body_changes, end_of_inner_attributes, find_functions, only_comments_differ
from node.values.crate import CratePin, Span
from node.values.verdict import AddedFile, Edit, Project

PIN = CratePin("c", "1.0.0", bytes(32), bytes(32), "", "2021")

SOURCE = b"""//! Docs.
#![allow(dead_code)]

/// Adds.
#[inline]
pub fn add(a: u32, b: u32) -> u32 {
    a + b
}

impl Thing {
    fn size(&self) -> usize { self.0.len() }
    const fn zero() -> u8 { 0 }
}

mod inner {
    pub async fn later() -> u8 { 1 }
    fn many() -> impl Iterator<Item = u8> { [1].into_iter() }
    #[traced]
    fn seen() {}
    #[cfg(windows)]
    fn elsewhere() {}
}

#[cfg(test)]
mod tests {
    #[test]
    fn adds() { assert_eq!(super::add(1, 2), 3) }
}
"""


def body(name, source=SOURCE):
    start = source.index(b"{", source.index(b"fn " + name))
    depth = 0
    for at in range(start, len(source)):
        depth += {ord("{"): 1, ord("}"): -1}.get(source[at], 0)
        if depth == 0:
            return start, at + 1
    raise AssertionError(name)


def change(name, text, source=SOURCE):
    return (Edit(Span("src/lib.rs", *body(name, source)), text),)


def route(edits, source=SOURCE, files=()):
    router = Router({"src/lib.rs": source}.__getitem__, frozenset({"src/lib.rs"}))
    return router.route(Project(PIN, tuple(edits), tuple(files)))


def test_functions_are_found_with_their_attributes_and_why_they_stand_alone():
    found = {SOURCE[site.start : site.body].split(b"fn ")[1].split(b"(")[0]: site for site in find_functions(SOURCE)}
    assert {name: site.lone_reason for name, site in found.items()} == {
        b"add": "",
        b"size": "",
        b"zero": "const fn",
        b"later": "async fn",
        b"many": "impl Trait in the return type",
        b"seen": "attribute traced",
        b"elsewhere": "stands under a condition",
        b"adds": "stands under a condition",
    }
    assert SOURCE[found[b"add"].start :].startswith(b"#[inline]")


def test_another_body_may_share_a_build():
    found = route(change(b"add", "{ a.wrapping_add(b) }"))
    assert (found.alone, [item.text for _, item in found.changes]) == ("", ["{ a.wrapping_add(b) }"])


def test_a_whole_function_with_the_same_head_is_another_body():
    start, end = SOURCE.index(b"#[inline]"), body(b"add")[1]
    text = "#[inline]\n// said differently\npub fn add(a: u32, b: u32)->u32 { b + a }"
    found = route((Edit(Span("src/lib.rs", start, end), text),))
    assert (found.alone, [item.text for _, item in found.changes]) == ("", ["{ b + a }"])


def test_an_edit_inside_a_body_is_another_body():
    at = SOURCE.index(b"a + b")
    found = route((Edit(Span("src/lib.rs", at, at + 5), "a - b"),))
    assert [item.text for _, item in found.changes] == ["{\n    a - b\n}"]


def test_the_published_text_changes_nothing():
    start, end = body(b"add")
    found = route((Edit(Span("src/lib.rs", start, end), SOURCE[start:end].decode()),))
    assert (found.alone, found.changes, found.comments_only) == ("", (), False)


ALONE = {
    "another signature": (Edit(Span("src/lib.rs", SOURCE.index(b"a: u32"), SOURCE.index(b"a: u32") + 6), "a: u64"),),
    "another attribute": (
        Edit(Span("src/lib.rs", SOURCE.index(b"#[inline]"), SOURCE.index(b"#[inline]") + 9), "#[cold]"),
    ),
    "a second function": (
        Edit(
            Span("src/lib.rs", SOURCE.index(b"pub fn add"), body(b"add")[1]),
            "pub fn add(a: u32, b: u32) -> u32 { 1 } fn x() {}",
        ),
    ),
    "a new item": (Edit(Span("src/lib.rs", len(SOURCE), len(SOURCE)), "fn new() {}"),),
    "unbalanced braces": change(b"add", "{ 1 } } fn x() { {"),
    "no block": change(b"add", "1"),
    "a const fn": change(b"zero", "{ 1 }"),
    "an async fn": change(b"later", "{ 2 }"),
    "an opaque type": change(b"many", "{ [2].into_iter() }"),
    "a macro's attribute": change(b"seen", "{ let _ = 1; }"),
    "an impl in the body": change(b"add", "{ impl Clone for Thing { fn clone(&self) -> Self { todo!() } } 1 }"),
    "a macro in the body": change(b"add", "{ macro_rules! m { () => { 1 } } m!() }"),
    "its own line": change(b"add", "{ line!() }"),
    "its own caller": change(b"add", "{ std::panic::Location::caller().line() }"),
    "a file beside it": change(b"add", '{ include!("x.rs") }'),
    "inner attributes": change(b"add", "{ #![allow(unused)] 1 }"),
    "an error": change(b"add", "{ let = ; }"),
    "deep nesting": change(b"add", "{ " + "(" * 300 + "1" + ")" * 300 + " }"),
    "a long body": change(b"add", "{ " + "1;" * 40_000 + " 1 }"),
}


@pytest.mark.parametrize("why", ALONE)
def test_it_stands_alone_for(why):
    assert route(ALONE[why]).alone


def test_comments_may_change_together_with_others_of_their_kind():
    at = SOURCE.index(b"/// Adds.")
    found = route((Edit(Span("src/lib.rs", at, at + 9), "/// Adds two numbers.\n///\n/// Twice."),))
    assert (found.alone, found.comments_only) == ("", True)


def test_comments_inside_a_macros_arguments_are_not_only_comments():
    before, after = b"m! { /// a\n fn f() {} }", b"m! { /// b\n fn f() {} }"
    assert not only_comments_differ(before, after)
    assert only_comments_differ(b"/// a\nfn f() {}", b"fn f() /* b */ {}")


def test_a_line_of_its_own_makes_comments_matter():
    source = SOURCE.replace(b"a + b", b"a + line!()")
    at = source.index(b"/// Adds.")
    assert route((Edit(Span("src/lib.rs", at, at), "// one more line\n"),), source).alone


def test_a_file_that_is_not_the_librarys_stands_alone():
    assert route((Edit(Span("src/main.rs", 0, 0), ""),)).alone


def test_variants_become_arms_and_lines_keep_their_numbers():
    variants = [
        Variant(number, tuple(("src/lib.rs", item) for item in body_changes(SOURCE, find_functions(SOURCE), edits)))
        for number, edits in (
            (1, change(b"add", "{ 1 }")),
            (2, change(b"add", "{\n2\n}")),
            (3, change(b"size", "{ 3 }")),
        )
    ]
    contents = instrument({"src/lib.rs": SOURCE}, "src/lib.rs", variants, needs_declaration=False)
    text = contents["src/lib.rs"]
    assert text.count(b"\n") == SOURCE.count(b"\n")
    assert (
        b'u32 { match ::swarm_select::chosen() { 1 => ::core::include!("../swarm_arms/1_0.rs"), '
        b'2 => ::core::include!("../swarm_arms/2_0.rs"), _ => {\n    a + b\n} } }'
    ) in text
    assert (
        b'usize { match ::swarm_select::chosen() { 3 => ::core::include!("../swarm_arms/3_0.rs"), '
        b"_ => { self.0.len() } } }" in text
    )
    assert contents["swarm_arms/2_0.rs"] == b"{\n2\n}"


def test_one_variant_alone_stands_in_its_place():
    edits = (*change(b"add", "{ 1 }"), *change(b"size", "{ 3 }"))
    found = body_changes(SOURCE, find_functions(SOURCE), sorted(edits))
    contents = replace_bodies(
        {"src/lib.rs": SOURCE}.__getitem__, Variant(1, tuple(("src/lib.rs", item) for item in found))
    )
    assert b"-> u32 { 1 }" in contents["src/lib.rs"]
    assert b"-> usize { 3 }" in contents["src/lib.rs"]


def test_the_old_edition_declares_the_selector_behind_inner_attributes():
    found = body_changes(SOURCE, find_functions(SOURCE), change(b"add", "{ 1 }"))
    contents = instrument(
        {"src/lib.rs": SOURCE}, "src/lib.rs", [Variant(1, (("src/lib.rs", found[0]),))], needs_declaration=True
    )
    assert contents["src/lib.rs"].startswith(b"//! Docs.\n#![allow(dead_code)] extern crate swarm_select; \n")


@pytest.mark.parametrize(
    ("source", "head"),
    [
        (b"fn f() {}", b""),
        (b"// c\nfn f() {}", b""),
        (b"#![no_std]\n//! d\n// c\nuse x;", b"#![no_std]\n//! d\n"),
        (
            b'#!/usr/bin/env run\n#![cfg_attr(a, b(c = "]"))]\nfn f() {}',
            b'#!/usr/bin/env run\n#![cfg_attr(a, b(c = "]"))]',
        ),
    ],
)
def test_inner_attributes_end_where_the_first_item_may_stand(source, head):
    assert source[: end_of_inner_attributes(source)].rstrip() == head.rstrip()


def test_an_error_blames_the_variant_in_whose_file_it_lies():
    def error(file, *, primary=True, is_error=True):
        return Diagnostic(is_error, "E0308", "m", (Place(file, 0, 1, primary),))

    said = [
        error("src/../swarm_arms/7_0.rs"),
        error("src/a/../../swarm_arms/12_3.rs"),
        error("src/lib.rs"),
        error("src/../swarm_arms/9_0.rs", primary=False),
        error("src/../swarm_arms/8_0.rs", is_error=False),
    ]
    assert blamed(said) == {7, 12}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (b"#![deny(warnings)]", True),
        (b"#![deny(missing_docs, unused)]", True),
        (b"#![forbid(unsafe_code)]\n#![deny(missing_docs, clippy::all)]", False),
        (b"#[deny(dead_code)] mod m {}", True),
        (b"#![warn(warnings)]", False),
    ],
)
def test_warnings_made_errors_are_noticed(text, expected):
    assert escalates_lints({"src/lib.rs": text}, b"") is expected
    assert escalates_lints({}, b'[lints.rust]\nunused = "deny"')


HONEST = """#![allow(unused)]
extern crate c;

use c::add;

struct Mine(u32);
impl PartialEq<u32> for Mine { fn eq(&self, other: &u32) -> bool { self.0 == *other } }
trait Ours { fn twice(&self) -> u32; }
impl Ours for u32 { fn twice(&self) -> u32 { self * 2 } }

#[test]
fn adds() {
    // used in a sentence, and a link to a path
    fn main() {}
    struct Inner;
    impl Default for Inner { fn default() -> Self { Inner } }
    assert_eq!(add(1, 2), 3);
}
"""


def test_an_ordinary_test_file_may_stand_beside_others():
    assert not lone_file_reason(AddedFile("tests/a.rs", HONEST))
    assert extern_crates(AddedFile("tests/a.rs", HONEST)) == ("c",)


@pytest.mark.parametrize(
    "text",
    [
        "#![feature(test)]",
        "#![no_std]",
        "#![cfg(unix)]",
        '#![recursion_limit = "256"]',
        '#[no_mangle] pub extern "C" fn f() {}',
        '#[unsafe(no_mangle)] pub extern "C" fn f() {}',
        "#[macro_use] extern crate c;",
        "#[macro_export] macro_rules! m { () => {} }",
        "extern crate c as d;",
        "mod common;",
        "mod deep { mod deeper; }",
        '#[path = "x.rs"] mod x {}',
        'extern "C" { fn f(); }',
        "fn main() {}",
        "use crate::x;",
        "use super::x;",
        "pub(crate) fn f() {}",
        "fn f() { assert!(super::x()) }",
        'fn f() { include_str!("x"); }',
        "fn f() { let _ = file!(); }",
        "fn f() { let _ = std::any::type_name::<u8>(); }",
        "impl PartialEq<Mine> for u64 { } struct Mine;",
        "struct Mine; impl std::ops::Add<Mine> for &str { }",
        "macro_rules! m { () => { impl Clone for u8 {} } }",
        "#[track_caller] fn f() {}",
        "fn f( {",
        "fn f() { " + "(" * 300 + ")" * 300 + " }",
        "//" + "x" * 70_000,
    ],
)
def test_a_test_file_stands_alone_that(text):
    assert lone_file_reason(AddedFile("tests/a.rs", text))


def test_a_file_that_is_no_integration_test_stands_alone():
    assert lone_file_reason(AddedFile("src/a.rs", ""))
    assert route((), files=(AddedFile("examples/a.rs", ""),)).alone
