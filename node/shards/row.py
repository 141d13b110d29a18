"""A shard row as a value: an example's content and what the network certified about it."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

from consensus.shard import ShardLeaf
from consensus.types import CRITERIA, Hash, JobId, NodeId
from node.values.example import Example
from node.values.form import MalformedFieldError, parse_input, parse_object, parse_output

Cell = str | int | float | None

SCORE_MAX_BP = 10_000


class RowError(ValueError):
    """A row contradicts itself or its form; the message names the column."""


@dataclass(frozen=True, slots=True)
class ShardRow:
    """One row. Content and provenance together determine every column (R50)."""

    example: Example
    leaf: ShardLeaf


def row_cells(row: ShardRow) -> dict[str, Cell]:
    """The row's columns by name. Scores are basis points over 10,000, the nearest double."""
    example, leaf = row.example, row.leaf
    return {
        **dataclasses.asdict(example),
        "example_id": leaf.content.hex(),
        "job_id": leaf.job.hex(),
        "round_id": leaf.height,
        "generator": leaf.generator.hex(),
        "consensus_score": leaf.score_bp / SCORE_MAX_BP,
        **{name: score / SCORE_MAX_BP for name, score in zip(CRITERIA, leaf.criteria_bp, strict=True)},
        "rater_count": leaf.raters,
        "score_spread": leaf.spread_bp / SCORE_MAX_BP,
    }


def parse_row(cells: dict[str, Cell]) -> ShardRow:
    """Turn columns, whose types the Arrow schema has guaranteed, back into a row.

    Raises:
        RowError: `example_id` is not the content's hash, or a hash, score or count is not in its only form.
    """
    example = Example(**{field.name: cells[field.name] for field in dataclasses.fields(Example)})  # type: ignore[arg-type]  # the schema has fixed each column's type
    content = _hash(cells, "example_id")
    if example.example_id != content:
        raise RowError(
            f"example_id is {content.hex()[:16]}.. but the content hashes to {example.example_id.hex()[:16]}.."
        )
    syntactic, semantic, idiomatic, compilation = (_score(cells, name) for name in CRITERIA)
    leaf = ShardLeaf(
        content=content,
        job=JobId(_hash(cells, "job_id")),
        height=_count(cells, "round_id"),
        crate=f"{example.crate_name}@{example.crate_version}",
        category=example.task_category,
        score_bp=_score(cells, "consensus_score"),
        criteria_bp=(syntactic, semantic, idiomatic, compilation),
        spread_bp=_score(cells, "score_spread"),
        raters=_count(cells, "rater_count"),
        generator=NodeId(_hash(cells, "generator")),
    )
    return ShardRow(example, leaf)


def check_form(example: Example) -> None:
    """Check that an example's JSON columns have their category's form (TASKS.md).

    Raises:
        RowError: One has not; names it.
    """
    for column, parse in (("input_data", parse_input), ("output_data", parse_output)):
        try:
            parse(example.task_category, getattr(example, column))
        except MalformedFieldError as error:
            raise RowError(f"{column}: {error}") from error
    try:
        parse_object(example.check_report)
    except MalformedFieldError as error:
        raise RowError(f"check_report: {error}") from error


def _hash(cells: dict[str, Cell], name: str) -> Hash:
    text = str(cells[name])
    try:
        value = bytes.fromhex(text)
    except ValueError:
        value = b""
    if len(value) != 32 or value.hex() != text:
        raise RowError(f"{name} is not 64 lower-case hex digits")
    return Hash(value)


def _score(cells: dict[str, Cell], name: str) -> int:
    value = cells[name]
    # Not only near a basis point but the very double that stands for it, so that each row has one encoding.
    if not isinstance(value, float) or not 0 <= value <= 1:
        raise RowError(f"{name} is {value}, not between 0 and 1")
    points = round(value * SCORE_MAX_BP)
    if repr(points / SCORE_MAX_BP) != repr(value):
        raise RowError(f"{name} is {value!r}, not a whole number of basis points")
    return points


def _count(cells: dict[str, Cell], name: str) -> int:
    value = cells[name]
    if not isinstance(value, int) or value < 1:
        raise RowError(f"{name} is {value}, not a positive number")
    return value
