"""What this room asks of the rest of the node, and the shapes it answers in."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from node.values.crate import PreparedCrate
from node.values.example import Example
from node.values.verdict import Baseline, CheckPlan, PlanResult


class Checker(Protocol):
    """Executes plans. Implemented by `node.checks`; tests bring a plain one that runs cargo per step."""

    async def baseline(self, crate: PreparedCrate) -> Baseline:
        """How the unchanged crate behaves. Cheap from the second call on."""
        ...

    async def run(self, crate: PreparedCrate, plans: Sequence[CheckPlan]) -> tuple[PlanResult, ...]:
        """Execute plans over one crate, results in their order.

        Never raises for what a plan finds; where a step cannot be executed here its outcome is UNCHECKED.
        """
        ...


@dataclass(frozen=True, slots=True)
class Request:
    """What one generator is asked for: the candidates numbered `indices` of a category's list (R8)."""

    category: str
    indices: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Proposal:
    """The answer to one request."""

    category: str
    examples: tuple[tuple[int, Example], ...]
    """By index, in the order of the request; an index that gives nothing is absent."""
    shortfall: str
    """Why there are fewer than asked for, one line for people; empty when there are not."""


ProbeRequest = tuple[str, int, bool]
"""A probe that is asked for: its category, the number that its slot stands for, and whether it is a good one (R14)."""

Probe = tuple[Example, bytes]
"""A probe and its evidence, as `node.tasks.probe_evidence.Evidence.encode` writes it."""


class Generator(Protocol):
    """Makes candidates and probes of one crate. Implemented by the source engine and by the model engine."""

    async def fill(
        self, requests: Sequence[Request], probes: Sequence[ProbeRequest]
    ) -> tuple[tuple[Proposal, ...], tuple[Probe | None, ...]]:
        """Candidates, one proposal per request, and probes, None where none can be had; both in the order asked for."""
        ...


@dataclass(frozen=True, slots=True)
class StaticFinding:
    """What a look at the published source says about a probe's evidence."""

    holds: bool
    reason: str


@dataclass(frozen=True, slots=True)
class ProbeCheck:
    """How anybody verifies a revealed probe: its evidence holds iff `static` and every plan hold (R14, R19)."""

    static: StaticFinding
    plans: tuple[CheckPlan, ...]
