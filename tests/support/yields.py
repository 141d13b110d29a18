"""What the source engine makes of real crates: examples and probes per category, honest scores, CPU seconds.

    python -m tests.support.yields strsim@0.11.1 semver@1.0.28 --folder yields --numbers 10

A generator and a rater with nothing in common but the built crate, as two nodes of one machine: the first proposes
the numbers asked for and spoils some of them, the second executes and scores everything as `node.workshop` does.
Needs cargo, and whatever it brings crates from. A small crate takes about half a minute.
"""

from __future__ import annotations

import argparse
import asyncio
import statistics
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from consensus.types import CheckFact
from node.checks import CheckEngine, CheckSettings, open_engine
from node.crates.sources import MANIFEST, read_sources
from node.crates.store import CrateStore
from node.rating.checks import ChecksScorer
from node.rating.interface import Evidence, rate
from node.tasks.inspection import inspect
from node.tasks.interface import Request
from node.tasks.measures import scrutiny_measures
from node.tasks.plans import NOTHING, plan_for, scrutiny_for
from node.tasks.probes import probe_plan
from node.tasks.source import SourceEngine
from node.tasks.view import SourceView
from node.values.crate import PreparedCrate
from node.values.example import CATEGORIES, Example

Probe = tuple[Example, bytes]


@dataclass
class Material:
    """A crate, and where it is built."""

    label: str
    view: SourceView
    crate: PreparedCrate
    folder: Path


@dataclass
class Harvest:
    """What came of one crate, by category."""

    material: Material
    shortfalls: Mapping[str, str]
    good: Mapping[str, Sequence[Evidence]]
    """Of the examples proposed, as a rater sees them."""
    bad: Mapping[str, Sequence[Evidence]]
    """Of the bad probes whose evidence holds."""
    refuted: Mapping[str, int]
    """Bad probes whose evidence does not hold: there should be none."""
    seconds: Mapping[str, float]
    """CPU seconds by stage: of sandboxed commands, and of this process."""

    def passing(self, category: str) -> int:
        """Examples that no check has ended."""
        fine = {CheckFact.PASSED, CheckFact.NOT_CHECKABLE}
        return sum(rate(evidence, ChecksScorer())[0] in fine for evidence in self.good[category])

    def rows(self, quota: int) -> int:
        """Rows that a job with this quota per category can have at most."""
        return sum(min(quota, self.passing(category)) for category in CATEGORIES)


class Stopwatch:
    """CPU seconds per stage."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}

    @contextmanager
    def stage(self, name: str, engine: CheckEngine) -> Iterator[None]:
        """Add what is spent in the block to a stage."""
        sandboxed, own = engine.usage[1], time.process_time()
        yield
        for kind, spent in (("sandboxed", (engine.usage[1] - sandboxed) / 1000), ("python", time.process_time() - own)):
            self.seconds[f"{name} {kind}"] = self.seconds.get(f"{name} {kind}", 0) + spent


def bring(text: str, folder: Path) -> Material:
    """A crate through cargo, read and prepared."""
    store = CrateStore(folder / "store")
    source = store.acquire(text)
    sources = read_sources(source.root)
    files = {file.path: file.data for file in sources.files} | {MANIFEST: sources.manifest}
    view = SourceView(store.knowledge(source).base, files)
    return Material(source.pin.label, view, store.prepare(source), folder / "checks")


async def harvest(material: Material, numbers: int, probes: int) -> Harvest:
    """Play generator and rater over one crate."""
    watch = Stopwatch()
    making = await open_engine(CheckSettings(folder=material.folder))
    with watch.stage("build", making):
        baseline = await making.baseline(material.crate)
    if not baseline.builds:
        raise SystemExit(f"{material.label}: {baseline.reason}")
    engine = SourceEngine(material.view, material.crate, making)
    with watch.stage("propose", making):
        proposals = await engine.propose([Request(category, tuple(range(numbers))) for category in CATEGORIES])
    with watch.stage("spoil", making):
        spoiled = {category: await spoil(engine, category, probes) for category in CATEGORIES}
    await making.close()
    rating = await open_engine(CheckSettings(folder=material.folder))
    with watch.stage("rate", rating):
        proposed = {proposal.category: [example for _, example in proposal.examples] for proposal in proposals}
        good = await collect(material, rating, proposed)
    proven = {
        category: [probe for probe in made if await holds(material, rating, probe)]
        for category, made in spoiled.items()
    }
    bad = await collect(
        material, rating, {category: [example for example, _ in made] for category, made in proven.items()}
    )
    await rating.close()
    return Harvest(
        material=material,
        shortfalls={proposal.category: proposal.shortfall for proposal in proposals},
        good=good,
        bad=bad,
        refuted={category: len(made) - len(proven[category]) for category, made in spoiled.items()},
        seconds=watch.seconds,
    )


async def spoil(engine: SourceEngine, category: str, count: int) -> list[Probe]:
    """The bad probes of a category's first numbers."""
    made = await engine.make_probes([(category, number, False) for number in range(count)])
    return [probe for probe in made if probe is not None]


async def holds(material: Material, checker: CheckEngine, probe: Probe) -> bool:
    """Whether a probe's evidence holds, as everybody finds out once it is revealed."""
    example, evidence = probe
    check = probe_plan(evidence, example, material.view)
    results = await checker.run(material.crate, check.plans)
    return check.static.holds and all(result.holds for result in results)


async def collect(
    material: Material, checker: CheckEngine, examples: Mapping[str, Iterable[Example]]
) -> dict[str, list[Evidence]]:
    """What an honest rater finds out about examples, all checks in one call."""
    flat = [(category, example) for category, found in examples.items() for example in found]
    inspections = [inspect(example, material.view) for _, example in flat]
    pairs = [
        (NOTHING, NOTHING)
        if inspection.problems
        else (plan_for(example, material.view), scrutiny_for(example, material.view))
        for (_, example), inspection in zip(flat, inspections, strict=True)
    ]
    results = await checker.run(material.crate, [plan for pair in pairs for plan in pair])
    evidences: dict[str, list[Evidence]] = {category: [] for category in examples}
    for place, ((category, example), inspection) in enumerate(zip(flat, inspections, strict=True)):
        claim, scrutiny = pairs[place]
        claimed, scrutinised = results[2 * place : 2 * place + 2]
        beyond = scrutiny_measures(scrutiny, scrutinised)
        evidences[category].append(Evidence(example, inspection, claimed if claim.steps else None, beyond))
    return evidences


def composite(evidence: Evidence) -> int:
    """Mean of the four criteria, basis points."""
    return sum(rate(evidence, ChecksScorer())[1]) // 4


def histogram(evidences: Iterable[Evidence]) -> str:
    """How many composites lie in each tenth."""
    counts = Counter(min(9, composite(evidence) // 1_000) for evidence in evidences)
    return " ".join(f"{counts[tenth]:5}" for tenth in range(10))


def show(found: Harvest, quota: int) -> str:
    """One crate as lines of text."""
    lines = [
        f"== {found.material.label}: {found.rows(quota)} rows at quota {quota}",
        f"{'category':22} proposed passing   good: worst  mean  best    bad: made refuted  mean  best",
    ]
    for category in CATEGORIES:
        good, bad = (sorted(map(composite, found.good[category])), sorted(map(composite, found.bad[category])))
        lines.append(
            f"{category:22} {len(good):8} {found.passing(category):7}        {_ends(good)}"
            f"       {len(bad):5} {found.refuted[category]:7} {_ends(bad)[6:]}"
        )
    seconds = ", ".join(f"{stage} {spent:.1f}" for stage, spent in found.seconds.items())
    return "\n".join([*lines, f"CPU seconds: {seconds}"])


def _ends(scores: Sequence[int]) -> str:
    if not scores:
        return "    -     -     -"
    return f"{scores[0]:5} {round(statistics.mean(scores)):5} {scores[-1]:5}"


def main() -> None:
    """Measure the crates named on the command line, and print tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("crates", nargs="+", help="NAME or NAME@VERSION")
    parser.add_argument("--folder", type=Path, required=True, help="where crates and builds are kept")
    parser.add_argument("--numbers", type=int, default=10, help="numbers asked for, per category")
    parser.add_argument("--probes", type=int, default=4, help="numbers spoiled, per category")
    parser.add_argument("--quota", type=int, default=5, help="rows that count, per category")
    options = parser.parse_args()
    harvests = []
    for text in options.crates:
        found = asyncio.run(harvest(bring(text, options.folder), options.numbers, options.probes))
        harvests.append(found)
        print(show(found, options.quota), flush=True)
    print(f"{'composite, by tenth':22} {' '.join(f'{tenth / 10:5}' for tenth in range(10))}")
    for name, sets in (("good", [found.good for found in harvests]), ("bad", [found.bad for found in harvests])):
        print(f"{name:22} {histogram(evidence for by in sets for found in by.values() for evidence in found)}")


if __name__ == "__main__":
    main()
