"""Rows as cargo projects, for anyone to repeat what was found out."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Collection
from pathlib import Path

from node.checking.packages import Packages
from node.checking.plan import make_plan
from node.checking.reading import read_row
from node.checks.rows import export_row
from node.errors import OperatorError


async def export_rows(packages: Packages, source: Path, folder: Path, only: Collection[str]) -> int:
    """Write a project per row, into folders named by line and identifier.

    Args:
        packages: What rows are compiled in.
        source: The rows.
        folder: Where to write.
        only: Identifiers of the rows to write; empty for all that can be tried.

    Returns:
        How many were written.

    Raises:
        OperatorError: A project is there already, the folder cannot be written, or no row is of that name.
    """
    plan = await asyncio.to_thread(make_plan, source)
    written = 0
    for key, members in plan.groups.items():
        for number in members:
            row = read_row(plan.lines([number])[0])
            if only and str(row.id) not in only:
                continue
            name = re.sub(r"[^A-Za-z0-9._-]+", "_", str(row.id if row.id is not None else ""))[:60]
            target = folder / f"{number + 1:06}-{name}".rstrip("-")
            try:
                export_row(await packages.prepare(key), row.example, target)
            except OSError as error:
                raise OperatorError(f"{target}: {error}", hint="Name a folder that is empty or not there.") from error
            written += 1
    if not written:
        raise OperatorError("no row to export", hint="--only takes identifiers as they stand in the rows.")
    return written
