"""The Parquet form of a shard: what others read, and that there is one byte string per content."""

import dataclasses
import io
import json

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from consensus.shard import ShardLeaf, shard_leaves
from consensus.types import CRITERIA, Hash
from node.shards.layout import COLUMNS, LayoutError, ShardFile, write_shard
from node.shards.row import RowError, ShardRow, check_form, parse_row, row_cells
from node.values.example import Example

REFERENCE = ["crate_name", "input_data", "output_data", "task_category", "test"]
PROVENANCE = [
    *("crate_version", "crate_checksum", "license", "edition", "rustc_version", "source_path", "source_span"),
    *("example_id", "job_id", "round_id", "generator", "engine", "model", "prompt_digest"),
    *("consensus_score", *CRITERIA, "rater_count", "score_spread"),
    *("check_report", "prompt_tokens", "completion_tokens"),
]
BUNDLE = b'{"a":"bundle"}'


@pytest.fixture(scope="module")
def rows(swarm, examples) -> tuple[ShardRow, ...]:
    decided = swarm.decide(examples)
    by_id = {example.example_id: example for example in examples}
    return tuple(ShardRow(by_id[leaf.content], leaf) for leaf in shard_leaves(swarm.terms, 10, decided.decisions))


def test_the_reference_columns_come_first_then_provenance():
    assert [name for name, _ in COLUMNS] == REFERENCE + PROVENANCE


def test_rows_come_back_as_they_were_written(rows):
    file = ShardFile(write_shard(rows, BUNDLE))
    assert (file.rows, file.bundle) == (len(rows), BUNDLE)
    assert file.read() == rows


def test_the_same_rows_give_the_same_bytes(rows):
    assert write_shard(rows, BUNDLE) == write_shard(tuple(rows), bytes(BUNDLE))
    assert write_shard(rows, BUNDLE) != write_shard(rows, BUNDLE + b" ")


def test_every_column_of_a_row_is_content_or_provenance(rows):
    """Nothing in a row hangs loose: each column is in the example, whose hash the leaf names, or in the leaf."""
    content = {field.name for field in dataclasses.fields(Example)}
    leaf = {field.name for field in dataclasses.fields(ShardLeaf)}
    names = {
        "content": {"example_id"},
        "job": {"job_id"},
        "height": {"round_id"},
        "crate": {"crate_name", "crate_version"},
        "category": {"task_category"},
        "score_bp": {"consensus_score"},
        "criteria_bp": set(CRITERIA),
        "spread_bp": {"score_spread"},
        "raters": {"rater_count"},
        "generator": {"generator"},
    }
    assert leaf == set(names)
    assert content | set().union(*names.values()) == {name for name, _ in COLUMNS}
    assert set(row_cells(rows[0])) == {name for name, _ in COLUMNS}


def test_every_score_has_one_double_and_comes_back(rows):
    for points in {*range(0, 10_001, 13), *range(6990, 7010), 1, 9999, 10_000}:
        cells = row_cells(rows[0]) | {"consensus_score": points / 10_000}
        assert parse_row(cells).leaf.score_bp == points


@pytest.mark.parametrize("value", [np.nextafter(0.7001, 1), 0.70005, -0.0, 1.0001, float("nan"), float("inf")])
def test_a_score_that_is_no_basis_point_is_refused(rows, value):
    with pytest.raises(RowError, match="consensus_score"):
        parse_row(row_cells(rows[0]) | {"consensus_score": float(value)})


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("example_id", "AB" * 32),
        ("example_id", "ab" * 31),
        ("job_id", "not hex"),
        ("generator", " " + "ab" * 32),
        ("round_id", 0),
        ("rater_count", -1),
    ],
)
def test_a_value_that_is_not_in_its_only_form_is_refused(rows, column, value):
    with pytest.raises(RowError, match=column):
        parse_row(row_cells(rows[0]) | {column: value})


def test_pandas_loads_a_shard_without_our_package(rows):
    frame = pd.read_parquet(io.BytesIO(write_shard(rows, BUNDLE)))
    assert list(frame.columns) == REFERENCE + PROVENANCE
    assert len(frame) == len(rows)
    assert frame["consensus_score"].tolist() == [row.leaf.score_bp / 10_000 for row in rows]
    assert frame["example_id"].is_monotonic_increasing
    assert [json.loads(text) for text in frame["input_data"]] == [json.loads(row.example.input_data) for row in rows]
    assert set(frame["model"].dropna()) == {"a-model"}
    assert frame.drop(columns=["model", "prompt_digest"]).notna().all().all()


@pytest.mark.parametrize(
    "change",
    [
        lambda table: table.drop_columns(["test"]),
        lambda table: table.append_column("extra", pa.array([0] * table.num_rows)),
        lambda table: table.select([*table.column_names[1:], table.column_names[0]]),
        lambda table: table.set_column(26, "check_report", table["check_report"].cast(pa.large_string())),
        lambda table: table.set_column(13, "job_id", pa.array([None] * table.num_rows, pa.string())),
    ],
)
def test_other_columns_order_or_types_are_refused(rows, change, reseal):
    table = change(pq.read_table(io.BytesIO(write_shard(rows, BUNDLE))))
    with pytest.raises(LayoutError, match="columns are not those of a shard"):
        ShardFile(reseal(table, BUNDLE))


def test_a_file_without_our_metadata_or_of_another_format_is_refused(rows, reseal):
    table = pq.read_table(io.BytesIO(write_shard(rows, BUNDLE)))
    plain = io.BytesIO()
    pq.write_table(table, plain)
    for data in (plain.getvalue(), reseal(table, BUNDLE, version=b"2"), b"", b"PAR1", b"PAR1" * 10, bytes(1000)):
        with pytest.raises(LayoutError):
            ShardFile(data)
    with pytest.raises(LayoutError, match="unexpected metadata"):
        ShardFile(reseal(table, BUNDLE, more={b"swarm.more": b"x"}))


def test_the_seal_is_found_whatever_the_rows_and_the_bundle_say(rows):
    hostile = b"unsealed".ljust(64, b".")
    row = ShardRow(dataclasses.replace(rows[0].example, test=hostile.decode()), rows[0].leaf)
    row = ShardRow(row.example, dataclasses.replace(row.leaf, content=Hash(row.example.example_id)))
    assert ShardFile(write_shard([row], hostile)).read() == (row,)


def test_a_row_of_another_form_than_its_category_is_refused(rows):
    row = rows[0]
    for column, text in (
        ("input_data", "{}"),
        ("output_data", "['a python literal']"),
        ("output_data", "[1]"),
        ("check_report", '{"a":NaN}'),
        ("check_report", '{"a":1,"a":2}'),
    ):
        with pytest.raises(RowError, match=column):
            check_form(dataclasses.replace(row.example, **{column: text}))
