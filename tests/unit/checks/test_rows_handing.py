"""Which tests of a row are handed to the harness in a table, and how the text then reads."""

import pytest

from node.checks.rows.example import Example, assemble
from node.checks.rows.shape import look_at, with_stub
from node.checks.syntax import parse_rust

ADD = "pub fn add(a: i32, b: i32) -> i32 {\n    a + b\n}"


def handed(tests, code=ADD):
    """Names in the tables, and the text of the module."""
    source = assemble(Example(code, tests=tests))
    shape = look_at(source, parse_rust(source.text), edition="2021")
    text = with_stub(source, shape, "row_1").decode()
    assert text.count("\n") == source.text.decode().count("\n")
    return [f"{table.path}{name}" for table in shape.tables for name in table.names], text


def test_statements_are_one_test_in_a_table():
    names, text = handed("assert_eq!(add(1, 2), 3);")
    assert names == ["row_tests::row"]
    assert 'static ROW_1: [(&str, fn()); 1] = [("row_1::row_tests::row", row)]; /*#[test]*/' in text


def test_each_module_has_a_table_of_its_own():
    inner = "mod inner {\n    #[test]\n    fn c() {}\n}"
    names, text = handed(f"#[test]\nfn a() {{}}\n/// Adds.\n#[test]\npub fn b() {{}}\n{inner}")
    assert sorted(names) == ["a", "b", "inner::c"]
    assert text.count("static ROW_1") == 2
    assert text.count("/*#[test]*/") == 3


@pytest.mark.parametrize(
    "test",
    [
        "#[test]\n#[ignore]\nfn t() {}",
        "#[should_panic]\n#[test]\nfn t() {}",
        "#[cfg(unix)]\n#[test]\nfn t() {}",
        "#[test]\nfn t() -> Result<(), String> { Ok(()) }",
        "#[test]\nfn t<T>() {}",
        "#[test]\nfn t(n: u8) {}",
        "#[test]\nasync fn t() {}",
        "#[test]\nconst fn t() {}",
        "#[test]\nfn r#loop() {}",
        "#[ test ]\nfn t() {}",
        "#[tokio::test]\nfn t() {}",
        "fn f() {\n    #[test]\n    fn t() {}\n}",
        "use other::test;\n#[test]\nfn t() {}",
        "use other::*;\n#[test]\nfn t() {}",
        "use ::other::inner::{a, b::*};\n#[test]\nfn t() {}",
        "macro_rules! test { () => {} }\n#[test]\nfn t() {}",
        "#![forbid(unsafe_code)]\n#[test]\nfn t() {}",
    ],
)
def test_a_test_that_may_mean_more_keeps_its_descriptor(test):
    names, text = handed(f"#[cfg(test)]\nmod tests {{\n    {test}\n}}")
    assert names == []
    assert "swarm_tests" not in text


def test_globs_of_what_is_no_crate_change_nothing():
    names, _ = handed("use super::*;\nuse std::collections::*;\nuse Colour::*;\n#[test]\nfn t() {}")
    assert names == ["row_tests::t"]
