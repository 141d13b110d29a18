"""One round at one member: what is sent when, and what of others' messages counts (R13 to R15, R19)."""

from dataclasses import replace

import pytest

from consensus.encoding import hash_value
from consensus.openings import claim_order
from consensus.round import (
    ExecuteProbes,
    Generate,
    Phase,
    PublishCandidates,
    RateCandidates,
    RoundClosed,
    Send,
    SetPhaseTimer,
    ratings_digest,
    slots_root,
)
from consensus.types import (
    Attestation,
    AttestedMessage,
    CandidateCommit,
    GeneratorReveal,
    Hash,
    Kind,
    ProbeFinding,
    ProbeOpening,
    RatingCommit,
    RatingReveal,
    Signed,
    SlotCount,
)
from tests.support.rounds import (
    EVERYBODY,
    GENERATORS,
    HEIGHT,
    RATERS,
    attestation,
    commit,
    feed,
    hold,
    node,
    of,
    opening,
    plan,
    rating,
    rating_commit,
    reveal,
    round_of,
    say,
    sent,
    tag,
    through_publish,
    unmask,
)


def test_a_generator_is_asked_to_generate_and_commits_to_the_root_of_its_slots():
    current = round_of(node(1))
    assert of(Generate, current.start()) == [Generate(HEIGHT, plan().tasks)]
    slots = (opening(1, 1), opening(0, 1))
    (send,) = of(Send, current.on_candidates_ready(slots, (), bytes(80)))
    assert send.body == CandidateCommit(HEIGHT, slots_root(node(1), HEIGHT, (slots[1], slots[0])), (SlotCount(0, 2),))


def test_candidates_are_published_only_when_every_generator_has_committed():
    current = round_of(node(1))
    current.start()
    current.on_candidates_ready((opening(0, 1), opening(1, 1)), (), bytes(80))
    assert not of(PublishCandidates, feed(current, commit(node(1))))
    assert of(PublishCandidates, feed(current, commit(node(2)))) == [PublishCandidates(HEIGHT)]


def test_a_rater_waits_for_all_contents_committed_to_and_rates_them():
    current = round_of(node(3))
    effects = through_publish(current)
    (order,) = of(RateCandidates, effects)
    contents = {opening(slot, who).content for who in (1, 2) for slot in (0, 1)}
    assert {content for _, content in order.candidates} == contents
    assert current.phase is Phase.RATE


def test_when_publishing_takes_too_long_what_is_held_is_rated():
    current = round_of(node(3))
    current.start()
    feed(current, *map(commit, GENERATORS))
    hold(current, 0, 1)
    (order,) = of(RateCandidates, current.on_timer(Phase.PUBLISH))
    assert order.candidates == ((0, opening(0, 1).content),)


def test_contents_nobody_committed_to_are_bounded_by_the_slots_of_the_task():
    current = round_of(node(3))
    current.start()
    for number in range(100):
        current.on_candidate_held(0, Hash(hash_value("flood", number)), tag(number))
    (order,) = of(RateCandidates, feed(current, *map(commit, GENERATORS)))
    assert len(order.candidates) == 4


def test_whoever_announces_first_and_most_takes_no_more_than_its_own_places():
    current = round_of(node(3))
    current.start()
    for number in range(100):
        for slot in (0, 1):
            current.on_candidate_held(0, Hash(hash_value("flood", number)), tag(slot, who=1))
    for slot in (0, 1):
        hold(current, slot, 2)
    (order,) = of(RateCandidates, feed(current, *map(commit, GENERATORS)))
    flood = Hash(hash_value("flood", 0))
    assert {content for _, content in order.candidates} == {flood, opening(0, 2).content, opening(1, 2).content}


@pytest.mark.parametrize("lie", [SlotCount(0, 1000), SlotCount(9, 1)])
def test_nobody_waits_for_more_candidates_than_a_generator_was_given_slots_for(lie):
    current = round_of(node(3))
    current.start()
    feed(current, say(node(1), Kind.CANDIDATE_COMMIT, CandidateCommit(HEIGHT, Hash(bytes(32)), (lie,))))
    feed(current, commit(node(2)))
    for slot in (0, 1):
        hold(current, slot, 2)
        hold(current, slot, 1)
    assert current.phase is Phase.RATE


def test_scores_are_committed_first_and_revealed_only_when_all_have_committed():
    current = round_of(node(3))
    through_publish(current)
    ratings = (rating(opening(0, 1).content),)
    (send,) = of(Send, current.on_ratings_ready(ratings))
    assert send.kind is Kind.RATING_COMMIT
    assert send.body.digest == ratings_digest(node(3), HEIGHT, bytes(32), ratings)
    own = say(node(3), Kind.RATING_COMMIT, send.body)
    assert not of(Send, feed(current, own, rating_commit(node(4))))
    (shown,) = of(Send, feed(current, rating_commit(node(5))))
    assert shown.body == RatingReveal(HEIGHT, bytes(32), ratings)


def test_generators_unmask_after_the_reveals_and_open_every_slot():
    current = round_of(node(1))
    current.start()
    slots = (opening(0, 1), opening(1, 1))
    (committed,) = of(Send, current.on_candidates_ready(slots, (), b"p" * 80))
    feed(current, say(node(1), Kind.CANDIDATE_COMMIT, committed.body), commit(node(2)))
    feed(current, *map(rating_commit, RATERS))
    effects = feed(current, *map(reveal, RATERS))
    (send,) = of(Send, effects)
    assert send.body == GeneratorReveal(HEIGHT, b"p" * 80, slots, ())


def test_revealed_probes_are_executed_before_attesting():
    current = round_of(node(3))
    through_publish(current)
    feed(current, *map(rating_commit, RATERS), *map(reveal, RATERS))
    probe = opening(0, 1, ProbeOpening(good=False, evidence=b"{}"))
    effects = feed(current, unmask(node(1), probe, opening(1, 1)), unmask(node(2)))
    (order,) = of(ExecuteProbes, effects)
    assert order.openings == ((node(1), probe),)
    assert not of(Send, effects)
    found = (ProbeFinding(probe.content, holds=True),)
    (send,) = of(Send, current.on_probes_executed(found))
    assert send.body.probes == found


def probes_executed(*unmasked: Signed) -> list:
    current = round_of(node(3))
    through_publish(current)
    feed(current, *map(rating_commit, RATERS), *map(reveal, RATERS))
    return of(ExecuteProbes, feed(current, *unmasked))


def test_nobody_opens_anothers_probe_with_evidence_that_does_not_hold():
    forger, victim = sorted(GENERATORS, key=lambda name: claim_order(plan().seed, name))
    probe = opening(0, victim[0], ProbeOpening(good=False, evidence=b"{}"))
    forged = replace(probe, probe=ProbeOpening(good=False, evidence=b"junk"))
    said = unmask(victim, probe, opening(1, victim[0])), unmask(forger, forged, opening(1, forger[0]))
    (order,) = probes_executed(*said)
    assert order.openings == ((victim, probe),)


def test_nobody_has_others_execute_more_than_it_committed_to():
    many = [replace(opening(slot, 2, ProbeOpening(good=True, evidence=b"{}")), slot=slot) for slot in range(20)]
    assert not probes_executed(unmask(node(1), opening(0, 1), opening(1, 1)), unmask(node(2), *many))


def test_of_two_that_committed_to_one_probe_the_first_by_lot_is_executed():
    def said_by(who, evidence):
        return replace(opening(0, 9, ProbeOpening(good=True, evidence=evidence)), pseudonym=bytes([who]) * 32)

    def commit_to(who, slots):
        body = CandidateCommit(HEIGHT, slots_root(node(who), HEIGHT, slots), (SlotCount(0, len(slots)),))
        return say(node(who), Kind.CANDIDATE_COMMIT, body)

    ones, others = (said_by(1, b"one"),), (said_by(2, b"other"),)
    current = round_of(node(3))
    current.start()
    feed(current, commit_to(1, ones), commit_to(2, others))
    current.on_timer(Phase.PUBLISH)
    feed(current, *map(rating_commit, RATERS), *map(reveal, RATERS))
    (order,) = of(ExecuteProbes, feed(current, unmask(node(1), *ones), unmask(node(2), *others)))
    first = min(GENERATORS, key=lambda name: claim_order(plan().seed, name))
    assert [sender for sender, _ in order.openings] == [first]


@pytest.mark.parametrize("good", [True, False])
def test_nothing_that_is_said_before_the_unmasking_tells_a_probe_from_a_candidate(good):
    def said_with(probe):
        current = round_of(node(1))
        effects = current.start() + current.on_candidates_ready((opening(0, 1, probe), opening(1, 1)), (), bytes(80))
        effects += feed(current, commit(node(1)), commit(node(2)))
        effects += feed(current, *map(rating_commit, RATERS))
        for phase in (Phase.PUBLISH, Phase.RATE):
            effects += current.on_timer(phase)
        return effects + feed(current, *map(reveal, RATERS))

    plain, probing = said_with(None), said_with(ProbeOpening(good=good, evidence=b"{}"))
    unmasking = [effect for effect in probing if sent([effect]) == [Kind.GENERATOR_REVEAL]]
    assert len(unmasking) == 1, "the probe is told at last"
    before = probing.index(unmasking[0])
    assert before > 3
    assert probing[:before] == plain[:before]


def test_a_round_closes_only_with_attestations_of_more_than_two_thirds():
    current = round_of(node(3), plan=replace(plan(), tasks=()))
    current.start()
    feed(current, attestation(node(1)), attestation(node(2)), attestation(node(3)))
    assert not of(RoundClosed, current.on_timer(Phase.ATTEST)), "three of five are not more than two thirds"
    feed(current, attestation(node(4)))
    assert of(RoundClosed, current.on_timer(Phase.ATTEST))


def test_an_empty_round_goes_straight_to_attesting_the_news():
    current = round_of(node(3), plan=replace(plan(), tasks=()))
    news = AttestedMessage(Kind.JOB, node(9), Hash(bytes(32)))
    current.set_extras((news,))
    (send,) = of(Send, current.start())
    assert send.body == Attestation(HEIGHT, (news,), ())


@pytest.mark.parametrize(
    "stranger",
    [
        say(node(3), Kind.CANDIDATE_COMMIT, CandidateCommit(HEIGHT, Hash(bytes(32)), ())),
        say(node(1), Kind.RATING_COMMIT, RatingCommit(HEIGHT, Hash(bytes(32)))),
        say(node(9), Kind.ATTESTATION, Attestation(HEIGHT, (), ())),
        say(node(1), Kind.CANDIDATE_COMMIT, CandidateCommit(HEIGHT + 1, Hash(bytes(32)), ())),
    ],
)
def test_messages_of_who_has_no_part_and_of_other_rounds_change_nothing(stranger):
    current = round_of(node(4))
    current.start()
    before = current.waiting
    assert feed(current, stranger) == []
    assert current.waiting == before
    assert not current.messages(stranger.kind)


def test_the_second_message_of_a_slot_does_not_replace_the_first():
    current = round_of(node(4))
    current.start()
    first = commit(node(1))
    other = say(node(1), Kind.CANDIDATE_COMMIT, CandidateCommit(HEIGHT, Hash(b"x" * 32), ()))
    feed(current, first, other)
    assert current.messages(Kind.CANDIDATE_COMMIT) == {node(1): first}


def test_every_wait_has_a_timer_and_a_name():
    current = round_of(node(3))
    effects = through_publish(current)
    effects += feed(current, *map(rating_commit, RATERS), *map(reveal, RATERS), *map(unmask, GENERATORS))
    timed = {effect.phase for effect in of(SetPhaseTimer, effects)}
    assert timed == set(Phase) - {Phase.CLOSED}
    waiting = current.waiting
    assert (waiting.phase, waiting.have, waiting.need) == (Phase.ATTEST, 0, 5)
    assert waiting.missing == EVERYBODY


def test_a_replay_gives_the_same_effects():
    messages = [
        *map(commit, GENERATORS),
        *map(rating_commit, RATERS),
        *map(reveal, RATERS),
        *map(unmask, GENERATORS),
        *map(attestation, EVERYBODY),
    ]

    def run() -> list:
        current = round_of(node(3))
        effects = current.start()
        for message in messages:
            effects += current.on_message(message)
            effects += current.on_message(message)
        return effects

    assert run() == run()
    assert of(RoundClosed, run()) == [RoundClosed(HEIGHT)]
