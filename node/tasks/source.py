"""The source engine: examples out of a crate's own code, without any model.

Every example is true by construction (the answer is what the author wrote, or a change whose effect was executed) and
is handed out only after the checks its category needs. What cannot be shown is not proposed: a category may end up
with fewer examples than asked, or with none, and says why.

How numbers map to examples is laid down in `node.tasks.sites`; the work for a request grows with the numbers asked
for, not with the crate: sites are listed from the syntax tree, and only the groups asked for are tried, all requests'
trials side by side, so that the checker gets few large batches.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace

from node.tasks.categories import TABLE
from node.tasks.derive import bodies, calls, commenting, documentation, faults, naming, reviews, rewrites, testing
from node.tasks.derive.bench import ENGINE, Bench, Deriver
from node.tasks.derive.decoy import Decoy
from node.tasks.derive.decoys import spoiled
from node.tasks.inspection import inspect
from node.tasks.interface import Checker, Probe, ProbeRequest, Proposal, Request
from node.tasks.probe_evidence import Evidence
from node.tasks.seating import Seating
from node.tasks.sites import Group, Site, arrange, locate
from node.tasks.trials import Driver, Miss
from node.tasks.view import SourceView
from node.values.crate import PreparedCrate
from node.values.example import Example
from node.values.verdict import CheckPlan, PlanResult

_MODULES = (bodies, documentation, testing, faults, rewrites, reviews, naming, calls, commenting)
DERIVERS: Mapping[str, Deriver] = {deriver.category: deriver for module in _MODULES for deriver in module.DERIVERS}

SIDE_BY_SIDE = 3
"""Sites of one group tried in the same batch: the others are wasted when the first verifies, but save a round
of compiling when it does not."""

STAND_INS = 2
"""Other numbers tried for a bad probe: a round with few of them cannot tell an honest rater from a careless one."""


class SourceEngine:
    """Proposes examples of one crate.

    Attributes:
        name: What `Example.engine` says.
    """

    name = ENGINE

    def __init__(self, view: SourceView, crate: PreparedCrate | None = None, checker: Checker | None = None) -> None:
        """Bind the engine to a crate.

        Args:
            view: The crate's knowledge base and sources.
            crate: Where it can be built; with `checker` None or not given, nothing is executed and only the
                categories that need no execution are filled, their reports saying so.
            checker: Executes plans.
        """
        self._view = view
        self._crate = crate
        self._checker = checker
        self._driver = Driver(self._run)
        self._outcomes: dict[tuple[str, Site], Example | Miss] = {}
        self._bench: Bench | None = None
        self._why_not = ""

    async def fill(
        self, requests: Sequence[Request], probes: Sequence[ProbeRequest]
    ) -> tuple[tuple[Proposal, ...], tuple[Probe | None, ...]]:
        """Make candidates and probes; a probe that cannot be made at its own number takes a candidate's (`Seating`)."""
        numbers = {request.category: request.indices for request in requests}
        own = [Request(name, (number,)) for name, number, _ in probes]
        proposals, made_own = await self.propose(requests), await self.propose(own)
        found = {(made.category, n): example for made in (*proposals, *made_own) for n, example in made.examples}
        seating = Seating(requests, probes, 1 + STAND_INS)
        made: dict[int, Probe] = {}
        while turn := seating.turn():
            tried = {
                place: (found[probes[place][0], number], probes[place][2])
                for place, number in turn
                if (probes[place][0], number) in found
            }
            proven = await self._as_probes(tried)
            for place, number in turn:
                if place in proven:
                    seating.settle(place, number)
            made |= proven
        missing = [place for place in range(len(probes)) if place not in made]
        made |= {
            place: probe
            for place, probe in zip(missing, await self.make_probes([probes[place] for place in missing]), strict=True)
            if probe is not None
        }
        seated = tuple(_reseated(proposal, numbers[proposal.category], found, seating) for proposal in proposals)
        return seated, tuple(made.get(place) for place in range(len(probes)))

    async def propose(self, requests: Sequence[Request]) -> tuple[Proposal, ...]:
        """Make the candidates asked for, all requests' checks side by side.

        Returns:
            One proposal per request, in order. The same request gives the same bytes whenever it is asked.
        """
        await self._open()
        places = {request: self._places(request) for request in requests}
        wanted = {
            (request.category, group): turn + 1 for request in requests for group, turn in places[request].values()
        }
        await self._verify(wanted)
        return tuple(self._answer(request, places[request]) for request in requests)

    async def make_probes(self, wanted: Sequence[ProbeRequest]) -> tuple[Probe | None, ...]:
        """Make probes for numbers of categories' lists (R14), all checks side by side.

        Args:
            wanted: Per probe its category, the number that the slot would have taken (nobody else makes anything of
                it), and whether it is good: an example like any other, or one that is wrong and does not look it.

        Returns:
            Per probe the example and its evidence, canonical JSON for `node.tasks.probes.probe_plan`; None when the
            number gives no example, or, for a bad probe, neither it nor a few others can be spoiled and proven wrong.
        """
        await self._open()
        made: dict[int, Probe] = {}
        tries = [(index,) if good else (index, *self._stand_ins(name, index)) for name, index, good in wanted]
        for turn in range(max(map(len, tries), default=0)):
            left = [place for place, numbers in enumerate(tries) if place not in made and turn < len(numbers)]
            requests = tuple(Request(wanted[place][0], (tries[place][turn],)) for place in left)
            proposals = await self.propose(requests)
            found = {
                place: proposal.examples[0][1]
                for place, proposal in zip(left, proposals, strict=True)
                if proposal.examples
            }
            made |= await self._as_probes({place: (found[place], wanted[place][2]) for place in found})
        return tuple(made.get(place) for place in range(len(wanted)))

    async def _as_probes(self, examples: Mapping[int, tuple[Example, bool]]) -> dict[int, Probe]:
        """Of examples by any key: the good ones as they are, the others spoiled, where that can be proven."""
        assert self._bench is not None, "the caller opened it"
        good = {key: (example, Evidence("good").encode()) for key, (example, is_good) in examples.items() if is_good}
        bad = [key for key, (_, is_good) in examples.items() if not is_good]
        decoys = await self._driver.finish([spoiled(self._bench, examples[key][0]) for key in bad])
        return good | {
            key: (decoy.example, decoy.evidence.encode())
            for key, decoy in zip(bad, decoys, strict=True)
            if isinstance(decoy, Decoy)
        }

    def _stand_ins(self, category: str, index: int) -> tuple[int, ...]:
        """Numbers to spoil when one's own cannot be: the last first ones, which candidates come to last."""
        count = len(self._listed(category))
        turned = (count - 1 - (index + turn) % count for turn in range(min(count, STAND_INS + 1)))
        return tuple(number for number in turned if number != index)[:STAND_INS]

    async def _open(self) -> None:
        if self._bench is not None:
            return
        executes = False
        if self._checker is not None and self._crate is not None:
            baseline = await self._checker.baseline(self._crate)
            executes, self._why_not = baseline.builds, baseline.reason
        self._bench = Bench(self._view, executes)

    async def _run(self, plans: Sequence[CheckPlan]) -> tuple[PlanResult, ...]:
        assert self._checker is not None, "trials ask for checks only when there is a checker"
        assert self._crate is not None, "and a crate to run them on"
        return await self._checker.run(self._crate, plans)

    def _places(self, request: Request) -> dict[int, tuple[Group, int]]:
        """Which group answers for each number, and with which of its verified sites."""
        assert self._bench is not None, "propose opens the bench first"
        if TABLE[request.category].needs_execution and not self._bench.executes:
            return {}
        groups = self._listed(request.category)
        found = ((index, locate(groups, index)) for index in request.indices)
        return {index: place for index, place in found if place is not None}

    def _listed(self, category: str) -> tuple[Group, ...]:
        deriver = DERIVERS[category]
        view = self._view
        return view.remembered(("groups", category), lambda: arrange(deriver.sites(view), deriver.group_size))

    async def _verify(self, wanted: Mapping[tuple[str, Group], int]) -> None:
        """Try sites, in each group's order, until every group has as many examples as are wanted of it."""
        assert self._bench is not None, "propose opens the bench first"
        while True:
            batch = [
                (category, site)
                for (category, group), count in wanted.items()
                for site in self._next_sites(category, group, count)
            ]
            if not batch:
                return
            trials = [DERIVERS[category].trial(self._bench, site) for category, site in batch]
            outcomes = await self._driver.finish(trials)
            self._outcomes.update(zip(batch, map(self._inspected, outcomes), strict=True))

    def _inspected(self, outcome: Example | Miss) -> Example | Miss:
        """An engine that proposes what raters would refuse on sight has a bug, or met Rust that it cannot read."""
        if isinstance(outcome, Miss):
            return outcome
        problems = inspect(outcome, self._view).problems
        return Miss(problems[0].text) if problems else outcome

    def _next_sites(self, category: str, group: Group, count: int) -> tuple[Site, ...]:
        if len(self._examples(category, group)) >= count:
            return ()
        return tuple(site for site in group if (category, site) not in self._outcomes)[:SIDE_BY_SIDE]

    def _examples(self, category: str, group: Group) -> list[Example]:
        outcomes = (self._outcomes.get((category, site)) for site in group)
        return [outcome for outcome in outcomes if isinstance(outcome, Example)]

    def _answer(self, request: Request, places: Mapping[int, tuple[Group, int]]) -> Proposal:
        examples: list[tuple[int, Example]] = []
        for index, (group, turn) in places.items():
            verified = self._examples(request.category, group)
            if turn < len(verified):
                examples.append((index, verified[turn]))
        missing = len(request.indices) - len(examples)
        return Proposal(request.category, tuple(examples), self._shortfall(request, places) if missing else "")

    def _shortfall(self, request: Request, places: Mapping[int, tuple[Group, int]]) -> str:
        assert self._bench is not None, "propose opens the bench first"
        if TABLE[request.category].needs_execution and not self._bench.executes:
            return f"nothing can be executed here: {self._why_not or 'no toolchain'}"
        listed = sum(map(len, self._listed(request.category)))
        tried = (self._outcomes.get((request.category, site)) for group, _ in places.values() for site in group)
        reasons = Counter(outcome.reason for outcome in tried if isinstance(outcome, Miss))
        told = "".join(f"; {count} tried: {reason}" for reason, count in sorted(reasons.items()))
        beyond = len(request.indices) - len(places)
        past = f"; {beyond} of the numbers asked for are past the end" if beyond else ""
        return f"{self._view.kb.pin.label} has {listed} sites for {request.category}{past}{told}"


def _reseated(
    proposal: Proposal, indices: Sequence[int], found: Mapping[tuple[str, int], Example], seating: Seating
) -> Proposal:
    """A proposal whose slots have the examples of the numbers that they stand for after probes were seated."""
    numbers = ((index, (proposal.category, seating.number_for(proposal.category, index))) for index in indices)
    return replace(proposal, examples=tuple((index, found[key]) for index, key in numbers if key in found))
