import json
from types import SimpleNamespace

from node.checking.naming import Namer
from node.checking.plan import make_plan
from node.checking.reading import read_row

SUM = """pub fn sum_of_squares(values: &[i64]) -> i64 {
    let mut total = 0;
    for value in values {
        total += value * value;
    }
    total
}"""
RENAMED = SUM.replace("values", "numbers").replace("total", "result").replace("sum_of_squares", "squares")
OTHER = "pub fn first_word(text: &str) -> &str {\n    text.split_whitespace().next().unwrap_or_default()\n}"


def rows(*codes, **more):
    lines = [json.dumps({"id": f"r{number}", "code": code, **more}).encode() for number, code in enumerate(codes)]
    return list(enumerate(map(read_row, lines)))


def package(vendor=None):
    return SimpleNamespace(vendor=vendor)


def test_copies_and_renamed_copies_are_named_by_the_row_before_them():
    named = Namer().name(package(), rows(SUM, OTHER, f"// changed\n{SUM}", RENAMED))
    assert [item.like for item in named] == [None, None, "r0", "r0"]
    assert {item.copied for item in named} == {item.held_out for item in named} == {None}


def test_rows_of_an_earlier_run_are_remembered(tmp_path):
    path = tmp_path / "rows"
    path.write_text(json.dumps({"id": "old", "code": SUM}) + "\nnonsense\n")
    namer = Namer()
    namer.remember(make_plan(path), [0, 1])
    assert namer.name(package(), rows(SUM))[0].like == "old"


def test_the_share_that_stands_in_held_out_rows_is_told(tmp_path):
    path = tmp_path / "held-out"
    path.write_text(json.dumps({"code": SUM}) + "\n")
    named = Namer(path).name(package(), rows(SUM, OTHER))
    assert [item.held_out for item in named] == [1.0, 0.0]


def test_the_share_that_stands_in_the_crate_is_told(tmp_path):
    (tmp_path / "sums-1.2.3" / "src").mkdir(parents=True)
    (tmp_path / "sums-1.2.3" / "src" / "lib.rs").write_text(SUM)
    (tmp_path / "sums-extra-1.0.0").mkdir()
    (tmp_path / "sums-extra-1.0.0" / "lib.rs").write_text(OTHER)
    named = Namer().name(package(tmp_path), rows(SUM, OTHER, crate="sums"))
    assert [item.copied for item in named] == [1.0, 0.0]
