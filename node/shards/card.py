"""The dataset card: every number in it is counted from the rows, so that it can be counted again."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from node.shards.names import DATA_FOLDER
from node.shards.row import SCORE_MAX_BP, ShardRow
from node.shards.splits import SPLITS
from node.values.example import CATEGORIES
from node.values.form import MalformedFieldError, parse_object

SCORE_BIN_BP = 500

_SIZES = ((1_000, "n<1K"), (10_000, "1K<n<10K"), (100_000, "10K<n<100K"), (1_000_000, "100K<n<1M"))


@dataclass(slots=True)
class Statistics:
    """Counts over rows. Grows by `add`."""

    splits: Counter[str] = field(default_factory=Counter)
    categories: Counter[tuple[str, str]] = field(default_factory=Counter)
    """By (category, split)."""
    crates: Counter[tuple[str, str, str, str]] = field(default_factory=Counter)
    """By (name, version, licence, split)."""
    verdicts: Counter[tuple[str, str]] = field(default_factory=Counter)
    """By (question, answer): what the generator's executed check says."""
    scores: Counter[int] = field(default_factory=Counter)
    """By consensus score, basis points."""
    engines: Counter[tuple[str, str]] = field(default_factory=Counter)
    """By (engine, model); the model is empty where none made the row."""

    @property
    def rows(self) -> int:
        """All rows."""
        return sum(self.splits.values())

    def add(self, split: str, rows: Iterable[ShardRow]) -> None:
        """Count more rows."""
        for row in rows:
            example = row.example
            self.splits[split] += 1
            self.categories[example.task_category, split] += 1
            self.crates[example.crate_name, example.crate_version, example.license, split] += 1
            self.scores[row.leaf.score_bp] += 1
            self.engines[example.engine, example.model or ""] += 1
            for question, answer in verdict_answers(example.check_report).items():
                self.verdicts[question, answer] += 1


def verdict_answers(check_report: str) -> dict[str, str]:
    """What an executed check says to each question: `yes`, `no`, or `not checked`.

    The questions are: did it parse, did it compile, did tests run and all pass, was a mutant killed. What clippy said
    is left out: in some categories it speaks about the code that the example criticises.
    """
    try:
        report = parse_object(check_report)
    except MalformedFieldError:
        report = {}
    run, passed, killed = (_count(report.get(name)) for name in ("tests_run", "tests_passed", "mutants_killed"))
    return {
        "parsed": _yes_no(report.get("parsed")),
        "compiled": _yes_no(report.get("compiled")),
        "tests ran and all passed": _yes_no(passed == run) if run else "not checked",
        "a mutant was killed": _yes_no(True) if killed else "not checked",
    }


def render_card(statistics: Statistics, *, rounds: int) -> str:
    """The card as Markdown with the front matter that dataset loaders read; the same rows give the same text."""
    parts = [
        _front_matter(statistics),
        _introduction(statistics, rounds),
        _categories(statistics),
        _crates(statistics),
        _verdicts(statistics),
        _scores(statistics),
        _engines(statistics),
        _use(statistics),
    ]
    return "\n".join(parts)


def _front_matter(statistics: Statistics) -> str:
    size = next((name for bound, name in _SIZES if statistics.rows < bound), "n>1M")
    lines = ["---", "pretty_name: Certified Rust fine-tuning examples", "license: other", "license_name: per-row"]
    lines += ["task_categories:", "- text-generation", "tags:", "- rust", "- code", "- synthetic"]
    lines += ["size_categories:", f"- {size}", "configs:", "- config_name: default", "  data_files:"]
    for split in _present(statistics):
        lines += [f"  - split: {split}", f"    path: {DATA_FOLDER}/{split}-*.parquet"]
    return "\n".join([*lines, "---", ""])


def _introduction(statistics: Statistics, rounds: int) -> str:
    splits = ", ".join(f"{split} {statistics.splits[split]}" for split in _present(statistics))
    return f"""# Certified Rust fine-tuning examples

{statistics.rows} examples ({splits}) about {len(_crate_versions(statistics))} crates, accepted in {rounds} certified
rounds of a swarm-node network. Every row carries what was executed to check it, how peers rated it, and who made it;
`swarm-node shard verify` checks all of it against the swarm's genesis.

The first five columns are those of the reference dataset (Strandset-Rust-v1); `input_data` and `output_data` are
strict JSON. Splits are by crate: no crate, in whatever version, stands in two of them. Each row is under the licence
of its crate (column `license`).
"""


def _categories(statistics: Statistics) -> str:
    splits = _present(statistics)
    rows = [
        [category, *(str(statistics.categories[category, split]) for split in splits)]
        for category in CATEGORIES
        if any(statistics.categories[category, split] for split in splits)
    ]
    return _section("Rows per category", ["category", *splits], rows)


def _crates(statistics: Statistics) -> str:
    rows = [
        [name, version, license_ or "none stated", split, str(count)]
        for (name, version, license_, split), count in sorted(statistics.crates.items())
    ]
    return _section("Crates", ["crate", "version", "licence", "split", "rows"], rows)


def _verdicts(statistics: Statistics) -> str:
    questions = sorted({question for question, _ in statistics.verdicts})
    answers = ("yes", "no", "not checked")
    rows = [
        [question, *(_share(statistics.verdicts[question, answer], statistics.rows) for answer in answers)]
        for question in questions
    ]
    return _section("Executed checks", ["question", *answers], rows)


def _scores(statistics: Statistics) -> str:
    scores = statistics.scores
    total = sum(score * count for score, count in scores.items())
    bins: Counter[int] = Counter()
    for score, count in scores.items():
        bins[min(score, SCORE_MAX_BP - 1) // SCORE_BIN_BP] += count
    rows = [
        [f"{number * SCORE_BIN_BP / SCORE_MAX_BP:.2f} to {(number + 1) * SCORE_BIN_BP / SCORE_MAX_BP:.2f}", str(count)]
        for number, count in sorted(bins.items())
    ]
    mean = total / statistics.rows / SCORE_MAX_BP
    extremes = f"{min(scores) / SCORE_MAX_BP:.4f} to {max(scores) / SCORE_MAX_BP:.4f}, mean {mean:.4f}"
    return _section(f"Consensus scores: {extremes}", ["score", "rows"], rows)


def _engines(statistics: Statistics) -> str:
    rows = [[engine, model or "none", str(count)] for (engine, model), count in sorted(statistics.engines.items())]
    return _section("Made by", ["engine", "model", "rows"], rows)


def _use(statistics: Statistics) -> str:
    split = _present(statistics)[0]
    return f"""## Loading

```python
from datasets import load_dataset

rows = load_dataset("path/to/this/folder", split="{split}")
```

```python
import pandas

rows = pandas.read_parquet("path/to/this/folder/{DATA_FOLDER}")
```
"""


def _section(title: str, head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [f"## {title}", "", _line(head), _line(["---"] * len(head)), *map(_line, rows), ""]
    return "\n".join(lines)


def _line(cells: Sequence[str]) -> str:
    # What crates and models are called comes from outside: a bar or a line break must not end a cell.
    return "| " + " | ".join(" ".join(cell.split()).replace("|", "\\|") for cell in cells) + " |"


def _present(statistics: Statistics) -> tuple[str, ...]:
    return tuple(split for split in SPLITS if statistics.splits[split])


def _crate_versions(statistics: Statistics) -> set[tuple[str, str]]:
    return {(name, version) for name, version, _, _ in statistics.crates}


def _share(count: int, total: int) -> str:
    return f"{count} ({100 * count / total:.1f} %)"


def _yes_no(value: object) -> str:
    return "yes" if value is True else "no" if value is False else "not checked"


def _count(value: object) -> int:
    return value if isinstance(value, int) and not isinstance(value, bool) else 0
