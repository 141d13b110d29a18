"""Jobs as coordinators see them: taken or refused with what to change, told of in the same words after a restart."""

import asyncio
from dataclasses import replace

import pytest

from consensus.params import LOCAL
from consensus.types import CandidateState, JobId, JobStatus
from node.errors import ExitCode, OperatorError
from node.values.job import JobCancel
from node.wire import decode_message, seal_message
from tests.support.swarm import COORDINATOR, STEADY, Swarm, key_of, make_job
from tests.unit.desks.conftest import JOB, open_front


def submit(front, spec, key=COORDINATOR):
    envelope = seal_message(front.swarm.domain, spec, key)
    return front(front.desks.jobs.submit(decode_message(front.swarm.domain, envelope), envelope))


def refused(front, spec, key=COORDINATOR) -> OperatorError:
    with pytest.raises(OperatorError) as caught:
        submit(front, spec, key)
    assert caught.value.hint
    assert caught.value.exit_code is ExitCode.USAGE
    return caught.value


def other_job(**changes):
    return replace(make_job(STEADY), title="another", **changes)


def test_a_job_for_another_preset_is_refused_by_both_names(front):
    error = refused(front, other_job(preset_hash=LOCAL.hash()))
    assert "LOCAL" in str(error)
    assert STEADY.name in str(error)


def test_a_job_past_its_deadline_is_refused(front):
    assert "deadline passed 2 hours ago" in str(refused(front, other_job(deadline_unix_s=1_000_000 - 7200)))


def test_a_job_of_a_stranger_is_refused_and_the_coordinators_are_named(front):
    error = refused(front, other_job(), key_of(77))
    assert "may not submit" in str(error)
    assert "12D3KooW" in error.hint


@pytest.mark.parametrize(
    ("changes", "words"), [({"raters": 6}, "1 to 5 raters"), ({"accept_bp": 10_000}, "accept < 1")]
)
def test_terms_outside_the_presets_bounds_are_refused_in_its_numbers(front, changes, words):
    assert words in str(refused(front, other_job(**changes)))


def test_nothing_of_a_refused_job_is_kept(front):
    spec = other_job(preset_hash=LOCAL.hash())
    refused(front, spec)
    envelope = seal_message(front.swarm.domain, spec, COORDINATOR)
    job = JobId(decode_message(front.swarm.domain, envelope).digest)
    assert front(front.swarm.nodes[0].store.jobs.get(job)) is None


def test_the_same_job_again_is_known_even_when_it_has_ended(front):
    receipt = submit(front, JOB)
    assert receipt.known
    assert receipt.job == front.job


def test_a_job_is_shown_with_its_tasks_and_every_candidates_state(front):
    view = front(front.desks.jobs.get(front.job))
    assert view.status is JobStatus.DONE
    assert view.title == "test job"
    assert view.coordinator == COORDINATOR.node
    assert len(view.tasks) == 15
    assert view.rows == sum(task.accepted for task in view.tasks) > 45
    counts = {item.state: item.count for item in view.states}
    assert set(counts) == {state.value for state in CandidateState}
    assert counts["accepted"] == view.rows
    assert counts["in_review"] == 0


def test_a_task_with_fewer_rows_than_asked_for_says_why(front):
    view = front(front.desks.jobs.get(front.job))
    short = [task for task in view.tasks if task.accepted < task.quota]
    assert all(task.note for task in short)
    assert not any(task.note for task in view.tasks if task.accepted >= task.quota)


def test_jobs_are_listed_newest_first_without_their_tasks(front):
    (view,) = [view for view in front(front.desks.jobs.list_jobs(10)) if view.job == front.job]
    assert view.tasks == ()
    assert front(front.desks.jobs.list_jobs(0)) == ()


def test_an_unknown_job_is_not_so_and_says_where_to_look(front):
    with pytest.raises(OperatorError) as caught:
        front(front.desks.jobs.get(JobId(bytes(32))))
    assert caught.value.exit_code is ExitCode.NOT_SO
    assert "job list" in caught.value.hint


async def watched(jobs, job, after=0):
    return [event async for event in jobs.watch(job, after)]


def test_a_jobs_story_begins_with_its_admission_and_ends_with_its_end(front):
    events = front(watched(front.desks.jobs, front.job))
    assert [event.number for event in events] == list(range(1, len(events) + 1))
    assert events[0].name == "JobAdmitted"
    assert events[-1].name == "JobDone"
    assert [event.final for event in events] == [False] * (len(events) - 1) + [True]
    assert {event.name for event in events[1:-1]} == {"RoundCertified"}
    assert all(event.at_unix_ms == 1_000_000_000 for event in events)
    view = front(front.desks.jobs.get(front.job))
    assert f"{view.rows} rows" in events[-1].text


def test_a_restarted_node_tells_the_same_story_and_goes_on_where_a_watcher_was_cut_off(front):
    events = front(watched(front.desks.jobs, front.job))
    desks, _ = front.reopened()
    assert front(watched(desks.jobs, front.job)) == events
    assert front(watched(desks.jobs, front.job, after=2)) == events[2:]
    assert front(watched(desks.jobs, front.job, after=len(events))) == []


def test_a_watcher_hears_each_event_as_it_comes_and_the_end_of_a_cancelled_job(tmp_path):
    async def scenario():
        async with Swarm(tmp_path, 3, preset=STEADY) as swarm:
            jobs = open_front(swarm, [])[0].jobs
            job = await swarm.submit(make_job(STEADY, crates=3, categories=15))
            heard = []

            async def listen():
                heard.extend([event async for event in hear(jobs.watch(job, 0))])

            async def hear(events):
                async for event in events:
                    first.set()
                    yield event

            first = asyncio.Event()
            listening = asyncio.create_task(listen())
            await asyncio.wait_for(first.wait(), 300)
            envelope = seal_message(swarm.domain, JobCancel(job), COORDINATOR)
            assert not await jobs.cancel(decode_message(swarm.domain, envelope), envelope)
            await asyncio.wait_for(listening, 300)
            assert heard[0].name == "JobAdmitted"
            assert heard[-1].name == "JobCancelled"
            assert await jobs.cancel(decode_message(swarm.domain, envelope), envelope)

    asyncio.run(scenario())


def test_only_a_jobs_coordinator_cancels_it_and_only_while_it_is_open(front):
    def cancel(key):
        envelope = seal_message(front.swarm.domain, JobCancel(front.job), key)
        return front(front.desks.jobs.cancel(decode_message(front.swarm.domain, envelope), envelope))

    with pytest.raises(OperatorError, match=r"not .* to cancel") as caught:
        cancel(key_of(77))
    assert caught.value.exit_code is ExitCode.USAGE
    with pytest.raises(OperatorError, match="ended already: done") as caught:
        cancel(COORDINATOR)
    assert caught.value.exit_code is ExitCode.NOT_SO
