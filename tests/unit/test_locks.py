"""Turns that processes of one machine take: waited for with a bound, and the error says whose turn it is."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from node import founding
from node.checks import UncheckedError
from node.checks import yard as yards
from node.crates import workplace as workplaces
from node.errors import OperatorError, TransientError
from node.home import NodeHome
from node.locks import HeldError, turn

HOLDS = """
import sys
from pathlib import Path
from node.locks import turn
with turn(Path(sys.argv[1]), 0):
    print("held", flush=True)
    sys.stdin.read()
"""


@contextmanager
def held_elsewhere(path: Path) -> Iterator[int]:
    """The number of a process that holds the file until the end of the block, as a stopped one would."""
    path.parent.mkdir(parents=True, exist_ok=True)
    command = [sys.executable, "-c", HOLDS, str(path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdin is not None
        assert process.stdout.readline() == "held\n"
        try:
            yield process.pid
        finally:
            process.stdin.close()
            process.wait(60)


def test_whoever_waits_too_long_is_told_for_whom(tmp_path):
    with (
        held_elsewhere(tmp_path / "lock") as other,
        pytest.raises(HeldError, match=f"process {other}"),
        turn(tmp_path / "lock", 0.1),
    ):
        pytest.fail("two have it")
    with turn(tmp_path / "lock", 0):
        pass


def test_a_build_that_another_process_never_ends_is_an_error_that_names_it(tmp_path):
    lock = tmp_path / "cache/serde.lock"

    async def wait() -> None:
        async with yards.locked(lock, "building serde 1.0.0", within_s=0.1):
            pytest.fail("two have it")

    with (
        held_elsewhere(lock) as other,
        pytest.raises(UncheckedError, match=rf"process {other} has been building serde 1\.0\.0 .* let it go on or end"),
    ):
        asyncio.run(wait())


def test_a_build_is_waited_for_while_the_event_loop_goes_on(tmp_path):
    lock, order = tmp_path / "lock", []

    async def first() -> None:
        async with yards.locked(lock, "building"):
            await asyncio.sleep(0.1)
            order.append("first")

    async def second() -> None:
        await asyncio.sleep(0.01)
        async with yards.locked(lock, "building"):
            order.append("second")

    async def both() -> None:
        await asyncio.gather(first(), second())

    asyncio.run(both())
    assert order == ["first", "second"]


def test_a_crate_store_that_another_process_keeps_is_not_waited_for_without_end(tmp_path, monkeypatch):
    monkeypatch.setattr(workplaces, "TURN_S", 0.1)
    with (
        held_elsewhere(tmp_path / ".lock") as other,
        pytest.raises(TransientError, match=f"process {other} has kept") as told,
    ):
        workplaces.Workplace(tmp_path)
    assert told.value.waits_for == "crate store"


def test_founders_wait_for_each_other_with_a_bound(tmp_path, monkeypatch):
    monkeypatch.setattr(founding, "TURN_S", 0.1)
    with held_elsewhere(tmp_path / ".lock") as other, pytest.raises(OperatorError, match=f"process {other}"):
        founding.found_node(NodeHome(tmp_path / "data"), founding.Plan(network_folder=tmp_path))
