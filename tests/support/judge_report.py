"""How well scores tell right examples from wrong ones of real crates: the checks', and what a judge would start from.

    python -m tests.support.judge_report strsim@0.11.1 semver@1.0.28 --folder yields --numbers 6 --probes 6

Labels are those of `node.workshop.labelling`: the source engine's examples are right, what it spoiled and proved
wrong is wrong. Scores are the checks' (`node.rating.checks`), per criterion. Needs cargo; a small crate takes about
half a minute.
"""

from __future__ import annotations

import argparse
import asyncio
from pathlib import Path

from consensus.types import CRITERIA
from node.judge.calibration import Labelled, calibrated
from node.rating.checks import ChecksScorer
from node.rating.interface import FULL, rate
from node.workshop.labelling import report_lines
from tests.support.yields import Harvest, bring, harvest


def labelled(found: Harvest) -> dict[str, list[Labelled]]:
    """Scores with labels per criterion."""
    scorer = ChecksScorer()
    pairs = [
        (rate(evidence, scorer)[1], right)
        for by_category, right in ((found.good, True), (found.bad, False))
        for evidences in by_category.values()
        for evidence in evidences
    ]
    return {
        name: [Labelled(scores[place] / FULL, right) for scores, right in pairs] for place, name in enumerate(CRITERIA)
    }


def main() -> None:
    """Measure the crates named on the command line, and print a calibration."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("crates", nargs="+", help="NAME or NAME@VERSION")
    parser.add_argument("--folder", type=Path, required=True, help="where crates and builds are kept")
    parser.add_argument("--numbers", type=int, default=6, help="right examples asked for, per category")
    parser.add_argument("--probes", type=int, default=6, help="wrong ones asked for, per category")
    options = parser.parse_args()
    together: dict[str, list[Labelled]] = {name: [] for name in CRITERIA}
    for text in options.crates:
        found = labelled(asyncio.run(harvest(bring(text, options.folder), options.numbers, options.probes)))
        for name, items in found.items():
            together[name] += items
        print(f"{text}: {len(found[CRITERIA[0]])} labels", flush=True)
    entries = (calibrated("checks", bytes(32), name, together[name]) for name in CRITERIA)
    print("\n".join(report_lines([entry for entry in entries if entry is not None])))


if __name__ == "__main__":
    main()
