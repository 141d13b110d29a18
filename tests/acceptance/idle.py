"""What idle nodes cost: memory and processor time of each of several node processes on this machine.

    python -m tests.acceptance.idle [--nodes 10] [--seconds 120] [--settle 30] [--worked]

All nodes are linked to all others and have nothing to do, from the start or since a job ended. Linux only: figures are
the kernel's (proc(5)). RSS counts what processes share, such as libraries, in each of them; PSS divides it among them,
so that the sum is what the machine really gives. Exit code 1 if a node misses a target.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import re
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from node.demo.processes import NodeProcess
from tests.support.process_swarm import ProcessSwarm, lay_swarm, order

RSS_MB_MAX = 200.0
CPU_PERCENT_MAX = 5.0
LINKED_S = 300.0
WORK = ("code_search", "function_naming", "bug_detection")


@dataclass(frozen=True, slots=True)
class Cost:
    """Of one node."""

    rss_mb: float
    peak_mb: float
    pss_mb: float
    threads: int
    cpu_percent: float
    """Of one core, over the measured time, without what the node started."""


def measure(processes: Sequence[NodeProcess], seconds: float) -> list[Cost]:
    """Watch processes for some time."""
    began, before = time.monotonic(), [_cpu_s(process.pid) for process in processes]
    time.sleep(seconds)
    lasted, after = time.monotonic() - began, [_cpu_s(process.pid) for process in processes]
    costs = []
    for process, first, last in zip(processes, before, after, strict=True):
        status, rollup = (Path(f"/proc/{process.pid}/{name}").read_text() for name in ("status", "smaps_rollup"))
        costs.append(
            Cost(
                rss_mb=_number("VmRSS", status) / 1024,
                peak_mb=_number("VmHWM", status) / 1024,
                pss_mb=_number("Pss", rollup) / 1024,
                threads=_number("Threads", status),
                cpu_percent=100 * (last - first) / lasted,
            )
        )
    return costs


def _number(name: str, text: str) -> int:
    found = re.search(rf"^{name}:\s*(\d+)", text, re.MULTILINE)
    assert found is not None, f"{name} is not in proc(5)'s file"
    return int(found[1])


def _cpu_s(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


async def _run(folder: Path, options: argparse.Namespace) -> list[Cost]:
    async with ProcessSwarm(lay_swarm(folder / "swarm", options.nodes), linked_s=LINKED_S) as swarm:
        if options.worked:
            await swarm.until_ended(await swarm.submit(swarm.sign(order(WORK))))
        for client in swarm.clients:
            await client.close()  # our own questions are no idleness
        await asyncio.sleep(options.settle)
        processes = [swarm.process(number) for number in swarm.running()]
        return await asyncio.to_thread(measure, processes, options.seconds)


def print_costs(costs: Sequence[Cost]) -> None:
    """A table in Markdown."""
    print("| node | RSS MB | peak RSS MB | PSS MB | threads | CPU % of a core |\n|---:|---:|---:|---:|---:|---:|")
    for number, cost in enumerate(costs, 1):
        sizes = f"{cost.rss_mb:.0f} | {cost.peak_mb:.0f} | {cost.pss_mb:.0f}"
        print(f"| {number} | {sizes} | {cost.threads} | {cost.cpu_percent:.2f} |")
    worst = max(cost.rss_mb for cost in costs), max(cost.cpu_percent for cost in costs)
    print(f"\nworst: {worst[0]:.0f} MB (target < {RSS_MB_MAX:g}), {worst[1]:.2f} % (target < {CPU_PERCENT_MAX:g})")


def main(arguments: Sequence[str] | None = None) -> int:
    """The command."""
    parser = argparse.ArgumentParser(prog="python -m tests.acceptance.idle")
    parser.add_argument("--nodes", type=int, default=10)
    parser.add_argument("--seconds", type=float, default=120.0)
    parser.add_argument("--settle", type=float, default=30.0, help="seconds between the last link and the measurement")
    parser.add_argument("--worked", action="store_true", help="after a small job, whose shards have been published")
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory(prefix="swarm-idle-") as folder:
        costs = asyncio.run(_run(Path(folder), options))
    print_costs(costs)
    return int(any(cost.rss_mb >= RSS_MB_MAX or cost.cpu_percent >= CPU_PERCENT_MAX for cost in costs))


if __name__ == "__main__":
    raise SystemExit(main())
