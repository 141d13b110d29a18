"""Which files of tests go together to one worker of pytest-xdist, and which files begin first.

Tests of one file share what they set up, so a file stays with one worker, as with `--dist loadfile`. The swarms of
processes count as one file: the processes that their nodes are forked from, and what is built for them, are made once,
and no two swarms fight over the cores. What takes longest begins first, so that no worker ends long after the others.
"""

from __future__ import annotations

from pathlib import Path

from xdist.scheduler.loadscope import LoadScopeScheduling

SWARMS = "tests/processes/test_swarm_"

LONG = (
    SWARMS,
    "tests/simulation/test_swarm_in_memory.py",
    "tests/interop/test_sandbox_unprivileged.py",
    "tests/interop/test_sandbox_attacks.py",
    "tests/simulation/test_agreement_swarm.py",
    "tests/processes/test_demo_processes.py",
    "tests/interop/test_chain_anchoring.py",
    "tests/simulation/test_newcomers_in_memory.py",
    "tests/simulation/test_attack_table.py",
    "tests/simulation/test_simulated_protocol.py",
    "tests/simulation/test_swarm_with_models.py",
    "tests/simulation/test_simulated_newcomers.py",
    "tests/unit/probes/test_probes_told_apart.py",
)
"""The longest first; all others follow in their own order, in which the ones with compilers come before the rest."""

assert all(list(Path(__file__).parents[2].glob(f"{name}*")) for name in LONG), (
    "a file of this list has another name now"
)


def scope_of(nodeid: str) -> str:
    """What a test is kept together with."""
    file = nodeid.partition("::")[0]
    return SWARMS if file.startswith(SWARMS) else file


def rank_of(nodeid: str) -> int:
    """When a test's file begins; of equal ones, the first collected begins first."""
    scope = scope_of(nodeid)
    return LONG.index(scope) if scope in LONG else len(LONG)


class ByFile(LoadScopeScheduling):
    """Hands a worker a file, or all files of swarms, at a time."""

    def _split_scope(self, nodeid: str) -> str:
        return scope_of(nodeid)
