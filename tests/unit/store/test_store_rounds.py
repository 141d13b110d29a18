"""Decided rounds, decisions and ledger events: all of a round or nothing of it."""

import random

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from consensus.types import ZERO_HASH, CandidateState, JobId, JobStatus, NodeId
from node.errors import OperatorError
from node.store import BrokenLedgerError, DecidedCandidate, check_chain, open_store
from tests.support.chance import draw_seed
from tests.support.store_writers import JOB, chain, decision, link, named, row, writer

OTHER_JOB = JobId(bytes([8] * 32))


def test_a_round_comes_back_as_it_was_committed(store, run):
    assert run(store.rounds.tip()) is None
    decided = [DecidedCandidate(decision(named(number)), b"because") for number in range(3)]
    assert run(store.rounds.commit(row(1), decided=decided, events=chain(1, 2)))
    assert run(store.rounds.tip()) == row(1)
    assert run(store.rounds.get(1)) == row(1)
    assert run(store.rounds.get(2)) is None
    found = run(store.decisions.find(height=1))
    assert [(d.position, d.decision) for d in found] == [(n, c.decision) for n, c in enumerate(decided)]
    assert run(store.decisions.explanation(1, 2)) == b"because"
    assert run(store.decisions.explanation(1, 3)) is None
    assert run(store.ledger.at(1)) == tuple(chain(1, 2))


def test_the_same_round_again_changes_nothing(store, run):
    assert run(store.rounds.commit(row(1), decided=[DecidedCandidate(decision(named(1)))], events=chain(1, 1)))
    assert not run(store.rounds.commit(row(1), decided=[DecidedCandidate(decision(named(1)))], events=chain(1, 1)))
    assert len(run(store.decisions.find())) == 1
    assert run(store.ledger.verify(link)) == 1


def test_a_second_header_for_a_height_is_refused_and_both_are_named(store, run):
    run(store.rounds.commit(row(1)))
    with pytest.raises(OperatorError, match=named("header", 1, "other").hex()) as refusal:
        run(store.rounds.commit(row(1, words="other")))
    assert named("header", 1, "").hex() in str(refusal.value)
    assert "forked" in refusal.value.hint
    assert run(store.rounds.get(1)) == row(1)


def test_a_gap_is_refused_and_nothing_of_the_round_is_kept(store, run):
    run(store.rounds.commit(row(5)))
    with pytest.raises(ValueError, match="round 7 does not follow round 5"):
        run(store.rounds.commit(row(7), decided=[DecidedCandidate(decision(named(1)))]))
    with pytest.raises(ValueError, match="cannot follow"):
        run(store.rounds.commit(row(6), decided=[DecidedCandidate(decision(named(1)))], events=chain(6, 1, seq=4)))
    assert run(store.rounds.tip()) == row(5)
    assert run(store.decisions.find()) == ()
    assert run(store.ledger.head()) is None


def test_rounds_are_read_in_order_and_in_pages(store, run):
    for height in range(1, 6):
        run(store.rounds.commit(row(height)))
    assert run(store.rounds.between(2, 4)) == (row(2), row(3), row(4))
    assert run(store.rounds.between(6, 9)) == ()
    assert [found.state for found in run(store.rounds.between(2, 4, states=False))] == [None] * 3


def test_states_are_pruned_except_the_tip_and_those_to_keep(store, run):
    for height in range(1, 6):
        run(store.rounds.commit(row(height)))
    assert run(store.rounds.prune_states(below=100, keep_every=2)) == 2
    states = [found.state for found in run(store.rounds.between(1, 5))]
    assert states == [None, b"state", None, b"state", b"state"]


def test_decisions_are_found_by_what_is_asked(store, run):
    decided = [
        decision(named(1), CandidateState.ACCEPTED, category=1),
        decision(named(2), CandidateState.REJECTED_SCORE, category=1, generator="h"),
        decision(named(3), CandidateState.ACCEPTED, job=OTHER_JOB),
    ]
    run(store.rounds.commit(row(1), decided=[DecidedCandidate(one) for one in decided]))

    def contents(**wanted):
        return [found.decision.content for found in run(store.decisions.find(**wanted))]

    assert contents(job=JOB) == [named(1), named(2)]
    assert contents(state=CandidateState.ACCEPTED) == [named(1), named(3)]
    assert contents(job=JOB, category=1, state=CandidateState.REJECTED_SCORE) == [named(2)]
    assert contents(generator=NodeId(named("h"))) == [named(2)]
    assert contents(content=named(3)) == [named(3)]
    assert contents(after=(1, 0)) == [named(2), named(3)]
    assert contents(crate=1) == []


def test_a_carried_candidate_counts_once_and_where_it_ended(store, run):
    waiting = decision(named(1), CandidateState.IN_REVIEW)
    void = decision(ZERO_HASH, CandidateState.VOID, slot=1)
    run(store.rounds.commit(row(1), decided=[DecidedCandidate(waiting), DecidedCandidate(void)]))
    counts = run(store.decisions.counts(JOB))
    assert (counts[CandidateState.IN_REVIEW], counts[CandidateState.VOID], sum(counts.values())) == (1, 1, 2)
    ended = decision(named(1), CandidateState.ACCEPTED, slot=-1)
    run(store.rounds.commit(row(2), decided=[DecidedCandidate(ended)]))
    counts = run(store.decisions.counts(JOB))
    assert (counts[CandidateState.IN_REVIEW], counts[CandidateState.ACCEPTED], sum(counts.values())) == (0, 1, 2)
    assert set(counts) == set(CandidateState)
    history = run(store.decisions.find(content=named(1)))
    assert [(found.height, found.superseded) for found in history] == [(1, True), (2, False)]


def test_a_jobs_candidates_are_counted_round_by_round(store, run):
    names = [named("content", number) for number in range(4)]
    review, accepted = CandidateState.IN_REVIEW, CandidateState.ACCEPTED
    first = [decision(names[0]), decision(names[1]), decision(names[2], review), decision(names[3], job=OTHER_JOB)]
    run(store.rounds.commit(row(1), decided=[DecidedCandidate(each) for each in first]))
    run(store.rounds.commit(row(2), decided=[DecidedCandidate(decision(names[2], slot=-1))]))
    assert run(store.decisions.counts_by_height(JOB)) == {1: {accepted: 2, review: 1}, 2: {accepted: 1}}


def test_contents_are_found_by_the_range_that_their_first_digits_name(store, run):
    contents = sorted(named("content", number) for number in range(6))
    run(store.rounds.commit(row(1), decided=[DecidedCandidate(decision(content)) for content in contents]))
    run(store.rounds.commit(row(2), decided=[DecidedCandidate(decision(contents[2]))]))
    assert run(store.decisions.contents_between(contents[1], contents[3], 10)) == tuple(contents[1:4])
    assert run(store.decisions.contents_between(contents[0], contents[5], 2)) == tuple(contents[:2])


def test_the_round_sets_how_long_contents_and_jobs_live(store, run):
    run(store.jobs.put(JOB, b"job", first_seen_ms=1))
    accepted = run(store.blobs.put(b"accepted", expires=1))
    rejected = run(store.blobs.put(b"rejected"))
    decided = [decision(accepted), decision(rejected, CandidateState.REJECTED_SCORE)]
    statuses = [(JOB, JobStatus.DONE)]
    run(store.rounds.commit(row(4), decided=[DecidedCandidate(one) for one in decided], statuses=statuses))
    assert run(store.blobs.prune(below=5)) == 1
    assert run(store.blobs.get(accepted)) == b"accepted"
    assert run(store.blobs.get(rejected)) is None
    assert run(store.jobs.get(JOB)).status is JobStatus.DONE


def test_content_that_one_job_accepted_is_not_dropped_because_another_did_not(store, run):
    content = run(store.blobs.put(b"shared"))
    run(store.rounds.commit(row(1), decided=[DecidedCandidate(decision(content))]))
    again = decision(content, CandidateState.SURPLUS, job=OTHER_JOB)
    run(store.rounds.commit(row(2), decided=[DecidedCandidate(again)]))
    run(store.blobs.prune(below=100))
    assert run(store.blobs.get(content)) == b"shared"


# The ledger


@pytest.mark.parametrize("statement", ["UPDATE ledger SET body = body", "DELETE FROM ledger"])
def test_the_database_refuses_to_change_or_delete_an_event(store, run, statement):
    run(store.rounds.commit(row(1), events=chain(1, 3)))
    with pytest.raises(DBAPIError, match="append-only"):
        run(store._database.write(lambda connection: connection.execute(text(statement))))
    assert run(store.ledger.verify(link)) == 3


def test_the_database_refuses_to_replace_or_truncate_events(store, run):
    run(store.rounds.commit(row(1), events=chain(1, 3)))
    sqlite = "REPLACE INTO ledger SELECT seq, height, previous, digest, digest FROM ledger"

    def overwrite(connection):
        connection.execute(text(sqlite if connection.dialect.name == "sqlite" else "TRUNCATE ledger"))

    with pytest.raises(DBAPIError, match="append-only"):
        run(store._database.write(overwrite))
    assert run(store.ledger.verify(link)) == 3


def test_an_event_changed_behind_the_databases_back_is_found(store, run):
    run(store.rounds.commit(row(1), events=chain(1, 5)))

    def tamper(connection):
        if connection.dialect.name == "sqlite":
            connection.execute(text("DROP TRIGGER ledger_no_update"))
        else:
            connection.execute(text("ALTER TABLE ledger DISABLE TRIGGER ledger_append_only"))
        connection.execute(text("UPDATE ledger SET body = :body WHERE seq = 3"), {"body": b"forged"})

    run(store._database.write(tamper))
    with pytest.raises(BrokenLedgerError, match="event 3 was changed") as found:
        run(store.ledger.verify(link))
    assert found.value.seq == 3


def test_the_chain_check_names_gaps_and_wrong_links():
    events = chain(1, 4)
    assert check_chain(events, link) == events[-1].digest
    with pytest.raises(BrokenLedgerError, match="event 1 is missing"):
        check_chain([events[0], *events[2:]], link)
    with pytest.raises(BrokenLedgerError, match="event 0 does not follow"):
        check_chain(events, link, previous=named("another start"))


def test_events_of_later_rounds_must_follow(store, run):
    first, second = chain(1, 2), chain(2, 2, seq=2, previous=chain(1, 2)[-1].digest)
    run(store.rounds.commit(row(1), events=first))
    run(store.rounds.commit(row(2), events=second))
    assert run(store.ledger.read(1)) == (first[1], *second)
    assert run(store.ledger.head()) == second[-1]
    assert run(store.ledger.verify(link)) == 4


@pytest.mark.processes
def test_a_node_killed_while_it_commits_keeps_whole_rounds_and_loses_none_it_announced(place, run):
    seed = draw_seed(1)
    dice = random.Random(seed)
    for _ in range(4):
        announced = 0
        with writer("commit", place) as child:
            for _line in range(dice.randint(1, 25)):
                announced = int(child.stdout.readline())
            child.kill()
        tip = run(whole_rounds(place))
        assert tip >= announced, f"round {announced} was announced and is gone (seed {seed})"


async def whole_rounds(place) -> int:
    async with await open_store(place.folder, url=place.url) as store:
        tip = await store.rounds.tip()
        assert await store.ledger.verify(link) == tip.height * 10
        for height in range(1, tip.height + 1):
            assert len(await store.decisions.find(height=height)) == 40
        return tip.height
