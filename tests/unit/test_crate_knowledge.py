"""One crate, one digest: in any process, from any order of files; and nothing but true bytes decodes."""

import dataclasses
import os
import random
import subprocess
import sys

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from consensus.encoding import encode
from node.crates.idioms import IDIOMS, shown_by_attribute, shown_by_call
from node.crates.knowledge import (
    KNOWLEDGE_BYTES_MAX,
    KnowledgeError,
    analyse,
    decode_knowledge,
    encode_knowledge,
    knowledge_digest,
    make_pin,
)
from node.crates.sources import Sources, SourceText, read_sources
from node.values.crate import Span

FILES = {
    "Cargo.toml": """
[package]
name = "tiny"
version = "0.1.0"
edition = "2021"
license = "MIT OR Apache-2.0"
[features]
zeta = []
alpha = ["zeta"]
[dependencies]
serde = { version = "1", features = ["b", "a"] }
""",
    "src/lib.rs": """//! Tiny. \u00e9\u00df
pub use inner::{deep::*, Shape};
mod inner;
mod other;
#[cfg(test)]
mod tests { #[test] fn works() { assert_eq!(super::area(&x), one(two())); } }
/// ```
/// tiny::area(&s)?.map(|x| x);
/// ```
pub fn area(s: &Shape) -> Option<u8> { s.size().checked_mul(s.size())?.into() }
lazy! { x } other_macro! { y }
""",
    "src/inner.rs": """
pub mod deep { pub fn f() {} }
pub enum Shape { A, B }
impl Shape { pub fn size(&self) -> u8 { 1 } }
""",
    "src/other/mod.rs": "impl std::fmt::Display for crate::Shape {}",
    "tests/a.rs": "mod common; #[test] fn t() { common::g(); }",
    "tests/common/mod.rs": "pub fn g() {}",
    "B.rs": "",
    "a.rs": "",
}
SCRIPT = """
import sys, locale
from pathlib import Path
from node.crates.knowledge import analyse, encode_knowledge, knowledge_digest
from node.crates.sources import read_sources
sources = read_sources(Path(sys.argv[1]))
print(sources.digest.hex(), knowledge_digest(encode_knowledge(analyse(sources, bytes(32)))).hex())
"""


def lay_out(root, order):
    for path in order:
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(FILES[path], encoding="utf-8")
    return root


@pytest.fixture(scope="module")
def crate(tmp_path_factory):
    return lay_out(tmp_path_factory.mktemp("crate"), FILES)


@pytest.fixture(scope="module")
def knowledge(crate):
    return analyse(read_sources(crate), bytes(32))


def digests_in_a_process(folder, **environment):
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, str(folder)],
        env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)} | environment,
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout


def test_the_digest_is_the_same_in_any_process_locale_and_order_of_files(crate, tmp_path):
    shuffled = random.Random(7).sample(sorted(FILES), len(FILES))
    copy = lay_out(tmp_path, shuffled)
    first = digests_in_a_process(crate, PYTHONHASHSEED="0", LC_ALL="C")
    assert len(first) == 130
    assert first == digests_in_a_process(copy, PYTHONHASHSEED="1", LC_ALL="C.UTF-8", TZ="Asia/Tokyo")
    assert first == digests_in_a_process(copy, PYTHONHASHSEED="4294967295", PYTHONUTF8="1")


def test_what_cargo_adds_or_leaves_out_takes_no_part(crate, tmp_path):
    copy = lay_out(tmp_path, FILES)
    for name in (".cargo-ok", "Cargo.lock", "Cargo.toml.orig", "README.md", ".cargo_vcs_info.json", "src/data.bin"):
        (copy / name).write_text("anything")
    assert read_sources(copy).digest == read_sources(crate).digest


@pytest.mark.parametrize("path", sorted(FILES))
def test_any_change_of_a_source_file_changes_the_digest(path, crate, tmp_path):
    copy = lay_out(tmp_path, FILES)
    (copy / path).write_text(FILES[path] + " ", encoding="utf-8")
    assert read_sources(copy).digest != read_sources(crate).digest


def test_moving_a_file_changes_the_digest(crate, tmp_path):
    copy = lay_out(tmp_path, FILES)
    (copy / "a.rs").rename(copy / "c.rs")
    assert read_sources(copy).digest != read_sources(crate).digest


def test_the_pin_says_what_the_manifest_says(crate):
    pin = make_pin(read_sources(crate), b"\1" * 32)
    assert (pin.label, pin.license, pin.edition) == ("tiny@0.1.0", "MIT OR Apache-2.0", "2021")
    assert (pin.checksum, pin.source_digest) == (b"\1" * 32, read_sources(crate).digest)


def test_what_is_encoded_decodes_to_itself(knowledge):
    data = encode_knowledge(knowledge)
    assert decode_knowledge(data) == knowledge
    assert len(knowledge_digest(data)) == 32


def test_everything_that_has_an_order_is_in_it(knowledge):
    assert [item.span for item in knowledge.items] == sorted(item.span for item in knowledge.items)
    for sequence in (knowledge.public_api, knowledge.idioms, knowledge.features, knowledge.notes):
        assert list(sequence) == sorted(sequence)
    assert [file.path for file in knowledge.files] == sorted(set(FILES) - {"Cargo.toml"})


def changed(knowledge, **changes):
    return encode(dataclasses.replace(knowledge, **changes))


def test_what_this_analyser_could_not_have_made_is_refused(knowledge):
    first = knowledge.items[0]
    beyond = dataclasses.replace(first, span=Span(first.span.path, 0, 1 << 20))
    nowhere = dataclasses.replace(first, code_span=Span("none.rs", 0, 0))
    backwards = dataclasses.replace(first, name_span=Span(first.span.path, 5, 4))
    file = knowledge.files[0]
    for data in (
        changed(knowledge, analyser=knowledge.analyser + 1),
        changed(knowledge, items=(beyond, *knowledge.items[1:])),
        changed(knowledge, items=(nowhere, *knowledge.items[1:])),
        changed(knowledge, items=(backwards, *knowledge.items[1:])),
        changed(knowledge, items=knowledge.items[::-1]),
        changed(knowledge, files=knowledge.files[::-1]),
        changed(knowledge, files=(file, *knowledge.files)),
        changed(knowledge, files=(dataclasses.replace(file, path="../x.rs"), *knowledge.files[1:])),
        encode_knowledge(knowledge) + b"\0",
        b"",
    ):
        with pytest.raises(KnowledgeError):
            decode_knowledge(data)


def test_a_knowledge_base_beyond_the_bound_is_refused_before_it_is_read():
    with pytest.raises(KnowledgeError, match="at most"):
        decode_knowledge(bytes(KNOWLEDGE_BYTES_MAX + 1))


SMALL = encode_knowledge(
    analyse(
        Sources(
            b'[package]\nname = "t"\nversion = "0.1.0"\n',
            (SourceText("src/lib.rs", b"/// ```\n/// x\n/// ```\npub fn f() { g() }"),),
        ),
        bytes(32),
    )
)


@settings(max_examples=200)
@given(st.integers(0, len(SMALL) - 1), st.integers(1, 255))
def test_no_changed_byte_decodes_to_the_same_knowledge(position, change):
    damaged = bytearray(SMALL)
    damaged[position] ^= change
    try:
        assert decode_knowledge(bytes(damaged)) != decode_knowledge(SMALL)
    except KnowledgeError:
        return


# The list of idioms


def test_every_idiom_has_a_name_a_meaning_and_a_way_to_be_recognised():
    names = [idiom.name for idiom in IDIOMS]
    assert len(set(names)) == len(names)
    assert all(idiom.meaning for idiom in IDIOMS)
    by_reader = {"blanket_impl", "newtype"}
    assert {
        idiom.name
        for idiom in IDIOMS
        if not (idiom.nodes or idiom.types or idiom.calls or idiom.traits or idiom.attributes)
    } == by_reader


def test_kinds_of_nodes_are_those_of_the_grammar():
    from node.crates.parsing import rust

    grammar = rust()
    known = {grammar.node_kind_for_id(number) for number in range(grammar.node_kind_count)}
    named = {kind for idiom in IDIOMS for form in idiom.nodes for kind in form.split("/")}
    assert named <= known


def test_calls_show_idioms_by_whole_names_and_by_beginnings():
    assert shown_by_call("mem::swap") == {"mem_replace"}
    assert shown_by_call("checked_add") == {"checked_arithmetic"}
    assert shown_by_call("unchecked_add") == set()


def test_attributes_show_idioms_whatever_their_arguments():
    assert set(shown_by_attribute("derive(Clone)")) == {"derive"}
    assert set(shown_by_attribute("doc(hidden)")) == {"doc_hidden"}
    assert set(shown_by_attribute('deprecated = "why"')) == {"deprecated"}
    assert set(shown_by_attribute("underived")) == set()
