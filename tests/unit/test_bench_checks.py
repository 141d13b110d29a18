"""The rows that checks are measured with, and the clock that measures them."""

import html
import json
import subprocess
import sys
from urllib.parse import urlencode

import pytest

from node.bench.checks import ROWS, Cost, read_rows, sample
from node.bench.cpu import Spent
from node.bench.doc_rows import rows_of
from node.bench.std_rows import distinct, examples_of, read_std_examples
from node.checking.reading import PackageKey
from node.checks.guards.likeness import NearDuplicates
from node.crates.knowledge import analyse
from node.crates.sources import Sources, SourceText
from node.errors import OperatorError

SHIPPED = {"std": 120, "short": 200, "itertools": 140, "itertools-short": 200}


@pytest.mark.parametrize(("name", "least"), SHIPPED.items())
def test_shipped_rows_are_many_short_and_different(name, least):
    rows = read_rows(ROWS / f"{name}.jsonl")
    assert len(rows) >= least
    assert len({row.id for row in rows}) == len(rows)
    assert len({row.example.code for row in rows}) == len(rows)
    for row in rows:
        assert (row.example.code + row.example.tests).count("\n") <= 70, row.id
        assert "assert" in row.example.tests, row.id
        assert row.package.crate == ("itertools" if name.startswith("itertools") else "")


@pytest.mark.parametrize("name", ["short", "itertools-short"])
def test_short_rows_are_as_short_as_doc_tests(name):
    rows = read_rows(ROWS / f"{name}.jsonl")
    lines = [(row.example.code + row.example.tests).count("\n") for row in rows]
    assert 13 <= sum(lines) / len(lines) < 14
    assert max(lines) <= 25


def test_no_shipped_row_is_a_near_copy_of_another():
    rows = [row for name in SHIPPED for row in read_rows(ROWS / f"{name}.jsonl")]
    seen = NearDuplicates(lambda number: rows[number].example.code)
    for number, row in enumerate(rows):
        assert seen.first_like(number, row.example.code) is None, row.id


LIB = b"""/// Adds.
///
/// ```
/// # use sums::add;
/// assert_eq!(add(1, 2), 3);
/// ```
///
/// ```should_panic
/// sums::add(i32::MAX, 1);
/// ```
pub fn add(a: i32, b: i32) -> i32 { a + b }

/// Adds as well.
///
/// ```
/// use sums::add;
/// assert_eq!(add(1, 2), 3);
/// ```
///
/// ```rust
/// fn main() -> Result<(), String> {
///     sums::sum(&[]).ok_or_else(String::new).map(drop)
/// }
/// ```
///
/// ```text
/// no code
/// ```
///
/// ```
/// #![allow(unused)]
/// let n = sums::sum(&[1]);
/// ```
pub fn sum(items: &[i32]) -> Option<i32> { Some(items.iter().sum()) }
"""


def test_a_crates_doc_tests_are_rows_each_text_once_and_none_that_does_not_run_as_it_stands():
    manifest = b'[package]\nname = "sums"\nversion = "1.0.0"\nedition = "2021"\n'
    rows = rows_of(analyse(Sources(manifest, (SourceText("src/lib.rs", LIB),)), bytes(32)))
    assert [row.id for row in rows] == ["sums-0", "sums-1"]
    assert {row.package for row in rows} == {PackageKey("2021", "sums", "1.0.0")}
    assert "    use sums::add;\n    assert_eq!(add(1, 2), 3);\n}" in rows[0].example.code
    assert "main().unwrap();" in rows[1].example.code


def page(*examples):
    """Of rustdoc: an example with its run button."""
    blocks = []
    for marks, code in examples:
        href = html.escape("https://example.org/?" + urlencode({"code": code, "edition": "2021"}))
        button = f'<a class="test-arrow" target="_blank" title="Run code" href="{href}"></a>'
        blocks.append(f'<div class="example-wrap {marks}"><pre class="rust"><code>shown</code></pre>{button}</div>')
    return "<p>text</p>".join(blocks)


def test_examples_of_std_are_what_rustdoc_compiles():
    hidden = "#![allow(unused)]\nfn main() {\n    use std::cmp::max;\n    assert_eq!(max(1, 2), 2);\n}"
    found = list(examples_of(page(("", hidden), ("compile_fail", "fn main() { broken }"))))
    assert found == [hidden]
    assert distinct(found) == ["    use std::cmp::max;\n    assert_eq!(max(1, 2), 2);"]


def test_examples_of_std_are_taken_once_for_all_integers_and_only_where_they_assert_something():
    codes = [
        "fn main() {\nassert_eq!(1u8.pow(2), 1);\n}",
        "fn main() {\nassert_eq!(3u16.pow(2), 9);\n}",
        "fn main() {\nprintln!();\n}",
        "#![feature(never)]\nfn main() {\nassert!(true);\n}",
        "fn main() -> Result<(), ()> {\n    assert!(f());\n    Ok(())\n}\nfn f() -> bool { true }",
    ]
    first, last = distinct(codes)
    assert first == "    assert_eq!(1u8.pow(2), 1);"
    assert last.endswith("main().unwrap();")


def test_pages_of_some_machines_only_are_left_out_wherever_the_toolchain_lies(tmp_path):
    pages = tmp_path / "os" / "share/doc/rust/html/std"
    for name, code in (("vec/x", "assert_eq!(vec![1].len(), 1);"), ("os/x", "assert!(unix());")):
        (pages / name).parent.mkdir(parents=True)
        (pages / f"{name}.html").write_text(page(("", f"fn main() {{\n{code}\n}}")))
    (row,) = read_std_examples(tmp_path / "os", 1)
    assert "vec![1].len()" in row.example.code


def test_a_toolchain_without_documentation_is_said(tmp_path):
    with pytest.raises(OperatorError, match="no examples") as caught:
        read_std_examples(tmp_path, 1)
    assert "rust-docs" in caught.value.hint


def test_a_row_that_cannot_be_tried_is_refused_with_its_line(tmp_path):
    path = tmp_path / "rows.jsonl"
    path.write_text(json.dumps({"code": "fn f() {}"}) + "\n{}\n")
    with pytest.raises(OperatorError, match="line 2"):
        read_rows(path)


def test_the_seed_alone_chooses_what_cargo_gets():
    rows = read_rows(ROWS / "std.jsonl")
    assert sample(rows, 12, 1) == sample(rows, 12, 1)
    assert sample(rows, 12, 1) != sample(rows, 12, 2)
    assert set(sample(rows, 12, 1)) < set(sample(rows, 24, 1))
    assert sample(rows, 10_000, 1) == list(range(len(rows)))


def test_a_cost_is_per_row():
    none = Spent(0, 0, 0)
    ours, theirs = Cost("ours", 100, Spent(2000, 100, 0), none), Cost("theirs", 4, Spent(4000, 10, 0), none)
    assert (ours.cpu_ms, ours.per_cpu_second, theirs.times(ours)) == (20, 50, 50)


BURN = "import time\nwhile time.process_time() < 0.3: pass"
ORPHAN = """
import subprocess, sys
# A parent that does not wait for its child, as bubblewrap does not.
subprocess.Popen([sys.executable, "-c", {burn!r}])
"""


def test_the_clock_counts_orphans_too():
    script = f"""
import subprocess, sys
from node.bench import cpu
cpu._END_S = 120.0
clock = cpu.CpuClock()
subprocess.run([sys.executable, "-c", {ORPHAN.format(burn=BURN)!r}], check=True)
import time
spent = clock.lap()
print(spent.cpu_ms, spent.own_cpu_ms)
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    cpu_ms, own_ms = map(float, done.stdout.split())
    assert cpu_ms - own_ms >= 300
