"""The generator that asks a language model: the interface of the source engine, and the same checks.

For every number: a place, a question, an answer; the answer becomes an example, which is read against the source and
executed as a rater would. What does not hold is sent back once, with what is wrong; what does not hold then is dropped
and counted under a name (`states.End`). All requests of a call run side by side, and all their checks in one batch.
"""

from __future__ import annotations

import asyncio
import hashlib
import itertools
import secrets
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from node.engines.interface import (
    Failure,
    Finish,
    ModelRefusedError,
    ModelUnavailableError,
    TextModel,
    TextRequest,
    TextResponse,
    Usage,
)
from node.tasks.categories import TABLE, Value
from node.tasks.derive.bench import Bench, Draft, compose
from node.tasks.derive.decoy import Decoy
from node.tasks.interface import Checker, Probe, ProbeRequest, Proposal, Request
from node.tasks.model.answers import AnswerError, answer_schema, asked_fields, read_answer
from node.tasks.model.examination import Complaint, Examiner
from node.tasks.model.places import Unfit, assign, place_at, places_of
from node.tasks.model.probing import DONORS, EXCHANGES, TRIES_MAX, Prober, way_of
from node.tasks.model.prompts import Prompter, Work, effective
from node.tasks.model.states import Account, End, Ended, ProbeEnd, told
from node.tasks.report import Report, parse_report
from node.tasks.seating import Seating
from node.tasks.sites import Site
from node.tasks.source import SourceEngine
from node.tasks.trials import Driver, Miss
from node.tasks.view import SourceView
from node.values.crate import PreparedCrate
from node.values.example import Example
from node.values.job import Sampling
from node.values.verdict import CheckPlan, PlanResult, Project

ENGINE = "model/1"
"""Name and version of this generator; the version changes when its examples do, its prompts aside."""

BYTES_PER_TOKEN_USUAL = 3
"""Of answers, for the figures on a probe that no model wrote."""

SEED_MAX = 1 << 31
"""Servers differ in how wide a seed they take; all take this."""


@dataclass(frozen=True, slots=True)
class Terms:
    """What a signed job decides about asking."""

    sampling: Sampling
    answer_s: float
    """How long one call of `fill` may wait for answers, in all."""


class ModelEngine:
    """Proposes examples of one crate, written in part by a language model.

    Attributes:
        account: What became of every candidate asked for so far.
    """

    def __init__(
        self,
        view: SourceView,
        model: TextModel,
        terms: Terms,
        *,
        source: SourceEngine,
        crate: PreparedCrate | None = None,
        checker: Checker | None = None,
        account: Account | None = None,
        salt: bytes | None = None,
    ) -> None:
        """Bind the engine to a crate and a job's terms.

        Args:
            view: The crate's knowledge base and sources.
            model: Asked; opened and probed.
            terms: Of the job.
            source: The source engine of the same crate, which makes the probes that cannot be made of answers.
            crate: Where it can be built; with `checker` None, only categories that need no execution are filled.
            checker: Executes plans.
            account: Where ends are counted; None: in one of its own.
            salt: Decides which tests examples name, by chance for everybody else; None: by dice.
        """
        self._view, self._model, self._terms, self._source = view, model, terms, source
        self._crate, self._checker = crate, checker
        self._driver = Driver(self._run)
        self._examiner = Examiner(view, self._driver)
        self._prompter = Prompter(view, model, terms.sampling)
        self._bench: Bench | None = None
        self._usual: dict[str, Usage] = {}
        self.account = Account() if account is None else account
        self._salt = secrets.token_bytes(16) if salt is None else salt

    @property
    def name(self) -> str:
        """What `Example.engine` says: this generator, where the model runs, and how the job has it sampled.

        A request's own seed follows from the job's (`seed_of`), so that a row can be asked for again.
        """
        sampling = self._terms.sampling
        return (
            f"{ENGINE} {self._model.info.backend} temperature={sampling.temperature_milli / 1000:g}"
            f" top_p={sampling.top_p_milli / 1000:g} max_tokens={sampling.max_tokens} seed={sampling.seed}"
        )

    async def fill(
        self, requests: Sequence[Request], probes: Sequence[ProbeRequest]
    ) -> tuple[tuple[Proposal, ...], tuple[Probe | None, ...]]:
        """Make candidates and probes (R14), all questions side by side. Both in the order asked for.

        A probe is made of the model's own answers where these can be proven right or wrong, else of the crate's text.
        Never raises for what the model or its server does: that ends candidates, under a name.
        """
        await self._open()
        own = [probe for probe in probes if way_of(probe[0], good=probe[2])]
        candidates = [(request.category, index) for request in requests for index in request.indices]
        slots = [*candidates, *((category, number) for category, number, _ in probes)]
        donors = self._donors(own, slots)
        asked = [*candidates, *((category, number) for category, number, _ in own), *itertools.chain(*donors)]
        found = dict(zip(asked, await self._make(asked), strict=True))
        seating = Seating(requests, own, TRIES_MAX)
        made = await self._prove(own, donors, found, seating)
        proposals = []
        for request in requests:
            numbers = [seating.number_for(request.category, index) for index in request.indices]
            proposals.append(self._proposal(request, [found[request.category, number] for number in numbers]))
        return tuple(proposals), await self._or_crates(probes, made)

    async def propose(self, requests: Sequence[Request]) -> tuple[Proposal, ...]:
        """Make candidates only; see `fill`."""
        return (await self.fill(requests, ()))[0]

    def _proposal(self, request: Request, results: Sequence[Example | Ended]) -> Proposal:
        found = tuple(
            (index, made) for index, made in zip(request.indices, results, strict=True) if isinstance(made, Example)
        )
        ends = [ended for ended in results if isinstance(ended, Ended)]
        shortfall = f"{self._view.kb.pin.label}, {request.category}: {told(ends)}" if ends else ""
        return Proposal(request.category, found, shortfall)

    # Probes

    def _donors(self, probes: Sequence[ProbeRequest], slots: Sequence[tuple[str, int]]) -> list[list[tuple[str, int]]]:
        """For each probe, the answers that it may take words from: about places that no slot of this round is about.

        Of the last first places, which candidates come to last, and each for one probe: the same words twice would
        tell.
        """
        used = {(category, number % max(1, len(places_of(self._view, category)))) for category, number in slots}
        donors = []
        for category, index, good in probes:
            count = len(places_of(self._view, category))
            turned = ((category, count - 1 - (index + turn) % count) for turn in range(count))
            wanted = DONORS if way_of(category, good=good) in EXCHANGES else 0
            donors.append(list(itertools.islice((key for key in turned if key not in used), wanted)))
            used.update(donors[-1])
        return donors

    async def _prove(
        self,
        probes: Sequence[ProbeRequest],
        donors: Sequence[Sequence[tuple[str, int]]],
        found: Mapping[tuple[str, int], Example | Ended],
        seating: Seating,
    ) -> dict[ProbeRequest, Probe]:
        """The probes that can be made of the answers found, each at a number of its own (`Seating`)."""
        assert self._bench is not None, "fill opens the bench first"
        prober = Prober(self._bench, self._examiner, self._salt)
        made: dict[ProbeRequest, Probe] = {}
        while turn := seating.turn():
            trials = []
            for place, number in turn:
                category, _, good = probes[place]
                way = way_of(category, good=good)
                assert way is not None, "fill leaves out those that nothing could prove"
                lent = [answer for key in donors[place] if isinstance(answer := found[key], Example)]
                trials.append(prober.trial(way, found[category, number], lent))
            for (place, number), outcome in zip(turn, await self._driver.finish(trials), strict=True):
                if isinstance(outcome, Decoy):
                    seating.settle(place, number)
                    made[probes[place]] = (outcome.example, outcome.evidence.encode())
        return made

    async def _or_crates(
        self, wanted: Sequence[ProbeRequest], own: Mapping[ProbeRequest, Probe]
    ) -> tuple[Probe | None, ...]:
        """The model's own probes; those of the source engine, dressed as this one's candidates, where there is none.

        These have a text that can be looked up in the crate; how many there are is counted (`Account.probes`). They
        never become a row: the model's name on them misleads a rater and nobody else.
        """
        missing = [probe for probe in wanted if probe not in own]
        crates = dict(zip(missing, await self._source.make_probes(missing), strict=True))
        found: list[Probe | None] = []
        for probe in wanted:
            made, other = own.get(probe), crates.get(probe)
            self.account.probes[ProbeEnd.OWN if made else ProbeEnd.CRATE if other else ProbeEnd.NONE] += 1
            found.append(made or (other and (self._dressed(other[0]), other[1])))
        return tuple(found)

    def _dressed(self, example: Example) -> Example:
        category = example.task_category
        usual = self._usual.get(category, Usage(prompt_tokens=len(example.input_data) // BYTES_PER_TOKEN_USUAL))
        report = parse_report(example.check_report, self._view.kb.pin)
        killed = report.mutants_killed if category == "test_generation" else 0
        return replace(
            example,
            engine=self.name,
            model=self._model.info.model,
            prompt_digest=self._prompter.digest(category).hex(),
            check_report=replace(report, clippy=None, mutants_killed=killed).text(),
            prompt_tokens=usual.prompt_tokens,
            completion_tokens=len(example.output_data) // BYTES_PER_TOKEN_USUAL,
        )

    # Preparing

    async def _open(self) -> None:
        if self._bench is not None:
            return
        executes = False
        if self._checker is not None and self._crate is not None:
            executes = (await self._checker.baseline(self._crate)).builds
        await self._prompter.open()
        self._bench = Bench(self._view, executes)

    async def _run(self, plans: Sequence[CheckPlan]) -> tuple[PlanResult, ...]:
        assert self._checker is not None, "trials ask for checks only when there is a checker"
        assert self._crate is not None, "and a crate to run them on"
        return await self._checker.run(self._crate, plans)

    async def _prepare(self, wanted: Sequence[tuple[str, int]]) -> list[Work | Ended]:
        """Places and prompts for candidates given as (category, number)."""
        assert self._bench is not None, "fill opens the bench first"
        sites = [self._site(category, index) for category, index in wanted]
        trials = [
            assign(self._bench, category, site, self._salted(category, index))
            for (category, index), site in zip(wanted, sites, strict=True)
            if isinstance(site, Site)
        ]
        assigned = iter(await self._driver.finish(trials))
        works: list[Work | Ended] = []
        for (category, index), site in zip(wanted, sites, strict=True):
            found = site if isinstance(site, Ended) else next(assigned)
            if isinstance(found, Unfit):
                found = Ended(found.end, found.why)
            works.append(
                found if isinstance(found, Ended) else await self._prompter.ask(found, self._seed(category, index))
            )
        return works

    def _site(self, category: str, index: int) -> Site | Ended:
        assert self._bench is not None, "fill opens the bench first"
        if TABLE[category].needs_execution and not self._bench.executes:
            return Ended(End.UNCHECKED, "nothing can be executed here")
        place = place_at(places_of(self._view, category), index)
        return place if place is not None else Ended(End.PAST_END)

    def _seed(self, category: str, index: int) -> int:
        return seed_of(self._terms.sampling.seed, self._view.kb.pin.label, category, index)

    def _salted(self, category: str, index: int) -> bytes:
        return self._salt + f"{category} {index} ".encode()

    # Asking and checking

    async def _make(self, wanted: Sequence[tuple[str, int]]) -> list[Example | Ended]:
        """The candidates (category, number), or how each ended, in their order."""
        works = await self._prepare(wanted)
        # From here on, because building the crate is not the model's time.
        deadline_s = asyncio.get_running_loop().time() + self._terms.answer_s
        first = await self._round(works, deadline_s)
        second = await self._round(await self._put_right(works, first), deadline_s)
        ended = [Ended(found.end, found.text) if isinstance(found, Complaint) else found for found in second]
        results = without_doubles(ended)
        self.account.add(_end_of(result, was) for result, was in zip(results, first, strict=True))
        return results

    async def _round(
        self, works: Sequence[Work | Example | Ended], deadline_s: float
    ) -> list[Example | Complaint | Ended]:
        """Ask for each work, and examine all answers together. What has come to its end already stays as it is."""
        answers = await _side_by_side(works, lambda work: self._answer(work, deadline_s))
        return await self._examiner.examine(answers, executes=self._bench is not None and self._bench.executes)

    async def _put_right(
        self, works: Sequence[Work | Ended], first: Sequence[Example | Complaint | Ended]
    ) -> list[Work | Example | Ended]:
        """The repair turn's works; everything else as it came out of the first turn."""
        turned: list[Work | Example | Ended] = []
        for work, found in zip(works, first, strict=True):
            if isinstance(found, Complaint):
                assert isinstance(work, Work), "only an answer is complained about"
                turned.append(await self._prompter.ask_again(work, found.text, found.answer))
            else:
                turned.append(found)
        return turned

    async def _answer(self, work: Work, deadline_s: float) -> Example | Complaint | Ended:
        """Ask the model once, and read what it says."""
        category = work.assignment.category
        fields = asked_fields(category, work.prompt.asks)
        request = TextRequest(
            messages=work.messages,
            sampling=effective(self._terms.sampling, work.prompt, work.seed),
            deadline_s=deadline_s,
            schema=answer_schema(fields),
            label=category,
        )
        try:
            response = await self._model.generate(request)
        except ModelUnavailableError as error:
            return Ended(End.NO_ANSWER, f"{error.failure.value}: {error}")
        except ModelRefusedError as error:
            end = End.TOO_LONG if error.failure is Failure.TOO_LONG else End.REFUSED
            return Ended(end, f"{error.failure.value}: {error}")
        self._usual[category] = response.usage
        if response.finish is Finish.LENGTH:
            limit = request.sampling.max_tokens
            return Complaint(End.CUT_OFF, f"it was cut off after {limit} tokens: be shorter", response.text)
        if response.json is None:
            return Complaint(End.MALFORMED, "it is not one JSON object", response.text)
        try:
            answer = work.assignment.finish(read_answer(response.json.value, fields))
        except AnswerError as error:
            return Complaint(End.MALFORMED, str(error), response.text)
        return self._composed(work, answer, response)

    def _composed(self, work: Work, answer: Mapping[str, Value], response: TextResponse) -> Example | Complaint:
        assignment = work.assignment
        table = TABLE[assignment.category]
        words = {**assignment.words, **answer}
        inputs, outputs = (
            {field.name: words[field.name] for field in side if field.name in words}
            for side in (table.inputs, table.outputs)
        )
        draft = Draft(assignment.category, assignment.span, inputs, outputs)
        report = Report(Project(self._view.kb.pin), tests=assignment.tests)
        made = compose(self._view, draft, report, "")
        if isinstance(made, Miss):
            return Complaint(End.MALFORMED, "a part of it is empty or far too long", response.text)
        return replace(
            made,
            engine=self.name,
            model=response.model,
            prompt_digest=work.prompt.digest.hex(),
            prompt_tokens=response.usage.prompt_tokens,
            completion_tokens=response.usage.completion_tokens,
        )


def seed_of(seed: int, crate: str, category: str, number: int) -> int:
    """A request's seed, from the job's and what it is about: different for every candidate, the same on every node."""
    text = f"{seed}\0{crate}\0{category}\0{number}"
    return int.from_bytes(hashlib.sha256(b"swarm-node/v1/seed\0" + text.encode()).digest()[:8], "big") % SEED_MAX


def without_doubles(results: Sequence[Example | Ended]) -> list[Example | Ended]:
    """Of examples that say the same (R16), the first; the others end as duplicates."""
    seen: set[bytes] = set()
    kept: list[Example | Ended] = []
    for result in results:
        double = isinstance(result, Example) and result.claim in seen
        kept.append(Ended(End.DUPLICATE) if double else result)
        if isinstance(result, Example):
            seen.add(result.claim)
    return kept


def _end_of(result: Example | Ended, first: Example | Complaint | Ended) -> Ended:
    if isinstance(result, Ended):
        return result
    return Ended(End.REPAIRED if isinstance(first, Complaint) else End.PROPOSED)


async def _side_by_side(
    works: Sequence[Work | Example | Ended], act: Callable[[Work], Awaitable[Example | Complaint | Ended]]
) -> list[Example | Complaint | Ended]:
    """Act on every work at once; leave the rest alone. How many requests the server sees is for the model to decide."""
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(_acted(work, act)) for work in works]
    return [task.result() for task in tasks]


async def _acted(
    work: Work | Example | Ended, act: Callable[[Work], Awaitable[Example | Complaint | Ended]]
) -> Example | Complaint | Ended:
    return work if isinstance(work, (Example, Ended)) else await act(work)
