"""An example's bytes, what they claim, and the name that binds both."""

import dataclasses
import json

import pytest

from consensus.commitments import content_name
from consensus.types import Hash
from node.values.example import (
    Example,
    MalformedExampleError,
    body_hash,
    canonical_json,
    claim_in,
    content_hash,
    parse_example,
)

EXAMPLE = Example(
    crate_name="strsim",
    input_data='{"code":"fn f() {}"}',
    output_data='{"name":"ö"}',
    task_category="function_naming",
    test="",
    crate_version="0.11.1",
    crate_checksum="ab" * 32,
    license="MIT",
    edition="2021",
    rustc_version="",
    source_path="src/lib.rs",
    source_span="0..9",
    engine="source",
    model=None,
    prompt_digest=None,
    check_report="{}",
    prompt_tokens=0,
    completion_tokens=3,
)
CONTENT = EXAMPLE.content()


def with_fields(**fields):
    return canonical_json(dataclasses.asdict(EXAMPLE) | fields)


def test_what_is_parsed_is_what_was_written():
    assert parse_example(CONTENT, bytes_max=len(CONTENT)) == EXAMPLE


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(b"", id="nothing"),
        pytest.param(b"\xff\xfe", id="no text"),
        pytest.param(b"[" * 100_000, id="deep"),
        pytest.param(b"[]", id="no object"),
        pytest.param(CONTENT + b" ", id="white space"),
        pytest.param(json.dumps(dataclasses.asdict(EXAMPLE), sort_keys=True).encode(), id="other separators"),
        pytest.param(CONTENT.replace("ö".encode(), b"\\u00f6"), id="an escape that needs none"),
        pytest.param(CONTENT.replace("ö".encode(), b"\\ud800"), id="half a surrogate pair"),
        pytest.param(CONTENT.replace("ö".encode(), b"\xed\xa0\x80"), id="half a surrogate pair in bytes"),
        pytest.param(CONTENT[:-1] + b',"test":""}', id="a key twice"),
        pytest.param(with_fields(more="x"), id="a key too many"),
        pytest.param(with_fields(license=None), id="none where text is wanted"),
        pytest.param(with_fields(prompt_tokens=True), id="true for a number"),
        pytest.param(with_fields(prompt_tokens=-1), id="below zero"),
        pytest.param(with_fields(prompt_tokens=1 << 53), id="beyond what JSON's numbers hold"),
        pytest.param(CONTENT.replace(b'"prompt_tokens":0', b'"prompt_tokens":' + b"9" * 5000), id="a huge number"),
        pytest.param(CONTENT.replace(b'"prompt_tokens":0', b'"prompt_tokens":NaN'), id="no number"),
    ],
)
def test_what_is_no_example_is_refused_and_has_a_name_all_the_same(content):
    with pytest.raises(MalformedExampleError):
        parse_example(content, bytes_max=1 << 18)
    assert claim_in(content) == body_hash(content)
    assert content_hash(content) == content_name(body_hash(content), body_hash(content)) != content_hash(CONTENT)


def test_more_bytes_than_allowed_are_refused_before_they_are_read():
    with pytest.raises(MalformedExampleError, match="at most"):
        parse_example(CONTENT, bytes_max=len(CONTENT) - 1)


@pytest.mark.parametrize("field", [field.name for field in dataclasses.fields(Example)])
def test_a_claim_is_crate_category_input_and_output_and_nothing_else(field):
    value = getattr(EXAMPLE, field)
    other = dataclasses.replace(EXAMPLE, **{field: value + 1 if isinstance(value, int) else f"{value or ''} "})
    claims = {"crate_name", "crate_version", "task_category", "input_data", "output_data"}
    assert (other.claim != EXAMPLE.claim) == (field in claims)
    assert other.example_id != EXAMPLE.example_id


def test_a_name_binds_the_claim_so_that_no_bytes_fit_a_name_with_another_one():
    rivals = dataclasses.replace(EXAMPLE, output_data='{"name":"g"}').claim
    assert content_hash(CONTENT) == EXAMPLE.example_id == content_name(body_hash(CONTENT), EXAMPLE.claim)
    assert content_name(body_hash(CONTENT), rivals) != content_hash(CONTENT)
    assert content_name(Hash(bytes(32)), EXAMPLE.claim) != content_hash(CONTENT)
