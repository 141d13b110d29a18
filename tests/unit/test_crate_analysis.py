"""What the analysis says about a small crate, written to have one of everything."""

import pytest

from node.crates.knowledge import analyse
from node.crates.sources import Sources, SourceText
from node.values.crate import FileRole, ItemKind

MANIFEST = '[package]\nname = "tiny"\nversion = "0.1.0"\nedition = "2021"\nlicense = "MIT"\n'


def known(manifest=MANIFEST, **files):
    """The knowledge base of a crate; `src__lib` stands for `src/lib.rs`."""
    texts = {name.replace("__", "/") + ".rs": text for name, text in files.items()}
    data = ((path, text if isinstance(text, bytes) else text.encode()) for path, text in sorted(texts.items()))
    return analyse(Sources(manifest.encode(), tuple(SourceText(*pair) for pair in data)), bytes(32))


def lib(text, manifest=MANIFEST):
    return known(manifest, src__lib=text)


def item(base, path):
    found = [item for item in base.items if item.path == path]
    assert len(found) == 1, [item.path for item in base.items]
    return found[0]


def text_of(text, span):
    return text.encode()[span.start : span.end].decode()


FUNCTION = """\
// A remark of no interest.
/// Parses a number.
///
/// # Errors
/// When there is none.
#[inline]
#[must_use = "why"]
pub const unsafe fn parse<'a, T: Copy>(
    text: &'a str, // the text
    /* and */ extra: [T; 2],
) -> Option<T>
where
    T: Default,
{
    None
}
"""


def test_an_item_is_described_by_its_spans():
    parse = item(lib(FUNCTION), "tiny::parse")
    assert text_of(FUNCTION, parse.span) == FUNCTION.partition("\n")[2].rstrip("\n")
    assert text_of(FUNCTION, parse.code_span).startswith("#[inline]\n#[must_use")
    assert text_of(FUNCTION, parse.doc_span) == FUNCTION[FUNCTION.index("///") : FUNCTION.index("\n#[inline]")]
    assert text_of(FUNCTION, parse.name_span) == "parse"
    assert text_of(FUNCTION, parse.body) == "{\n    None\n}"


def test_an_item_is_described_by_its_words():
    parse = item(lib(FUNCTION), "tiny::parse")
    assert parse.signature == (
        "pub const unsafe fn parse<'a, T: Copy>( text: &'a str, extra: [T; 2], ) -> Option<T> where T: Default"
    )
    assert parse.doc == "Parses a number.\n\n# Errors\nWhen there is none."
    assert parse.attributes == ("#[inline]", '#[must_use = "why"]')
    assert (parse.visibility, parse.public, parse.unsafe, parse.const, parse.is_async) == (
        "pub",
        True,
        True,
        True,
        False,
    )
    assert (parse.generics, parse.parent, parse.module, parse.container) == (True, "tiny", "tiny", None)


def test_an_attribute_before_the_docs_does_not_bring_them_into_the_code():
    text = "#[inline]\n/// Secret.\n#[must_use]\nfn f() {}\n"
    found = item(lib(text), "tiny::f")
    assert text_of(text, found.span) == text.rstrip("\n")
    assert text_of(text, found.code_span) == "#[must_use]\nfn f() {}"


def test_every_kind_of_item_is_seen():
    base = lib("""
pub struct S { a: u8 }
struct Pair(u8, u8);
enum E { A, B }
union U { a: u8, b: i8 }
trait T: Copy { type Out; const N: u8; fn must(&self); fn may(&self) {} }
impl T for S { type Out = u8; const N: u8 = 1; fn must(&self) {} }
impl S { const Z: u8 = 0; async fn go(self) {} }
const C: u8 = 1;
static D: u8 = 1;
type Alias = Vec<u8>;
macro_rules! m { () => {} }
mod inner { fn deep() {} }
use std::{fmt, io as other};
extern "C" { fn foreign(x: u8) -> u8; }
""")
    kinds = {(entry.kind.value, entry.path) for entry in base.items}
    assert kinds == {
        ("module", "tiny"),
        ("struct", "tiny::S"),
        ("struct", "tiny::Pair"),
        ("enum", "tiny::E"),
        ("union", "tiny::U"),
        ("trait", "tiny::T"),
        ("type_alias", "tiny::T::Out"),
        ("const", "tiny::T::N"),
        ("method", "tiny::T::must"),
        ("method", "tiny::T::may"),
        ("impl", "tiny::<impl T for S>"),
        ("type_alias", "tiny::S::Out"),
        ("const", "tiny::S::N"),
        ("method", "tiny::S::must"),
        ("impl", "tiny::<impl S>"),
        ("const", "tiny::S::Z"),
        ("method", "tiny::S::go"),
        ("const", "tiny::C"),
        ("static", "tiny::D"),
        ("type_alias", "tiny::Alias"),
        ("macro", "tiny::m"),
        ("module", "tiny::inner"),
        ("function", "tiny::inner::deep"),
        ("use", "tiny::<use std::{fmt, io as other}>"),
        ("function", "tiny::foreign"),
    }
    assert item(base, "tiny::foreign").unsafe
    assert item(base, "tiny::S::go").is_async
    assert item(base, "tiny::Pair").signature == "struct Pair(u8, u8)"
    assert item(base, "tiny::C").signature == "const C: u8"
    assert item(base, "tiny::S::must").container == item(base, "tiny::<impl T for S>").span
    assert item(base, "tiny::S::must").parent == "tiny::S"


def test_calls_are_named_inside_macros_too():
    base = lib("""
struct Thing;
impl Thing { fn all(&self) {
    free(1); self.method::<u8>(); other::path(2); Url::parse("x"); Self::own();
    let s = Some(Wrapper(3));
    assert_eq!(inner(4), Kind::made(5)); format!("{}", x.shown());
    vec![nested(6)];
} }
""")
    assert item(base, "tiny::Thing::all").calls == (
        *("Kind::made", "Thing::own", "Url::parse", "assert_eq!", "format!", "free", "inner", "made", "method"),
        *("nested", "other::path", "own", "parse", "path", "shown", "vec!"),
    )


def test_a_call_belongs_to_the_innermost_item_around_it():
    base = lib("struct S; impl S { fn a(&self) { one() } fn b(&self) { two() } }\nfn c() { three() }")
    assert {entry.path: entry.calls for entry in base.items if entry.calls} == {
        "tiny::S::a": ("one",),
        "tiny::S::b": ("two",),
        "tiny::c": ("three",),
    }


def test_tests_and_what_only_tests_see_are_marked():
    base = lib("""
fn real() {}
#[cfg(test)] mod tests { use super::*; #[test] fn works() {} fn helper() {} }
#[cfg(all(test, feature = "x"))] fn also() {}
#[cfg(any(test, feature = "x"))] fn perhaps() {}
#[cfg(not(test))] fn never() {}
#[tokio::test] async fn waits() {}
""")
    assert {entry.name for entry in base.items if entry.test_only and entry.kind is ItemKind.FUNCTION} == {
        "works",
        "helper",
        "also",
    }
    assert {entry.name for entry in base.items if entry.is_test} == {"works", "waits"}


def test_files_belong_to_the_target_that_leads_to_them():
    base = known(
        src__lib='mod a; mod b; mod inline { mod c; } #[path = "odd/place.rs"] mod d; #[cfg(test)] mod tests;',
        src__a="mod deep;",
        src__a__deep="fn f() {}",
        src__b__mod="mod beside;",
        src__b__beside="",
        src__inline__c="",
        src__odd__place="mod next;",
        src__odd__next="",
        src__tests="fn helper() {}",
        src__main="fn main() {}",
        tests__it="mod common;",
        tests__common__mod="fn shared() {}",
        tests__ui__bad="fn",
        build="fn main() {}",
        examples__e="fn main() {}",
        benches__b="",
        src__forgotten="",
    )
    roles = {file.path: (file.role, file.module) for file in base.files}
    assert roles == {
        "src/lib.rs": (FileRole.LIBRARY, "tiny"),
        "src/a.rs": (FileRole.LIBRARY, "tiny::a"),
        "src/a/deep.rs": (FileRole.LIBRARY, "tiny::a::deep"),
        "src/b/mod.rs": (FileRole.LIBRARY, "tiny::b"),
        "src/b/beside.rs": (FileRole.LIBRARY, "tiny::b::beside"),
        "src/inline/c.rs": (FileRole.LIBRARY, "tiny::inline::c"),
        "src/odd/place.rs": (FileRole.LIBRARY, "tiny::d"),
        "src/odd/next.rs": (FileRole.LIBRARY, "tiny::d::next"),
        "src/tests.rs": (FileRole.LIBRARY, "tiny::tests"),
        "src/main.rs": (FileRole.BINARY, "tiny"),
        "tests/it.rs": (FileRole.INTEGRATION_TEST, "it"),
        "tests/common/mod.rs": (FileRole.INTEGRATION_TEST, "it::common"),
        "tests/ui/bad.rs": (FileRole.ORPHAN, ""),
        "build.rs": (FileRole.BUILD_SCRIPT, "build_script_build"),
        "examples/e.rs": (FileRole.EXAMPLE, "e"),
        "benches/b.rs": (FileRole.BENCH, "b"),
        "src/forgotten.rs": (FileRole.ORPHAN, ""),
    }
    assert item(base, "tiny::a::deep::f").span.path == "src/a/deep.rs"
    assert item(base, "tiny::tests::helper").test_only
    assert item(base, "it::common::shared").test_only
    assert base.build_script


def test_every_alternative_of_a_condition_is_followed():
    base = known(
        src__lib='#[cfg_attr(windows, path = "windows.rs")] mod imp; #[cfg(unix)] fn f() {} #[cfg(windows)] fn f() {}',
        src__windows="fn w() {}",
        src__imp="fn u() {}",
    )
    assert sorted(entry.path for entry in base.items if entry.kind is ItemKind.FUNCTION) == [
        "tiny::f",
        "tiny::f",
        "tiny::imp::u",
        "tiny::imp::w",
    ]


def test_items_in_macros_that_pass_them_through_are_seen_and_others_are_noted():
    base = known(
        src__lib="""
cfg_net! { pub mod net; /// Doc.
    pub fn open() { shut() } }
cfg_if::cfg_if! { if #[cfg(unix)] { pub fn here() {} } else { pub fn there() {} } }
lazy_static! { static ref X: u8 = 1; }
bitflags! { struct F: u8 { const A = 1; } }
""",
        src__net="pub struct Socket;",
    )
    assert {entry.path for entry in base.items if entry.public} >= {
        "tiny::net::Socket",
        "tiny::open",
        "tiny::here",
        "tiny::there",
    }
    assert item(base, "tiny::open").calls == ("shut",)
    assert item(base, "tiny::open").doc == "Doc."
    assert [note for note in base.notes if "!" in note] == [
        "src/lib.rs: what 1 calls of bitflags! between items make is not seen",
        "src/lib.rs: what 1 calls of lazy_static! between items make is not seen",
    ]


def test_an_included_file_belongs_to_the_module_that_includes_it():
    base = known(src__lib='mod m { include!("part.rs"); }', src__part="fn f() {}")
    assert item(base, "tiny::m::f").span.path == "src/part.rs"


def test_the_manifest_is_summed_up():
    base = lib(
        '#![cfg_attr(not(feature = "std"), no_std)]',
        MANIFEST
        + 'description = " About. "\nrust-version = "1.70"\n'
        + '[features]\ndefault = ["std"]\nstd = []\n[lib]\nproc-macro = true\n[dependencies]\nsyn = "2"\n',
    )
    assert (base.description, base.rust_version, base.no_std, base.proc_macro) == ("About.", "1.70", True, True)
    assert base.features == (("default", ("std",)), ("std", ()))
    assert base.default_features == ("std",)
    assert [line.name for line in base.dependencies] == ["syn"]
    assert (base.pin.name, base.pin.version, base.pin.license, base.pin.edition) == ("tiny", "0.1.0", "MIT", "2021")


# Documentation


def doctests(text, path="tiny::f"):
    return item(lib(text), path).doctests


def test_code_blocks_of_documentation_are_doc_tests_with_their_flags():
    text = """\
/// Text.
/// ```
/// # use tiny::f;
/// f();
/// ```
/// ```no_run,edition2021
/// g();
/// ```
/// ~~~ should_panic
/// ```
/// ~~~
/// ```text
/// no code
/// ```
/// ```rust ignore-windows
/// h();
pub fn f() {}
"""
    found = doctests(text)
    assert [(test.code, test.flags, test.index) for test in found] == [
        ("# use tiny::f;\nf();", (), 0),
        ("g();", ("no_run", "edition2021"), 1),
        ("```", ("should_panic",), 2),
        ("h();", ("rust", "ignore-windows"), 3),
    ]
    assert text_of(text, found[0].span) == "/// # use tiny::f;\n/// f();"


@pytest.mark.parametrize(
    ("flag", "is_rust"),
    [
        *(("", True), ("rust", True), ("compile_fail,E0277", True), ("ignore", True), ("edition2024", True)),
        *(("text", False), ("toml", False), ("rust,something", True), ("c++", False), ("edition1900", False)),
    ],
)
def test_only_the_flags_that_rustdoc_takes_for_rust_make_a_doc_test(flag, is_rust):
    assert bool(doctests(f"/// ```{flag}\n/// x();\n/// ```\nfn f() {{}}\n")) is is_rust


def test_documentation_in_every_form_is_read():
    text = """\
//! The crate.
//! ```
//! x();
//! ```
/** Block
 *  with stars.
 */
#[doc = "attribute \\"quoted\\""]
#[doc = r#"raw"#]
fn f() {}
/// Outer.
mod m {
    //! Inner.
}
#[doc(hidden)]
fn g() {}
"""
    base = lib(text)
    assert item(base, "tiny").doc.startswith("The crate.")
    assert item(base, "tiny").doctests[0].code == "x();"
    assert text_of(text, item(base, "tiny").doc_span) == "//! The crate.\n//! ```\n//! x();\n//! ```"
    assert item(base, "tiny::f").doc == 'Block\n with stars.\nattribute "quoted"\nraw'
    assert item(base, "tiny::m").doc == "Outer.\n\nInner."
    assert item(base, "tiny::g").doc == ""


def test_the_docs_of_a_module_in_its_own_file_belong_to_its_declaration():
    base = known(src__lib="/// Outer.\npub mod m;", src__m="//! Inner.\n//! ```\n//! y();\n//! ```\n")
    found = item(base, "tiny::m")
    assert found.doc == "Outer.\n\nInner.\n```\ny();\n```"
    assert found.doctests[0].span.path == "src/m.rs"


def test_windows_line_ends_leave_no_trace_in_texts():
    text = "/// One.\r\n/// ```\r\n/// a();\r\n/// b();\r\n/// ```\r\nfn f(\r\n) {}\r\n"
    found = item(lib(text), "tiny::f")
    assert found.doc == "One.\n```\na();\nb();\n```"
    assert found.doctests[0].code == "a();\nb();"
    assert found.signature == "fn f( )"


# Idioms


def test_idioms_stand_at_the_items_that_show_them_and_are_counted():
    base = lib("""
#[derive(Clone)] #[non_exhaustive] pub struct W(u8);
impl std::ops::Add for W { type Output = W; fn add(self, o: W) -> W { W(self.0 + o.0) } }
impl<T: Copy> Show for T {}
fn f(x: Option<u8>) -> Result<u8, E> { let Some(y) = x else { return Err(E) }; Ok(g()?.map(|z| z + y).collect()) }
""")
    assert item(base, "tiny::W").idioms == ("derive", "newtype", "non_exhaustive")
    assert "operator_impl" in item(base, "tiny::<impl std::ops::Add for W>").idioms
    assert "blanket_impl" in item(base, "tiny::<impl<T: Copy> Show for T>").idioms
    assert {"let_else", "question_mark", "closure", "early_return", "option", "result", "iterator_adapter"} <= set(
        item(base, "tiny::f").idioms
    )
    assert dict(base.idioms)["let_else"] == 1
