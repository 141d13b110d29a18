"""Rows as cargo projects, for anyone to repeat what was found out."""

from __future__ import annotations

import asyncio
import re
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from node.checking.packages import Packages
from node.checking.plan import Plan, make_plan
from node.checking.reading import PackageKey, Row, read_row, refusal
from node.checks.rows import export_row
from node.errors import OperatorError


@dataclass(frozen=True, slots=True)
class Exported:
    """What became of a file's rows."""

    written: int
    lacking: Mapping[str, int]
    """Rows whose crate is not to be had, by cargo's words."""


async def export_rows(packages: Packages, source: Path, folder: Path, only: Collection[str]) -> Exported:
    """Write a project per row, into folders named by the row's place and identifier.

    Args:
        packages: What rows are compiled in.
        source: The rows.
        folder: Where to write.
        only: Identifiers of the rows to write; empty for all that can be tried.

    Raises:
        OperatorError: There is no such row, or it cannot be tried: then nothing is written. Or a row that was chosen
            has a crate that is not to be had; or a project is there already, or the folder cannot be written.
        TransientError: The registry is not reachable.
    """
    plan = await asyncio.to_thread(make_plan, source)
    written = 0
    lacking: Counter[str] = Counter()
    unknown: dict[PackageKey, str] = {}
    for key, number, row in await asyncio.to_thread(_chosen, plan, only):
        if key not in unknown:
            try:
                await packages.prepare(key)
            except OperatorError as error:
                if only:
                    raise
                unknown[key] = f"{key}: {error}"
        if key in unknown:
            lacking[unknown[key]] += 1
            continue
        name = re.sub(r"[^A-Za-z0-9._-]+", "_", "" if row.id is None else str(row.id))[:60]
        target = folder / f"{number + 1:06}-{name}".rstrip("-")
        try:
            export_row(await packages.prepare(key), row.example, target)
        except FileExistsError as error:
            raise OperatorError(str(error), hint="Name a folder that is empty or not there.") from error
        except OSError as error:
            raise OperatorError(
                f"{target}: {error.strerror or error}", hint="Name a folder that can be written."
            ) from error
        written += 1
    return Exported(written, lacking)


def _chosen(plan: Plan, only: Collection[str]) -> Iterable[tuple[PackageKey, int, Row]]:
    """Rows to write; of all of them no more than some are held at once."""
    if not only:
        if not plan.groups:
            raise OperatorError("no row of these can be tried", hint="Check them without --export to learn why.")
        return _rows(plan)
    found = [(key, number, row) for key, number, row in _rows(plan) if str(row.id) in only]
    missing = sorted(set(only) - {str(row.id) for _, _, row in found})
    if missing:
        refused = {str(error.id): str(error) for error in map(refusal, plan.each(plan.refused))}
        said = "; ".join(f"{name}: {refused.get(name, 'no row is of this name')}" for name in missing)
        raise OperatorError(said, hint="--only takes identifiers as they stand in the rows that can be tried.")
    return found


def _rows(plan: Plan) -> Iterator[tuple[PackageKey, int, Row]]:
    for key, members in plan.groups.items():
        for number, line in zip(members, plan.each(members), strict=True):
            yield key, number, read_row(line)
