import json

import pytest

from node.checking.reading import DEPTH_MAX, TEXT_BYTES_MAX, MalformedRowError, PackageKey, read_row


def line(**row):
    return json.dumps(row).encode()


def test_a_row_has_its_text_and_the_package_it_is_compiled_in():
    row = read_row(line(id="a", code="fn a() {}", tests="assert!(true);", crate="strsim", version="0.11.1"))
    assert (row.id, row.package) == ("a", PackageKey("2021", "strsim", "0.11.1"))
    assert (row.example.code, row.example.tests, row.example.context) == ("fn a() {}", "assert!(true);", "")


def test_rows_without_a_crate_need_an_edition_only():
    assert read_row(line(code="fn a() {}", edition=2018)).package == PackageKey("2018")
    assert read_row(line(code="fn a() {}", crate="std", edition=None)).package == PackageKey("2021")
    assert read_row(line(code="fn a() {}", crate="heck@0.5")).package == PackageKey("2021", "heck", "0.5")


def test_features_are_those_of_the_crate_each_once_and_sorted():
    with_features = read_row(line(code="fn a() {}", crate="serde@1", crate_features=["rc", "derive", "rc"])).package
    assert with_features == PackageKey("2021", "serde", "1", ("derive", "rc"))
    assert str(with_features) == "serde@1 with derive, rc, edition 2021"
    assert read_row(line(code="fn a() {}", crate="serde", crate_features="derive")).package.features == ("derive",)
    assert read_row(line(code="fn a() {}", crate="serde", features=["trait objects"])).package.features == ()


def test_tests_may_be_a_list():
    assert read_row(line(code="fn a() {}", tests=["one", "two"])).example.tests == "one\n\ntwo"


@pytest.mark.parametrize(
    ("raw", "said"),
    [
        (b"nonsense", "not JSON"),
        (b"[" * 100_000, "not JSON"),
        (b"[1]", "not a JSON object"),
        (line(id=1), "no code"),
        (line(code="  \n "), "no code"),
        (line(code=7), "`code` is not a string"),
        (line(code="fn a() {}", tests=[1]), "`tests` is not a string"),
        (line(code="fn a() {}\0"), "a NUL byte"),
        (b'{"code":"fn a() {} // \xff"}', "invalid UTF-8 at byte 22"),
        (b'{"code":"fn a() {} // \\ud800"}', "half of a surrogate pair"),
        (line(code="x" * (TEXT_BYTES_MAX + 1)), "bytes of Rust, at most"),
        (line(code="x" * 10_000_000), "bytes of Rust, at most"),
        (line(code="(" * (DEPTH_MAX + 1) + ")" * (DEPTH_MAX + 1)), "nested more than"),
        (line(code="fn a() {}", edition="2077"), "unknown edition '2077'"),
        (line(code="fn a() {}", crate="../secret"), "no name of a published crate"),
        (line(code="fn a() {}", crate="heck", version="; rm"), "is no version"),
        (line(code="fn a() {}", crate=["heck"]), "are strings"),
        (line(code="fn a() {}", crate="heck", crate_features=["dep:x"]), "is not a list of features' names"),
        (line(code="fn a() {}", crate="heck", crate_features={"a": 1}), "is not a list of features' names"),
    ],
)
def test_what_cannot_be_tried_says_why(raw, said):
    with pytest.raises(MalformedRowError, match=said.replace("(", r"\(")):
        read_row(raw)


def test_a_byte_order_mark_before_the_first_row_is_passed_over():
    assert read_row(b'\xef\xbb\xbf{"id": 1, "code": "fn f() {}"}\r\n').id == 1


def test_a_refused_row_keeps_its_identifier():
    for raw in (line(id="seven", code=""), b'{"id":"seven","code":"\xff"}'):
        with pytest.raises(MalformedRowError) as refused:
            read_row(raw)
        assert refused.value.id == "seven"


def test_many_brackets_beside_each_other_are_not_deep():
    assert read_row(line(code="fn a() { " + "f(); " * 5000 + "}")).example.code.startswith("fn a")
