"""Compiler output as values, and error codes as classes."""

import json

import pytest

from node.checks.diagnostics import (
    Diagnostic,
    ErrorClass,
    classes,
    classify,
    error_codes,
    first_error,
    is_past_parsing,
    parse_diagnostics,
)


def line(message, *, level="error", code=None, spans=(), cargo=False):
    value = {"message": message, "level": level, "code": {"code": code} if code else None, "spans": list(spans)}
    if cargo:
        value = {"reason": "compiler-message", "message": value}
    return json.dumps(value).encode()


def span(file, start, end, *, primary=True, expansion=None):
    found = {"file_name": file, "byte_start": start, "byte_end": end, "is_primary": primary, "expansion": None}
    if expansion is not None:
        found["expansion"] = {"span": expansion}
    return found


def test_rustc_and_cargo_lines_say_the_same():
    of_rustc = parse_diagnostics(line("borrowed", code="E0502", spans=[span("src/lib.rs", 3, 9)]))
    of_cargo = parse_diagnostics(line("borrowed", code="E0502", spans=[span("src/lib.rs", 3, 9)], cargo=True))
    assert of_rustc == of_cargo
    assert (of_rustc[0].places[0].file, of_rustc[0].places[0].start, of_rustc[0].places[0].end) == ("src/lib.rs", 3, 9)


def test_what_is_no_diagnostic_is_left_out():
    noise = [
        b"not json",
        b"{broken",
        b'{"artifact":"x","emit":"link"}',
        line("aborting due to 2 previous errors"),
        line("3 warnings emitted", level="warning"),
        line("for more information", level="failure-note"),
        b"thread 'rustc' has overflowed its stack",
    ]
    assert parse_diagnostics(b"\n".join(noise)) == ()


def test_a_place_in_a_foreign_macro_is_followed_out_to_where_it_was_used():
    inside = span("/rustc/lib/macros.rs", 1, 2, expansion=span("src/lib.rs", 40, 50))
    (found,) = parse_diagnostics(line("format", spans=[inside]))
    assert [(place.file, place.start) for place in found.primary] == [("src/lib.rs", 40)]


def test_codes_are_sorted_and_each_is_there_once():
    text = b"\n".join(
        [
            line("b", code="E0382"),
            line("a", code="E0308"),
            line("c", code="E0382"),
            line("w", level="warning", code="unused_mut"),
            line("lifetime may not live long enough"),
        ]
    )
    found = parse_diagnostics(text)
    assert error_codes(found) == ("E0308", "E0382")
    assert first_error(found) == "E0382: b"
    assert classes(found) == ("lifetime", "ownership", "type_mismatch")


@pytest.mark.parametrize(
    ("code", "message", "expected"),
    [
        ("E0502", "", ErrorClass.OWNERSHIP),
        ("E0597", "", ErrorClass.LIFETIME),
        ("", "lifetime may not live long enough", ErrorClass.LIFETIME),
        ("", "captured variable cannot escape `FnMut` closure body", ErrorClass.LIFETIME),
        ("E0277", "", ErrorClass.TRAIT_BOUND),
        ("E0282", "", ErrorClass.TYPE_INFERENCE),
        ("E0425", "", ErrorClass.RESOLUTION),
        ("E0133", "", ErrorClass.SAFETY),
        ("E0004", "", ErrorClass.PATTERN),
        ("E0080", "", ErrorClass.CONSTANT),
        ("clippy::eq_op", "", ErrorClass.LINT),
        ("overflowing_literals", "", ErrorClass.CONSTANT),
        ("", "expected `;`, found `}`", ErrorClass.SYNTAX),
        ("", "linking with `cc` failed", ErrorClass.OTHER),
        ("E9999", "expected", ErrorClass.OTHER),
    ],
)
def test_an_error_has_the_class_of_its_code_else_of_its_message(code, message, expected):
    assert classify(code, message) is expected


def test_only_what_is_looked_for_in_what_parses_shows_that_it_does():
    unknown, wrong = (Diagnostic(True, code, "", ()) for code in ("E0425", "E0308"))
    unread, told = (Diagnostic(*some, ()) for some in ((True, "", "expected `}`"), (False, "unused_mut", "")))
    assert is_past_parsing((unknown, told, wrong))
    assert not is_past_parsing((unknown, unread))  # Read on as if it were not there.
    assert not is_past_parsing((told,))
