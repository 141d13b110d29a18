"""A fine-tuning example and its content hash.

The content of an example is one canonical JSON object (keys sorted, no white space, UTF-8, no escapes beyond what JSON
demands). Its bytes are what generators commit to, what nodes fetch by hash, and what a shard row can be turned back
into: `example_id` names exactly these bytes. Who generated it and how it was rated is not content.

The name is a hash over the hash of the bytes and the claim that they make (`consensus.commitments.content_name`). So
a generator that opens a slot shows the claim that raters had before them, though nobody who decides a round reads
contents.
"""

from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass

from consensus.commitments import content_name
from consensus.encoding import hash_bytes
from consensus.types import Hash

CATEGORIES = (
    "code_generation",
    "code_completion",
    "docstring_generation",
    "test_generation",
    "code_summarization",
    "bug_detection",
    "code_refactoring",
    "code_optimization",
    "code_review",
    "function_naming",
    "variable_naming",
    "api_usage_prediction",
    "code_search",
    "code_explanation",
    "comment_generation",
)
"""The fifteen task categories, in the order of the reference dataset's table."""


@dataclass(frozen=True, slots=True)
class Example:
    """One example, field for field the content columns of a shard row.

    `input_data`, `output_data` and `check_report` are strict JSON texts with their keys in the category's order.
    """

    crate_name: str
    input_data: str
    output_data: str
    task_category: str
    test: str
    """The unit tests that exercise the answer, as Rust source; empty where there are none."""
    crate_version: str
    crate_checksum: str
    """Hex."""
    license: str
    edition: str
    rustc_version: str
    """Compiler of the generator's check; empty when nothing was executed."""
    source_path: str
    source_span: str
    """`start..end` in bytes; empty for examples that no single place in the source gives."""
    engine: str
    model: str | None
    """None for the source engine: nothing here may be called a model's work that is not."""
    prompt_digest: str | None
    check_report: str
    """JSON: parsed, compiled, clippy, tests_run, tests_passed, mutants_killed, error_codes, project."""
    prompt_tokens: int
    completion_tokens: int

    def content(self) -> bytes:
        """The canonical bytes that the example's hash names."""
        return canonical_json(dataclasses.asdict(self))

    @property
    def example_id(self) -> Hash:
        """The name of the content: equal to `content_hash` of it."""
        return content_name(body_hash(self.content()), self.claim)

    @property
    def claim(self) -> Hash:
        """What makes two examples the same: crate, category, input and output (R16)."""
        parts = (self.crate_name, self.crate_version, self.task_category, self.input_data, self.output_data)
        return hash_bytes("claim", canonical_json(parts))


def canonical_json(value: object) -> bytes:
    """JSON with sorted keys and no white space, UTF-8; equal values give equal bytes."""
    return json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":"), allow_nan=False).encode()


def body_hash(content: bytes) -> Hash:
    """Hash of a content's bytes alone."""
    return hash_bytes("example-body", content)


def content_hash(content: bytes) -> Hash:
    """The name of a content, from its bytes: what whoever fetched it by that name checks."""
    return content_name(body_hash(content), claim_in(content))


def claim_in(content: bytes) -> Hash:
    """What a content claims.

    What is no example claims nothing but itself, so that it has a name, too: raters fetch it and call it malformed.
    """
    try:
        return parse_example(content, bytes_max=len(content)).claim
    except MalformedExampleError:
        return body_hash(content)


class MalformedExampleError(ValueError):
    """The bytes are not the canonical content of an example."""


def parse_example(content: bytes, *, bytes_max: int) -> Example:
    """Parse canonical content strictly.

    Raises:
        MalformedExampleError: Too long, not JSON, other keys or types than `Example` has, or not canonical.
    """
    if len(content) > bytes_max:
        raise MalformedExampleError(f"{len(content)} bytes, at most {bytes_max} allowed")
    try:
        value = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise MalformedExampleError(f"not JSON: {error}") from error
    fields = {field.name: field for field in dataclasses.fields(Example)}
    if not isinstance(value, dict) or value.keys() != fields.keys():
        raise MalformedExampleError("the keys are not those of an example")
    for name, item in value.items():
        if not _fits(str(fields[name].type), item):
            raise MalformedExampleError(f"{name}: {type(item).__name__} where {fields[name].type} is expected")
    example = Example(**value)
    try:
        is_canonical = example.content() == content
    except UnicodeEncodeError as error:  # half of a surrogate pair, escaped: JSON has it, UTF-8 does not
        raise MalformedExampleError(f"no Unicode text: {error}") from error
    if not is_canonical:
        raise MalformedExampleError("not in canonical form")
    return example


def _fits(kind: str, item: object) -> bool:
    if item is None:
        return kind.endswith("| None")
    if kind.startswith("int"):
        return type(item) is int and 0 <= item < 1 << 53
    return isinstance(item, str)
