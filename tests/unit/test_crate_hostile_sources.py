"""Sources from somebody who means harm: bounded, named, never a crash and never a hang."""

import os
import sys

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from node.crates import modules
from node.crates.knowledge import analyse, decode_knowledge, encode_knowledge
from node.crates.sources import SOURCE_FILES_MAX, Sources, SourceText, read_sources
from node.errors import OperatorError
from node.values.crate import FileRole

MANIFEST = b'[package]\nname = "tiny"\nversion = "0.1.0"\nedition = "2021"\n'
DEEP = 20_000

BOMBS = {
    "open parentheses": b"fn f() {" + b"(" * DEEP,
    "nested parentheses": b"fn f() {" + b"(" * DEEP + b"1" + b")" * DEEP + b"}",
    "nested modules": b"mod a{" * DEEP + b"}" * DEEP,
    "nested blocks": b"fn f() " + b"{" * DEEP + b"}" * DEEP,
    "nested calls": b"fn f() {" + b"g(" * DEEP + b")" * DEEP + b"}",
    "nested macros": b"fn f() {" + b"m!(" * DEEP + b")" * DEEP + b"}",
    "nested pass-through macros": b"cfg_a! {" * 2000 + b"}" * 2000,
    "nested use": b"pub use " + b"a::{" * DEEP + b"}" * DEEP + b";",
    "long use": b"pub use a::{" + b"b," * DEEP + b"};",
    "long path": b"use " + b"a::" * DEEP + b"a;",
    "nested generics": b"type A = " + b"V<" * DEEP + b"u8" + b">" * DEEP + b";",
    "nested references": b"impl T for " + b"&" * DEEP + b"X { fn f() {} }",
    "nested type path": b"impl " + b"a::" * DEEP + b"X { fn f() {} }",
    "long sum": b"fn f() {1" + b"+1" * DEEP + b"}",
    "generics of an impl": b"impl<" + b"A," * DEEP + b"> X { fn f() {} }",
    "attributes": b"#[a]" * DEEP + b"fn f() {}",
    "condition": b"#[cfg(" + b"all(" * DEEP + b"test" + b")" * DEEP + b")] fn f() {}",
    "long condition": b"#[cfg(any(" + b"a," * DEEP + b"test))] fn f() {}",
    "docs": b"/// ```\n/// x\n/// ```\n" * 5_000 + b"fn f() {}",
    "one long line of docs": b"///" + b"`" * DEEP + b"\nfn f() {}",
    "block comments": b"/*" * DEEP,
    "quotes": b'"' * 10_000,
    "NULs": b"fn f() {}\0" * 1000,
    "invalid UTF-8": b"fn f() {} // \xff\xfe",
    "half a character": b'fn f() { let x = "\xc3',
    "byte order mark": b"\xef\xbb\xbf//! Docs.\nfn f() {}",
    "no Rust at all": bytes(range(1, 128)) * 300,
}


def known(*pairs):
    files = tuple(SourceText(path, data) for path, data in sorted(pairs))
    return analyse(Sources(MANIFEST, files), bytes(32))


@pytest.mark.parametrize("text", BOMBS.values(), ids=BOMBS)
def test_a_hostile_file_is_read_within_bounds_and_the_next_one_is_read_as_well(text):
    base = known(("src/lib.rs", b"mod bomb; mod good;"), ("src/bomb.rs", text), ("src/good.rs", b"fn fine() {}"))
    assert decode_knowledge(encode_knowledge(base)) == base
    assert "tiny::good::fine" in {item.path for item in base.items}


def test_files_that_are_no_text_are_named():
    base = known(("src/lib.rs", b"mod a; fn f() {}"), ("src/a.rs", b"\xff"))
    assert base.notes == ("src/a.rs: not UTF-8",)
    assert [(file.path, file.parse_errors) for file in base.files] == [("src/a.rs", 1), ("src/lib.rs", 0)]


def test_files_beyond_the_bound_are_listed_and_named_but_not_parsed(monkeypatch):
    monkeypatch.setattr(modules, "FILE_BYTES_MAX", 100)
    base = known(("src/lib.rs", b"mod big; fn f() {}"), ("src/big.rs", b"fn g() {}" * 50))
    assert base.notes == ("src/big.rs: 450 bytes, at most 100 are parsed",)
    assert [item.name for item in base.items if item.path.startswith("tiny::big::")] == []


def test_after_too_much_that_is_no_rust_the_rest_is_not_parsed(monkeypatch):
    monkeypatch.setattr(modules, "BROKEN_BYTES_MAX", 1000)
    noise = b"fn ) ( ] " * 500
    base = known(
        ("src/lib.rs", b"mod a; mod b; mod c;"), ("src/a.rs", noise), ("src/b.rs", b"fn f() {}"), ("src/c.rs", b"")
    )
    assert [note.split(":")[0] for note in base.notes] == ["src/a.rs", "src/b.rs", "src/c.rs"]


@pytest.mark.parametrize(
    "files",
    [
        {"src/lib.rs": b'#[path = "lib.rs"] mod again;'},
        {"src/lib.rs": b"mod a;", "src/a.rs": b'#[path = "lib.rs"] mod b;'},
        {"src/lib.rs": b'include!("lib.rs"); fn f() {}'},
        {"src/lib.rs": b'include!("a.rs");', "src/a.rs": b'include!("lib.rs"); mod a;'},
        {"src/lib.rs": b'#[path = "../../../etc/a.rs"] mod a; #[path = "/etc/b.rs"] mod b; include!("/etc/c.rs");'},
        {"src/lib.rs": b'#[path = ""] mod a; #[path = "."] mod b; #[path = ".."] mod c; mod r#fn; mod crate;'},
        {"src/lib.rs": b"mod a; mod a; mod a;", "src/a.rs": b"mod a;", "src/a/a.rs": b"mod a;"},
        {"src/main.rs": b"mod main;", "src/lib.rs": b'#[path = "main.rs"] mod m;'},
    ],
)
def test_modules_that_lead_back_or_away_come_to_an_end(files):
    base = known(*files.items())
    assert {file.path for file in base.files} == set(files)
    assert all(item.span.path in files for item in base.items)


def test_a_chain_of_modules_as_long_as_the_crate_is_followed():
    count = 3000
    chain = [(f"src/m{i}.rs", f'#[path = "m{i + 1}.rs"] mod m{i + 1};'.encode()) for i in range(count)]
    base = known(("src/lib.rs", b'#[path = "m0.rs"] mod m0;'), *chain, (f"src/m{count}.rs", b"fn end() {}"))
    assert all(file.role is FileRole.LIBRARY for file in base.files)


def test_a_chain_of_re_exports_longer_than_the_bound_is_said_to_be():
    count = 300
    chain = "".join(f"pub mod m{i} {{ pub use crate::m{i + 1}::f; }}" for i in range(count))
    base = known(("src/lib.rs", f"{chain} mod m{count} {{ pub fn f() {{}} }}".encode()))
    assert any("not followed to the end" in note for note in base.notes)


@settings(max_examples=150, deadline=None)
@given(
    st.lists(
        st.sampled_from(
            [
                *(
                    "fn ",
                    "mod ",
                    "impl ",
                    "use ",
                    "pub ",
                    "struct ",
                    "trait ",
                    "enum ",
                    "macro_rules! ",
                    "cfg_if! ",
                    "a",
                ),
                *("{", "}", "(", ")", "<", ">", "[", "]", "::", ";", ",", "#", "!", "=", "&", "'", '"', "|", "*", "->"),
                *(
                    "//! x\n",
                    "/// ```\n",
                    "/** ",
                    "*/",
                    "#[cfg(test)]",
                    '#[path = "a.rs"]',
                    "\0",
                    "\u00e9",
                    "\n",
                    "match ",
                ),
                *(
                    "if let ",
                    "else ",
                    "for ",
                    "where ",
                    "unsafe ",
                    "async ",
                    'include!("a.rs");',
                    "extern ",
                    "r#",
                    "$x",
                ),
            ]
        ),
        max_size=60,
    ).map("".join)
)
def test_no_arrangement_of_rust_words_upsets_the_analysis(text):
    base = known(("src/lib.rs", text.encode()), ("src/a.rs", text.encode()))
    assert decode_knowledge(encode_knowledge(base)) == base


# Reading the folder


def lay_out(root, **files):
    (root / "Cargo.toml").write_bytes(MANIFEST)
    for name, data in {"src__lib": b"", **files}.items():
        path = root / (name.replace("__", "/") + ".rs")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)


def test_links_are_not_followed(tmp_path):
    crate = tmp_path / "crate"
    crate.mkdir()
    lay_out(crate)
    (tmp_path / "secret.rs").write_text("fn secret() {}")
    (crate / "src/link.rs").symlink_to(tmp_path / "secret.rs")
    (crate / "src/loop").symlink_to(crate)
    os.mkfifo(crate / "src/pipe.rs")
    assert [file.path for file in read_sources(crate).files] == ["src/lib.rs"]


def test_a_manifest_that_is_a_link_is_not_followed(tmp_path):
    (tmp_path / "elsewhere").write_bytes(MANIFEST)
    (tmp_path / "Cargo.toml").symlink_to(tmp_path / "elsewhere")
    with pytest.raises((OperatorError, OSError)):
        read_sources(tmp_path)


@pytest.mark.skipif(sys.platform != "linux", reason="other systems refuse such names themselves")
def test_names_that_are_no_text_are_passed_over(tmp_path):
    lay_out(tmp_path)
    os.close(os.open(os.fsencode(tmp_path) + b"/src/\xff.rs", os.O_CREAT))
    assert [file.path for file in read_sources(tmp_path).files] == ["src/lib.rs"]


def test_a_folder_without_manifest_is_no_crate(tmp_path):
    with pytest.raises(OperatorError, match="not a crate"):
        read_sources(tmp_path)


def test_too_many_files_and_too_many_bytes_are_refused_with_their_bounds(tmp_path, monkeypatch):
    lay_out(tmp_path, **{f"src__m{number}": b"x" * 100 for number in range(20)})
    monkeypatch.setattr("node.crates.sources.SOURCE_FILES_MAX", 10)
    with pytest.raises(OperatorError, match="at most 10"):
        read_sources(tmp_path)
    monkeypatch.setattr("node.crates.sources.SOURCE_FILES_MAX", SOURCE_FILES_MAX)
    monkeypatch.setattr("node.crates.sources.SOURCE_BYTES_MAX", 1000)
    with pytest.raises(OperatorError, match="beyond their bound"):
        read_sources(tmp_path)


def test_folders_too_deep_are_refused(tmp_path):
    lay_out(tmp_path)
    (tmp_path / "/".join("d" * 50)).mkdir(parents=True)
    with pytest.raises(OperatorError, match="deeply"):
        read_sources(tmp_path)
