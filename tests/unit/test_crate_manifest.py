"""Cargo.toml: read strictly, targets by cargo's rules, and the one that a crate is built with here."""

import tomllib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from node.crates.build_manifest import build_manifest
from node.crates.lockfile import LockedPackage, parse_lock
from node.crates.manifest import ManifestError, parse_manifest
from node.crates.sources import Sources, SourceText
from node.crates.toml_text import toml_text
from node.errors import OperatorError
from node.values.crate import Dependency, FileRole

PACKAGE = '[package]\nname = "my-crate"\nversion = "1.2.3"\n'


def manifest(text="", package=PACKAGE):
    return parse_manifest((package + text).encode())


def built(text="", files=("src/lib.rs",), *, dev=True, package=PACKAGE):
    """The manifest to build with, parsed, and its notes. Files are paths or (path, content)."""
    pairs = sorted((file, b"") if isinstance(file, str) else file for file in files)
    sources = Sources((package + text).encode(), tuple(SourceText(*pair) for pair in pairs))
    made, notes = build_manifest(manifest(text, package), sources, dev_dependencies=dev)
    return tomllib.loads(made.decode()), notes


def test_what_is_not_stated_has_cargos_defaults():
    found = manifest()
    assert (found.name, found.version, found.edition, found.license) == ("my-crate", "1.2.3", "2015", "")
    assert (found.library_name, found.proc_macro, found.features, found.dependencies) == ("my_crate", False, (), ())


def test_dependencies_come_from_every_table_sorted_each_once():
    found = manifest("""
[dependencies]
b = "1"
a = { version = "2", optional = true, features = ["y", "x"] }
[target.'cfg(unix)'.dependencies]
b = "1"
[dev_dependencies]
c = { path = "../c" }
[build-dependencies]
d = "*"
""")
    assert found.dependencies == (
        Dependency("d", "*", "build", False, ()),
        Dependency("c", "*", "dev", False, ()),
        Dependency("a", "2", "normal", True, ("x", "y")),
        Dependency("b", "1", "normal", False, ()),
    )


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\xff",
        b"[package",
        b"[workspace]\nmembers = []\n",
        b"package = 1\n",
        b'[package]\nname = 1\nversion = "1.0.0"\n',
        b'[package]\nname = "x"\nversion.workspace = true\n',
        PACKAGE.encode() + b'[features]\na = "b"\n',
        PACKAGE.encode() + b"[features]\na = [1]\n",
        b"dependencies = 1\n" + PACKAGE.encode(),
        b"a = " + b"[" * 5000,
        b"#" * ((1 << 20) + 1),
    ],
)
def test_what_describes_no_package_is_refused(data):
    with pytest.raises(ManifestError):
        parse_manifest(data)


def test_targets_are_found_where_cargo_finds_them():
    files = [
        *("src/lib.rs", "src/main.rs", "src/bin/tool.rs", "src/bin/big/main.rs", "src/bin/big/part.rs", "build.rs"),
        *("tests/a.rs", "tests/b/main.rs", "tests/common/mod.rs", "examples/e.rs", "benches/x.rs", "src/other.rs"),
    ]
    assert [(target.role, target.name, target.path) for target in manifest().targets(files)] == [
        (FileRole.LIBRARY, "my_crate", "src/lib.rs"),
        (FileRole.BINARY, "big", "src/bin/big/main.rs"),
        (FileRole.BINARY, "my-crate", "src/main.rs"),
        (FileRole.BINARY, "tool", "src/bin/tool.rs"),
        (FileRole.INTEGRATION_TEST, "a", "tests/a.rs"),
        (FileRole.INTEGRATION_TEST, "b", "tests/b/main.rs"),
        (FileRole.EXAMPLE, "e", "examples/e.rs"),
        (FileRole.BENCH, "x", "benches/x.rs"),
        (FileRole.BUILD_SCRIPT, "build_script_build", "build.rs"),
    ]


def test_listed_targets_and_switched_off_discovery_are_obeyed():
    text = """autotests = false
build = "make.rs"
[lib]
name = "other"
path = "lib.rs"
[[test]]
name = "it"
path = "tests/listed.rs"
"""
    files = ["lib.rs", "src/lib.rs", "tests/listed.rs", "tests/unlisted.rs", "make.rs", "build.rs"]
    assert [(target.role, target.path) for target in manifest(text).targets(files)] == [
        (FileRole.LIBRARY, "lib.rs"),
        (FileRole.INTEGRATION_TEST, "tests/listed.rs"),
        (FileRole.BUILD_SCRIPT, "make.rs"),
    ]
    assert manifest(text).library_name == "other"


def test_benchmarks_and_examples_and_what_only_they_need_are_left_out_and_said():
    text = """
[[bench]]
name = "speed"
harness = false
[[example]]
name = "show"
[dev-dependencies]
criterion = "0.5"
rand-core = "0.6"
[target."cfg(not(miri))".dev-dependencies]
plotting = "1"
"""
    files = [("benches/speed.rs", b"use criterion::x; use plotting::y;"), ("tests/a.rs", b"use rand_core::z;")]
    document, notes = built(text, files)
    assert document["dev-dependencies"] == {"rand-core": "0.6"}
    assert document["target"] == {"cfg(not(miri))": {"dev-dependencies": {}}}
    assert not {"bench", "example"} & document.keys()
    assert document["package"]["autobenches"] is document["package"]["autoexamples"] is False
    assert [note.split(" left")[0] for note in notes] == [
        "bench targets",
        "example targets",
        "dev-dependency criterion",
        "dev-dependency plotting",
    ]


def test_a_dev_dependency_that_only_adds_features_to_a_dependency_stays():
    text = '[dependencies]\nserde = "1"\n[dev-dependencies]\nserde = { version = "1", features = ["derive"] }\n'
    assert "serde" in built(text)[0]["dev-dependencies"]


def test_without_dev_dependencies_no_table_has_any():
    document, _ = built('[dev-dependencies]\nrand = "1"\n', [("src/lib.rs", b"rand")], dev=False)
    assert not document.get("dev-dependencies")


def test_targets_whose_files_are_not_published_are_left_out_and_said():
    text = '[[bin]]\nname = "gone"\npath = "src/gone.rs"\n[[test]]\nname = "lost"\npath = "tests/lost.rs"\n'
    document, notes = built(text)
    assert not {"bin", "test"} & document.keys()
    assert notes == (
        "bin target gone left out: its file is not published",
        "test target lost left out: its file is not published",
    )


def test_a_test_with_a_module_that_is_not_published_is_switched_off_and_said():
    files = [("tests/it.rs", b"mod gone; mod here; #[cfg(nightly)] mod maybe;"), "tests/here.rs"]
    document, notes = built("autotests = false\n[[test]]\nname = 'it'\npath = 'tests/it.rs'\n", files)
    assert {entry["name"]: entry.get("test", True) for entry in document["test"]} == {"it": False, "here": False}
    assert notes == ("test target it switched off: `mod gone;` of tests/it.rs is not published",)


def test_a_file_added_to_the_tests_of_a_copy_will_be_a_test():
    document, _ = built("autotests = false\n", ["src/lib.rs", "tests/no_test.rs"])
    assert document["package"]["autotests"] is True
    assert document["test"] == [{"name": "no_test", "path": "tests/no_test.rs", "test": False}]


def test_a_crate_stands_alone_whatever_is_above_it():
    text = '[workspace]\nmembers = ["x"]\n[patch.crates-io]\na = { path = "a" }\n[badges]\n'
    document, notes = built(text, package=PACKAGE.replace("[package]", '[package]\nworkspace = ".."'))
    assert document["workspace"] == {}
    assert "workspace" not in document["package"]
    assert notes == ("[patch] left out",)


def test_features_profiles_and_lints_stay_as_published():
    text = '[features]\ndefault = ["a"]\na = []\n[profile.test]\nopt-level = 2\n[lints.rust]\nunsafe_code = "deny"\n'
    assert built(text)[0].items() >= tomllib.loads(text).items()


def test_a_dependency_from_another_registry_is_refused():
    with pytest.raises(OperatorError, match="another registry"):
        built('[dependencies]\na = { version = "1", registry-index = "sparse+https://example.org/" }\n')


def test_lock_files_of_both_layouts_give_the_same_packages():
    old = """
[[package]]
name = "a"
version = "1.0.0"
source = "registry+x"

[[package]]
name = "me"
version = "0.1.0"

[metadata]
"checksum a 1.0.0 (registry+x)" = "00ff"
"""
    new = 'version = 4\n[[package]]\nname = "a"\nversion = "1.0.0"\nsource = "registry+x"\nchecksum = "00ff"\n'
    assert parse_lock(old.encode()) == parse_lock(new.encode()) == (LockedPackage("a", "1.0.0", "registry+x", "00ff"),)


texts = st.text(st.characters(exclude_categories=["Cs"]))
scalars = st.one_of(
    st.booleans(), st.integers(-(1 << 63), (1 << 63) - 1), texts, st.floats(allow_nan=False), st.dates()
)
values = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts, inner, max_size=4), max_leaves=20
)


@given(st.dictionaries(texts, values, max_size=5))
def test_written_toml_reads_back_as_the_same_values(document):
    assert tomllib.loads(toml_text(document)) == document


KEYS = st.sampled_from(
    [
        *(
            "package",
            "lib",
            "bin",
            "test",
            "example",
            "bench",
            "dependencies",
            "dev-dependencies",
            "target",
            "features",
        ),
        *("name", "version", "path", "build", "autotests", "registry", "optional", "workspace", "project", "cfg(unix)"),
    ]
)
ODD = st.recursive(
    st.sampled_from(["x", "src/lib.rs", "1", True, False, 0, 1.5, []]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=4),
    max_leaves=12,
)


@given(st.dictionaries(KEYS, ODD, max_size=6), st.dictionaries(KEYS, ODD, max_size=4))
def test_a_manifest_of_the_wrong_shape_is_refused_and_never_a_crash(document, package):
    text = toml_text(document | {"package": {"name": "x", "version": "1.0.0"} | package})
    try:
        found = parse_manifest(text.encode())
        found.targets({"src/lib.rs", "x"})
        build_manifest(found, Sources(text.encode(), (SourceText("src/lib.rs", b""),)), dev_dependencies=True)
    except (ManifestError, OperatorError):
        return


def test_what_toml_cannot_hold_is_refused():
    with pytest.raises(TypeError, match="NoneType"):
        toml_text({"a": None})
