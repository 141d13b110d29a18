import asyncio
import json
from types import SimpleNamespace

import pytest

from node.checking.exporting import export_rows
from node.errors import OperatorError
from tests.unit.cli.conftest import files_below

ROWS = [
    {"id": "one/..", "code": "pub fn one() {}"},
    {"id": "two", "code": ""},
    {"id": 3, "code": "pub fn three() {}", "crate": "heck"},
    {"code": "pub fn nameless() {}"},
]


def export(tmp_path, *only, unknown=""):
    source = tmp_path / "rows"
    source.write_text("".join(json.dumps(row) + "\n" for row in ROWS))

    async def prepare(key):
        if unknown and key.crate == unknown:
            raise OperatorError(f"no crate {unknown}", hint="")
        return SimpleNamespace(manifest=f"# {key}".encode(), lock=b"")

    return asyncio.run(export_rows(SimpleNamespace(prepare=prepare), source, tmp_path / "out", set(only)))


def test_every_row_that_can_be_tried_gets_a_project_named_by_its_place_and_identifier(tmp_path):
    assert export(tmp_path).written == 3
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["000001-one_..", "000003-3", "000004"]
    assert (tmp_path / "out" / "000003-3" / "Cargo.toml").read_text() == "# heck@newest, edition 2021"


def test_rows_are_chosen_by_their_identifiers(tmp_path):
    assert export(tmp_path, "3", "one/..").written == 2
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["000001-one_..", "000003-3"]


@pytest.mark.parametrize(("name", "said"), [("four", "four: no row is of this name"), ("two", "two: no code")])
def test_a_row_that_cannot_be_written_is_named_before_others_are(tmp_path, name, said):
    with pytest.raises(OperatorError, match=said):
        export(tmp_path, "3", name)
    assert not (tmp_path / "out").exists()


def test_a_row_of_a_crate_that_is_not_to_be_had_keeps_no_other_from_being_written(tmp_path):
    done = export(tmp_path, unknown="heck")
    assert (done.written, dict(done.lacking)) == (2, {"heck@newest, edition 2021: no crate heck": 1})
    with pytest.raises(OperatorError, match="no crate heck"):
        export(tmp_path, "3", unknown="heck")


def test_projects_that_are_there_are_left_as_they_are(tmp_path):
    export(tmp_path, "3")
    before = files_below(tmp_path)
    with pytest.raises(OperatorError, match="is not empty"):
        export(tmp_path, "3")
    assert files_below(tmp_path) == before
