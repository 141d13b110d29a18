"""A row's tests that run out of time are tried again only where more time could have helped."""

import asyncio
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest

from node.checks.rows.runs import Runner
from node.checks.sandbox.limits import TEST_LIMITS, Ending, Ran

LIMITS = replace(TEST_LIMITS, cpu_ms=10_000, wall_ms=110_000)
STOPPED = Ran(Ending.SIGNALLED, 9, b"", b"", truncated=False, cpu_ms=0, wall_ms=0, memory_kb=0, out_of_time=True)


def tries(cpu_ms):
    seen = []

    async def run(command):
        seen.append(command.limits.wall_ms)
        return replace(STOPPED, cpu_ms=cpu_ms)

    workshop = SimpleNamespace(
        bench=SimpleNamespace(project=Path("/project")),
        limits_for=lambda _: LIMITS,
        refuse_full_disk=lambda: None,
    )
    linked = SimpleNamespace(
        executable=Path("/binary"), for_debuggers=False, invocation=SimpleNamespace(environment={}), project=None
    )
    session = SimpleNamespace(run=run, scratch=Path("/scratch"))
    asyncio.run(Runner(workshop, session, linked).run())
    return seen


def test_what_was_at_work_all_the_time_gets_more_of_it():
    assert tries(cpu_ms=3_000) == [110_000, 440_000]


@pytest.mark.parametrize("cpu_ms", [4, 10_000])
def test_what_only_waited_or_used_up_its_share_does_not(cpu_ms):
    assert tries(cpu_ms) == [110_000]
