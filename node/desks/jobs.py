"""Jobs, for coordinators: taking them, showing them, telling what happens to them."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import AsyncGenerator, Callable

from consensus.schedule import is_finished
from consensus.types import JobId, JobProgress, JobStatus, Signed, TaskProgress
from node.desks.admission import check_job
from node.desks.chronicle import Chronicle, Place
from node.desks.explain import Explainer
from node.driver.driver import Driver
from node.errors import ExitCode, OperatorError
from node.identity import peer_id
from node.store import JobRow
from node.values import views
from node.values.job import JobCancel, JobSpec
from node.wire import decode_message

SPECS_MAX = 256
"""Jobs whose words are kept in memory; reading one from disk checks its signature."""


def no_such_job(job: JobId) -> OperatorError:
    """The answer about a job that this node has never heard of."""
    return OperatorError(
        f"no job {job.hex()[:16]} is known here",
        hint="List those that are: `swarm-node job list`. A job just submitted elsewhere takes a moment to arrive.",
        exit_code=ExitCode.NOT_SO,
    )


class NodeJobs:
    """Implements `JobDesk` over a driver."""

    def __init__(self, driver: Driver, chronicle: Chronicle, explainer: Explainer, clock: Callable[[], float]) -> None:
        self._driver, self._chronicle, self._explainer, self._clock = driver, chronicle, explainer, clock
        self._specs: OrderedDict[JobId, JobSpec] = OrderedDict()

    # In

    async def submit(self, job: Signed[JobSpec], envelope: bytes) -> views.Receipt:
        """See `JobDesk.submit`. A job that is known is told again, however late: that is no second job."""
        name = JobId(job.digest)
        known = await self._driver.store.jobs.get(name) is not None
        if not known:
            check_job(job, genesis=self._driver.genesis, preset=self._driver.preset, now_s=self._clock())
        await self._driver.publish(envelope)
        return views.Receipt(name, known)

    async def cancel(self, cancel: Signed[JobCancel], envelope: bytes) -> bool:
        """See `JobDesk.cancel`."""
        view = await self.get(cancel.body.job)
        if cancel.sender != view.coordinator:
            raise OperatorError(
                f"job {view.job.hex()[:16]} is {peer_id(view.coordinator)}'s, not {peer_id(cancel.sender)}'s to cancel",
                hint="Sign the cancellation with the key that signed the job: --key DIR.",
            )
        if view.status is JobStatus.CANCELLED:
            return True
        if view.status is not JobStatus.OPEN:
            raise OperatorError(
                f"job {view.job.hex()[:16]} has ended already: {view.status.name.lower()}",
                hint="What it accepted is certified and stays; there is nothing left to cancel.",
                exit_code=ExitCode.NOT_SO,
            )
        known = not await self._driver.store.envelopes.missing([cancel.digest])
        await self._driver.publish(envelope)
        return known

    # Out

    async def get(self, job: JobId) -> views.JobView:
        """See `JobDesk.get`."""
        await self._chronicle.catch_up()
        progress = self._progress(job)
        row = await self._driver.store.jobs.get(job)
        if progress is not None:
            return await self._view(progress, row, with_tasks=True)
        if row is None:
            raise no_such_job(job)
        return self._waiting_view(row)

    async def list_jobs(self, limit: int) -> tuple[views.JobView, ...]:
        """See `JobDesk.list_jobs`: those that wait to be admitted first, then the latest admitted."""
        store = self._driver.store
        admitted = {item.terms.job: item for item in self._driver.member.state.jobs}
        waiting = [row for row in await self._unadmitted() if row.job not in admitted]
        found = [self._waiting_view(row) for row in reversed(waiting)][:limit]
        for progress in list(reversed(admitted.values()))[: limit - len(found)]:
            found.append(await self._view(progress, await store.jobs.get(progress.terms.job), with_tasks=False))
        return tuple(found)

    async def watch(self, job: JobId, after: int) -> AsyncGenerator[views.JobEvent, None]:
        """See `JobDesk.watch`."""
        await self.get(job)
        while True:
            decided = self._driver.member.decided
            await self._chronicle.catch_up()
            progress = self._progress(job)
            ended = progress.status if progress is not None and progress.status is not JobStatus.OPEN else None
            events = await self._chronicle.events(job, ended)
            for event in events[after:]:
                after = event.number
                yield event
            if events and events[-1].final:
                return
            await decided.wait()

    async def explain(self, subject: str) -> views.Explanation:
        """See `JobDesk.explain`."""
        return await self._explainer.explain(subject)

    # Parts

    def _progress(self, job: JobId) -> JobProgress | None:
        return next((item for item in self._driver.member.state.jobs if item.terms.job == job), None)

    async def _unadmitted(self) -> list[JobRow]:
        found: list[JobRow] = []
        after: tuple[int, JobId] | None = None
        while page := await self._driver.store.jobs.list(after=after):
            found += [row for row in page if row.status is None]
            after = (page[-1].first_seen_ms, page[-1].job)
        return found

    def _spec(self, row: JobRow) -> JobSpec:
        if row.job not in self._specs:
            body = decode_message(self._driver.domain, row.envelope).body
            assert isinstance(body, JobSpec), "only jobs are kept as jobs"
            self._specs[row.job] = body
            if len(self._specs) > SPECS_MAX:
                self._specs.popitem(last=False)
        return self._specs[row.job]

    def _waiting_view(self, row: JobRow) -> views.JobView:
        spec = self._spec(row)
        return views.JobView(
            job=row.job,
            coordinator=decode_message(self._driver.domain, row.envelope).sender,
            title=spec.title,
            status=JobStatus.OPEN,
            admitted=0,
            deadline_unix_s=spec.deadline_unix_s,
            budget=spec.budget,
            issued=0,
            rows=0,
            tasks=(),
            states=(),
        )

    async def _view(self, progress: JobProgress, row: JobRow | None, *, with_tasks: bool) -> views.JobView:
        terms = progress.terms
        spec = self._spec(row) if row is not None else None
        counts = await self._driver.store.decisions.counts(terms.job)
        return views.JobView(
            job=terms.job,
            coordinator=terms.coordinator,
            title=spec.title if spec is not None else "",
            status=progress.status,
            admitted=progress.admitted,
            deadline_unix_s=spec.deadline_unix_s if spec is not None else 0,
            budget=terms.budget,
            issued=progress.issued,
            rows=sum(task.accepted for task in progress.tasks),
            tasks=tuple(self._task(progress, task) for task in progress.tasks) if with_tasks else (),
            states=tuple(views.StateCount(state.value, count) for state, count in counts.items()),
        )

    def _task(self, progress: JobProgress, task: TaskProgress) -> views.TaskView:
        terms = progress.terms
        return views.TaskView(
            crate=terms.crates[task.crate],
            category=terms.categories[task.category],
            quota=terms.quota,
            accepted=task.accepted,
            attempts=task.attempts,
            in_flight=task.in_flight,
            exhausted=task.exhausted,
            note=self._note(progress, task),
        )

    def _note(self, progress: JobProgress, task: TaskProgress) -> str:
        """Why a task has fewer rows than asked for, once no more are being made."""
        ended = progress.status is not JobStatus.OPEN
        if task.accepted >= progress.terms.quota or not (ended or is_finished(task, progress, self._driver.preset)):
            return ""
        told = self._chronicle.shortfalls(progress.terms.job).get(Place(task.crate, task.category))
        if told is not None:
            return told
        if progress.status in {JobStatus.CANCELLED, JobStatus.EXPIRED, JobStatus.OUT_OF_BUDGET}:
            return f"the job was {progress.status.name.lower().replace('_', ' ')}"
        return f"{task.attempts} attempts gave no more that the swarm accepts"
