"""The public API: what can be named from outside, and by which path."""

import pytest

from node.crates import surface
from node.crates.knowledge import analyse
from node.crates.sources import Sources, SourceText


def api(edition="2021", **files):
    """Public paths and definition paths of a crate's public items, but the crate itself."""
    manifest = f'[package]\nname = "tiny"\nversion = "0.1.0"\nedition = "{edition}"\n'.encode()
    texts = sorted((name.replace("__", "/") + ".rs", text.encode()) for name, text in files.items())
    base = analyse(Sources(manifest, tuple(SourceText(*pair) for pair in texts)), bytes(32))
    return {line.split(": ")[0].removeprefix("tiny::") for line in base.public_api}, {
        item.path.removeprefix("tiny::") for item in base.items if item.public and item.path != "tiny"
    }


def public(text, edition="2021"):
    return api(edition, src__lib=text)[0]


def test_public_items_of_public_modules_are_public():
    assert public("pub fn a() {} fn b() {} pub mod m { pub fn c() {} fn d() {} mod n { pub fn e() {} } }") == {
        *("a", "m", "m::c"),
    }


@pytest.mark.parametrize("visibility", ["", "pub(crate)", "pub(super)", "pub(in crate::m)", "crate"])
def test_lesser_visibilities_are_not_public(visibility):
    assert public(f"pub mod m {{ {visibility} fn f() {{}} }}") == {"m"}


@pytest.mark.parametrize(
    ("use", "names"),
    [
        ("pub use m::f;", {"f"}),
        ("pub use crate::m::f as g;", {"g"}),
        ("pub use self::m::{f, S};", {"f", "S", "S::new"}),
        ("pub use m::*;", {"f", "S", "S::new", "deep", "deep::z"}),
        ("pub use m::deep;", {"deep", "deep::z"}),
        ("pub use m as n;", {"n", "n::f", "n::S", "n::S::new", "n::deep", "n::deep::z"}),
        ("pub use m::{self as n};", {"n", "n::f", "n::S", "n::S::new", "n::deep", "n::deep::z"}),
        ("use m::f; pub use f as h;", {"h"}),
        ("mod p { pub use super::m::f as g; } pub use p::g;", {"g"}),
        ("mod p { pub use crate::m::*; } pub use p::f;", {"f"}),
        ("pub use m::missing; pub use std::vec::Vec; pub use ::m::f as other;", set()),
        ("pub(crate) use m::f;", set()),
        ("#[doc(hidden)] pub use m::f;", set()),
        ("#[cfg(test)] pub use m::f;", set()),
    ],
)
def test_re_exports_are_followed(use, names):
    module = (
        "mod m { pub fn f() {} pub struct S; impl S { pub fn new() {} fn own() {} } pub mod deep { pub fn z() {} } }"
    )
    assert public(f"{module} {use}") == names


def test_the_shortest_path_is_the_one_that_is_listed_and_items_keep_the_one_they_are_defined_by():
    paths, items = api(src__lib="pub mod m { pub mod n { pub struct S; } } pub use m::n::S;")
    assert paths == {"m", "m::n", "S"}
    assert items == {"m", "m::n", "m::n::S"}


def test_in_the_first_edition_paths_of_uses_start_at_the_root():
    text = "mod a { pub fn f() {} } pub mod b { pub use a::f; }"
    assert public(text, "2015") == {"b", "b::f"}
    assert public(text, "2018") == {"b"}


def test_methods_are_as_public_as_their_type_wherever_the_impl_stands():
    text = """
pub use types::Shown;
mod types { pub struct Shown; pub struct Kept; }
mod impls {
    use crate::types::*;
    impl Shown { pub fn open() {} fn shut() {} pub const N: u8 = 1; }
    impl Kept { pub fn open() {} }
}
"""
    assert public(text) == {"Shown", "Shown::open", "Shown::N"}


def test_what_a_trait_says_is_listed_once_and_its_impls_members_are_still_public():
    text = """
pub trait T { fn f(&self); }
trait Own { fn g(&self); }
pub struct S;
struct P;
impl T for S { fn f(&self) {} }
impl T for P { fn f(&self) {} }
impl Own for S { fn g(&self) {} }
impl T for u8 { fn f(&self) {} }
impl Clone for S { fn clone(&self) -> S { S } }
impl<X> T for Vec<X> { fn f(&self) {} }
impl<X: Copy> T for X { fn f(&self) {} }
"""
    paths, items = api(src__lib=text)
    assert paths == {"T", "T::f", "S"}
    assert {path for path in items if "::" in path and "<" not in path} == {
        *("T::f", "S::f", "S::clone", "u8::f", "Vec::f", "X::f"),
    }


def test_exported_macros_are_public_at_the_root():
    text = "mod m { #[macro_export] macro_rules! out { () => {} } macro_rules! kept { () => {} } }"
    assert public(text) == {"out"}


def test_hidden_items_are_no_api_but_what_is_re_exported_from_a_hidden_module_is():
    text = """
#[doc(hidden)] pub mod private { pub fn f() {} pub fn g() {} #[doc(hidden)] pub fn h() {} }
pub use private::{g, h};
pub struct S;
impl S { #[doc(hidden)] pub fn secret() {} }
"""
    assert public(text) == {"g", "S"}


def test_only_the_library_has_an_api():
    paths, _ = api(src__lib="pub fn f() {}", src__main="pub fn g() {}", tests__t="pub fn h() {}")
    assert paths == {"f"}


@pytest.mark.parametrize(
    "text",
    [
        "pub mod a { pub use crate::b::*; } pub mod b { pub use crate::a::*; } pub use a::nothing;",
        "pub use self::x; pub use x as y; pub use y as x;",
        "pub mod a { pub use super::*; pub use super::a as b; }",
        "pub use super::super::x; pub use self::self::x;",
        "pub use {}; pub use *; pub use m::{,}; pub use a::{self, *};",
    ],
)
def test_re_exports_in_circles_come_to_an_end(text):
    assert "f" in public(f"{text} pub fn f() {{}}")


def web_of_globs(count):
    """Modules that all take everything from each other; one of them has something."""
    webbed = "\n".join(
        f"pub mod m{i} {{ {' '.join(f'pub use crate::m{j}::*;' for j in range(count) if j != i)} }}"
        for i in range(count)
    )
    text = (
        f"{webbed} mod last {{ pub fn wanted() {{}} }} pub mod way {{ pub use crate::last::*; pub use crate::m0::*; }}"
    )
    return Sources(
        b'[package]\nname = "tiny"\nversion = "0.1.0"\n',
        (SourceText("src/lib.rs", f"{text} pub use way::{{wanted, unknown}};".encode()),),
    )


def test_a_web_of_globs_is_followed_once_not_along_every_path():
    base = analyse(web_of_globs(40), bytes(32))
    assert "tiny::wanted: pub fn wanted()" in base.public_api
    assert base.notes == ()


def test_resolution_that_meets_its_bound_says_so(monkeypatch):
    monkeypatch.setattr(surface, "STEPS_MAX", 1000)
    base = analyse(web_of_globs(40), bytes(32))
    assert base.notes == ("re-exports were not followed to the end: some public items may not be marked so",)
