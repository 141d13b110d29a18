import json
from types import SimpleNamespace

import pytest

from node.checking.naming import Namer
from node.checking.plan import make_plan
from node.checking.reading import read_row
from node.errors import OperatorError

SUM = """pub fn sum_of_squares(values: &[i64]) -> i64 {
    let mut total = 0;
    for value in values {
        total += value * value;
    }
    total
}"""
RENAMED = SUM.replace("values", "numbers").replace("total", "result").replace("sum_of_squares", "squares")
OTHER = "pub fn first_word(text: &str) -> &str {\n    text.split_whitespace().next().unwrap_or_default()\n}"


def plan_of(tmp_path, *codes, **more):
    lines = [json.dumps({"id": f"r{number}", "code": code, **more}) for number, code in enumerate(codes)]
    path = tmp_path / "rows"
    path.write_text("\n".join(lines))
    return make_plan(path)


def named(plan, numbers, namer=None, vendor=None):
    """What is said of some rows, as a run asks for it: looked at up to the last of them, then named."""
    namer = namer or Namer(plan)
    while not namer.earlier.look(max(numbers)):
        pass
    return namer.name(SimpleNamespace(vendor=vendor), [(row, read_row(plan.lines([row])[0])) for row in numbers])


def test_copies_and_renamed_copies_are_named_by_the_row_before_them(tmp_path):
    found = named(plan_of(tmp_path, SUM, OTHER, f"// changed\n{SUM}", RENAMED), range(4))
    assert [item.like for item in found] == [None, None, "r0", "r0"]
    assert {item.copied for item in found} == {item.held_out for item in found} == {None}


def test_rows_repeat_rows_before_them_in_whatever_order_they_are_settled(tmp_path):
    plan = plan_of(tmp_path, SUM, OTHER, RENAMED, f"{OTHER} // again")
    namer = Namer(plan)
    later, sooner = named(plan, [2, 3], namer), named(plan, [0, 1], namer)
    assert [item.like for item in (*sooner, *later)] == [None, None, "r0", "r1"]


def test_rows_that_an_earlier_run_settled_are_repeated_too(tmp_path):
    assert named(plan_of(tmp_path, SUM, OTHER, RENAMED), [2])[0].like == "r0"


def test_a_row_without_an_identifier_is_named_by_its_place_and_a_malformed_one_is_like_none(tmp_path):
    path = tmp_path / "rows"
    path.write_text(f"nonsense\n{json.dumps({'code': SUM})}\nnonsense\n{json.dumps({'code': SUM})}\n")
    assert named(make_plan(path), [3])[0].like == "row 2"


def test_looking_at_many_rows_can_be_stopped_in_between(tmp_path):
    namer = Namer(plan_of(tmp_path, *(f"fn f{number}() {{}}" for number in range(600))))
    looks = 0
    while not namer.earlier.look(599):
        looks += 1
    assert looks == 2
    assert namer.earlier.look(10)


def test_the_share_that_stands_in_held_out_rows_is_told(tmp_path):
    path = tmp_path / "held-out"
    path.write_text(json.dumps({"code": SUM}) + "\n")
    plan = plan_of(tmp_path, SUM, OTHER)
    assert [item.held_out for item in named(plan, [0, 1], Namer(plan, path))] == [1.0, 0.0]


@pytest.mark.parametrize(
    ("text", "said"),
    [("", "no rows"), (f"{json.dumps({'code': SUM})}\n{json.dumps({'prompt': SUM})}\n", "row 2: no code")],
)
def test_held_out_rows_that_cannot_be_read_are_not_passed_over(tmp_path, text, said):
    path = tmp_path / "held-out"
    path.write_text(text)
    with pytest.raises(OperatorError, match=said):
        Namer(plan_of(tmp_path, SUM), path)


def test_the_share_that_stands_in_the_crate_is_told(tmp_path):
    (tmp_path / "sums-1.2.3" / "src").mkdir(parents=True)
    (tmp_path / "sums-1.2.3" / "src" / "lib.rs").write_text(SUM)
    (tmp_path / "sums-extra-1.0.0").mkdir()
    (tmp_path / "sums-extra-1.0.0" / "lib.rs").write_text(OTHER)
    found = named(plan_of(tmp_path, SUM, OTHER, crate="sums"), [0, 1], vendor=tmp_path)
    assert [item.copied for item in found] == [1.0, 0.0]
