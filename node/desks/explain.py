"""Answers to "why": for a candidate, a job, a node, a round or its shard, by the beginning of its name in hex."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator

from consensus.types import Hash, JobProgress, JobStatus
from node.desks.candidates import explain_candidate
from node.desks.chronicle import Chapter, Chronicle, Place
from node.desks.lessons import lesson_steps, lessons_of
from node.desks.standing import History, explain_standing
from node.driver.driver import Driver
from node.errors import ExitCode, OperatorError
from node.identity import peer_id, short_name
from node.values import views
from reputation import ReasonKind

EVENTS_TOLD = 30
ROUNDS_TAUGHT = 3
"""Rounds of which it is told what taught a node's table: the newest in which it rated."""
MATCHES_SHOWN = 5

Answer = Callable[[], Awaitable[views.Explanation]]


class Explainer:
    """Finds what is meant and explains it."""

    def __init__(self, driver: Driver, chronicle: Chronicle, history: History) -> None:
        self._driver, self._chronicle, self._history = driver, chronicle, history

    async def explain(self, subject: str) -> views.Explanation:
        """Explain what `subject`, 8 to 64 hex digits, is the beginning of.

        Raises:
            OperatorError: Nothing is named so (`NOT_SO`), or several things are.
        """
        await self._chronicle.catch_up()
        found = [*await self._candidates(subject), *self._jobs(subject), *self._nodes(subject), *self._rounds(subject)]
        if not found:
            raise OperatorError(
                f"nothing here is named {subject}",
                hint="Give the first digits of an example id, job id, node id (hex), header hash or shard root.",
                exit_code=ExitCode.NOT_SO,
            )
        if len(found) > 1:
            named = ", ".join(name for name, _ in found[:MATCHES_SHOWN])
            raise OperatorError(f"{subject} begins the names of {named}", hint="Give more digits.")
        return await found[0][1]()

    # Who is meant

    async def _candidates(self, prefix: str) -> list[tuple[str, Answer]]:
        low, high = Hash(bytes.fromhex(prefix.ljust(64, "0"))), Hash(bytes.fromhex(prefix.ljust(64, "f")))
        contents = await self._driver.store.decisions.contents_between(low, high, MATCHES_SHOWN)
        return [(f"candidate {name.hex()[:16]}", self._about_candidate(name)) for name in contents]

    def _about_candidate(self, content: Hash) -> Answer:
        return lambda: explain_candidate(self._driver, self._chronicle, content)

    def _jobs(self, prefix: str) -> Iterator[tuple[str, Answer]]:
        for progress in self._driver.member.state.jobs:
            if progress.terms.job.hex().startswith(prefix):
                yield f"job {progress.terms.job.hex()[:16]}", self._about_job(progress)

    def _nodes(self, prefix: str) -> Iterator[tuple[str, Answer]]:
        for member in self._driver.member.state.members:
            if member.node.hex().startswith(prefix):
                yield f"node {member.node.hex()[:16]}", self._about_node(member.node.hex())

    def _rounds(self, prefix: str) -> Iterator[tuple[str, Answer]]:
        for chapter in self._chronicle.headed(prefix):
            yield f"round {chapter.height}", self._about_round(chapter)

    # What is said

    def _about_job(self, progress: JobProgress) -> Answer:
        async def answer() -> views.Explanation:
            counts = await self._driver.store.decisions.counts(progress.terms.job)
            states = ", ".join(f"{count} {state.value}" for state, count in counts.items() if count)
            steps = [views.ExplainedStep("R17", f"candidates so far: {states or 'none'}", b"")]
            steps += self._unfilled(progress)
            return views.Explanation(progress.terms.job.hex(), _job_answer(progress), tuple(steps))

        return answer

    def _unfilled(self, progress: JobProgress) -> Iterator[views.ExplainedStep]:
        told = self._chronicle.shortfalls(progress.terms.job)
        for task in progress.tasks:
            if task.accepted < progress.terms.quota:
                why = told.get(Place(task.crate, task.category), "")
                where = f"{progress.terms.crates[task.crate]} {progress.terms.categories[task.category]}"
                text = f"{where}: {task.accepted} of {progress.terms.quota} after {task.attempts} attempts"
                yield views.ExplainedStep("R6", f"{text}: {why}" if why else text, b"")

    def _about_node(self, name: str) -> Answer:
        async def answer() -> views.Explanation:
            state = self._driver.member.state
            member = next(member for member in state.members if member.node.hex() == name)
            events = (await self._history.events([member.node], EVENTS_TOLD))[member.node]
            rated = [event.height for event in events if any(r.kind is ReasonKind.RATED for r in event.reasons)]
            lessons = {
                height: tuple(lesson_steps(height, await lessons_of(self._driver, member.node, height)))
                for height in rated[:ROUNDS_TAUGHT]
            }
            return explain_standing(state, member, self._driver.preset, events, lessons)

        return answer

    def _about_round(self, chapter: Chapter) -> Answer:
        async def answer() -> views.Explanation:
            certificate = await self._driver.archive.certificate(chapter.height)
            assert certificate is not None, "every chapter is of a stored round"
            header = certificate.header
            steps = [
                views.ExplainedStep("R7", f"built by {peer_id(header.builder)} in view {header.builder_view}", b""),
                views.ExplainedStep(
                    "R42", f"inputs, outcome and state follow from {sum(header.counts)} candidates", b""
                ),
            ]
            steps += [
                views.ExplainedStep("R50", f"{head.rows} rows for job {head.job.hex()[:16]}", head.root)
                for head in header.shards
            ]
            steps += [views.ExplainedStep("R6", f"admitted job {job.hex()[:16]}", job) for job in header.admitted]
            count = len(certificate.signatures)
            return views.Explanation(
                chapter.header.hex(),
                f"Round {chapter.height} of epoch {header.epoch} was certified in view {certificate.view} by {count} "
                "signatures of more than two thirds of the weight.",
                tuple(steps),
            )

        return answer


def _job_answer(progress: JobProgress) -> str:
    terms = progress.terms
    rows = sum(task.accepted for task in progress.tasks)
    wanted = len(progress.tasks) * terms.quota
    filled = sum(task.accepted >= terms.quota for task in progress.tasks)
    status = {
        JobStatus.OPEN: "is open",
        JobStatus.DONE: "is done: nothing is left to do for it",
        JobStatus.CANCELLED: "was cancelled by its coordinator",
        JobStatus.EXPIRED: "ended at its deadline, by the clocks of more than a third of the weight",
        JobStatus.OUT_OF_BUDGET: f"used up its budget of {terms.budget} slots",
    }[progress.status]
    return (
        f"The job of {short_name(terms.coordinator)} {status}; {rows} of {wanted} rows, {filled} of "
        f"{len(progress.tasks)} tasks filled."
    )
