"""When a round's phases end at one member, and what came in time (R12)."""

from dataclasses import replace

import pytest

from consensus.params import MINIMAL
from consensus.round import (
    Phase,
    PublishCandidates,
    Round,
    RoundClosed,
    Send,
    SetPhaseTimer,
)
from consensus.types import (
    GeneratorReveal,
    Hash,
    Kind,
    NodeId,
    ProbeFinding,
    ProbeOpening,
    RatingReveal,
    Signed,
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
    task,
    through_publish,
    time_is_up,
    unmask,
)


def test_observers_are_waited_for_only_a_while_beyond_the_last_rater():
    observer = node(6)
    current = round_of(node(1), plan=plan(task(observers=(observer,))))
    through_publish(current)
    assert current.phase is Phase.RATE
    assert not of(SetPhaseTimer, feed(current, *map(rating_commit, RATERS[:2])))
    (timer,) = of(SetPhaseTimer, feed(current, rating_commit(RATERS[2])))
    assert timer == SetPhaseTimer(HEIGHT, Phase.RATE, MINIMAL.times.observe_ms)
    assert not of(SetPhaseTimer, current.on_absent(()))  # set once
    assert current.waiting.missing == (observer,)
    time_is_up(current, Phase.RATE)
    assert current.phase is Phase.REVEAL


def test_an_observer_that_rates_in_time_holds_up_nothing():
    observer = node(6)
    current = round_of(node(1), plan=plan(task(observers=(observer,))))
    through_publish(current)
    feed(current, rating_commit(observer), *map(rating_commit, RATERS))
    assert current.phase is Phase.REVEAL


def publishing_ms(effects) -> list[int]:
    return [timer.delay_ms for timer in of(SetPhaseTimer, effects) if timer.phase is Phase.PUBLISH]


def test_where_generating_ends_by_its_time_contents_are_waited_for_as_long_as_clocks_may_differ():
    times = MINIMAL.times
    complete, cut_short = round_of(node(3)), round_of(node(3))
    complete.start()
    assert publishing_ms(feed(complete, *map(commit, GENERATORS))) == [times.publish_ms]
    cut_short.start()
    feed(cut_short, commit(node(1)))
    settled_ms = times.generate_ms + times.lag_ms
    assert publishing_ms(time_is_up(cut_short, Phase.GENERATE)) == [times.publish_ms + settled_ms // 4]
    hold(cut_short, 0, 1)
    hold(cut_short, 1, 1)
    assert cut_short.phase is Phase.RATE, "and no longer than until they are there"


def test_a_commitment_that_comes_after_the_phase_has_closed_is_not_attested():
    current = round_of(node(2))
    through_publish(current)
    feed(current, rating_commit(node(3)), rating_commit(node(4)))
    time_is_up(current, Phase.RATE)
    late = rating_commit(node(5))
    feed(current, late, reveal(node(3)), reveal(node(4)), reveal(node(5)))
    effects = feed(current, unmask(node(1)), unmask(node(2)))
    (send,) = of(Send, effects)
    listed = {(item.kind, item.sender) for item in send.body.messages}
    assert (Kind.RATING_COMMIT, node(4)) in listed
    assert (Kind.RATING_COMMIT, node(5)) not in listed


def test_an_early_message_is_in_time():
    current = round_of(node(2))
    current.start()
    feed(current, rating_commit(node(3)))
    effects = [
        effect
        for phase in (Phase.GENERATE, Phase.PUBLISH, Phase.RATE, Phase.REVEAL)
        for effect in time_is_up(current, phase)
    ]
    (send,) = of(Send, effects)
    assert [item.kind for item in send.body.messages] == [Kind.RATING_COMMIT]


def test_members_that_are_away_are_not_waited_for_but_never_make_up_a_quorum():
    current = round_of(node(3))
    current.start()
    feed(current, commit(node(1)))
    assert current.phase is Phase.GENERATE
    current.on_absent([node(2)])
    assert current.phase is Phase.PUBLISH
    alone = round_of(node(3), plan=replace(plan(), tasks=()))
    alone.start()
    feed(alone, attestation(node(3)))
    assert not of(RoundClosed, alone.on_absent([node(1), node(2), node(4), node(5)]))


def test_who_lags_gives_up_a_phase_that_more_than_two_thirds_have_left():
    current = round_of(node(5))
    through_publish(current)
    feed(current, *map(attestation, GENERATORS), attestation(node(3)))
    assert current.phase is Phase.RATE, "three of five are not more than two thirds"
    feed(current, attestation(node(4)))
    assert current.phase is Phase.ATTEST


def test_what_more_than_a_third_has_left_ends_before_long():
    """One of them is honest, and it may be only one: what it has come by has yet to reach the others."""
    current = round_of(node(5))
    through_publish(current)
    assert not of(SetPhaseTimer, feed(current, reveal(node(3)))), "one of five is not more than a third"
    assert feed(current, reveal(node(4))) == [SetPhaseTimer(HEIGHT, Phase.RATE, MINIMAL.times.reveal_ms)]
    assert not of(SetPhaseTimer, feed(current, *map(rating_commit, RATERS[:2]))), "set once"
    current.on_timer(Phase.RATE)
    assert current.phase > Phase.RATE


def test_who_says_at_once_to_be_past_everything_keeps_nobody_from_executing_probes():
    current = round_of(node(3))
    effects = through_publish(current) + feed(current, *map(attestation, GENERATORS))
    effects += feed(current, *map(rating_commit, RATERS), *map(reveal, RATERS))
    probe = opening(0, 1, ProbeOpening(good=False, evidence=b"{}"))
    effects += feed(current, unmask(node(1), probe, opening(1, 1)), unmask(node(2)))
    assert current.phase is Phase.VERIFY
    (send,) = of(Send, current.on_probes_executed((ProbeFinding(probe.content, holds=True),)))
    assert send.body.probes


@pytest.mark.parametrize(
    ("phase", "shown"), [(Phase.GENERATE, PublishCandidates), (Phase.RATE, Send)], ids=["contents", "ratings"]
)
def test_when_time_is_up_nothing_is_shown_while_somebody_may_still_commit_to_it_elsewhere(phase, shown):
    current = round_of(node(1) if phase is Phase.GENERATE else node(3))
    if phase is Phase.GENERATE:
        current.start()
        slots = (opening(0, 1), opening(1, 1))
        (own,) = of(Send, current.on_candidates_ready(slots, (), bytes(80)))
        feed(current, say(node(1), own.kind, own.body))
    else:
        through_publish(current)
        (own,) = of(Send, current.on_ratings_ready((rating(opening(0, 1).content),)))
        feed(current, say(node(3), own.kind, own.body), rating_commit(node(4)))
    assert current.on_timer(phase) == [SetPhaseTimer(HEIGHT, phase, MINIMAL.times.lag_ms)]
    assert current.phase is phase
    assert of(shown, current.on_timer(phase))


def test_the_longer_members_go_by_their_clocks_alone_the_longer_they_wait_before_they_show_anything():
    """Whoever lets one phase after the other end by its time sets clocks apart, to be in time at the slowest."""
    times = MINIMAL.times
    together, apart = round_of(node(3)), round_of(node(3))
    through_publish(together)
    assert together.on_timer(Phase.RATE) == [SetPhaseTimer(HEIGHT, Phase.RATE, times.rate_ms // 4)]
    apart.start()
    feed(apart, commit(node(1)))
    alone_ms = times.generate_ms + times.lag_ms
    time_is_up(apart, Phase.GENERATE)
    alone_ms += times.publish_ms + alone_ms // 4 + times.rate_ms
    apart.on_timer(Phase.PUBLISH)
    assert apart.on_timer(Phase.RATE) == [SetPhaseTimer(HEIGHT, Phase.RATE, alone_ms // 4)]


def test_who_commits_when_time_is_up_has_seen_nothing_yet_and_is_waited_for_no_longer():
    current = round_of(node(2))
    through_publish(current)
    feed(current, rating_commit(node(3)), rating_commit(node(4)))
    current.on_timer(Phase.RATE)
    feed(current, rating_commit(node(5)))
    assert current.phase is Phase.REVEAL


def test_a_rating_that_is_ready_too_late_is_not_committed_to():
    current = round_of(node(3))
    through_publish(current)
    time_is_up(current, Phase.RATE)
    assert current.on_ratings_ready((rating(opening(0, 1).content),)) == []


def rushed_through(me: NodeId, own: Signed) -> Round:
    """A member that comes back in the middle of a round: its own commitment is stored, others are past verifying."""
    current = round_of(me)
    current.start()
    others = [member for member in EVERYBODY if member != me]
    feed(current, own, *map(attestation, others))
    assert current.phase is Phase.ATTEST
    return current


def test_a_restarted_generator_opens_its_slots_when_it_has_them_again_and_nothing_before():
    current = round_of(node(1))
    effects = current.start()
    effects += feed(current, commit(node(1)), *map(attestation, EVERYBODY[1:]))
    assert current.phase is Phase.ATTEST
    assert not [effect for effect in effects if isinstance(effect, Send) and effect.kind is Kind.GENERATOR_REVEAL]
    slots = (opening(0, 1), opening(1, 1))
    told = [item.body for item in current.on_candidates_ready(slots, (), bytes(80)) if isinstance(item, Send)]
    assert told[-1] == GeneratorReveal(HEIGHT, bytes(80), slots, ())


def test_a_restarted_rater_keeps_its_promise_when_it_has_its_ratings_again():
    current = rushed_through(node(3), rating_commit(node(3)))
    ratings = (rating(Hash(bytes(32))),)
    assert current.on_ratings_ready(ratings) == [Send(Kind.RATING_REVEAL, RatingReveal(HEIGHT, bytes(32), ratings))]


def test_a_rater_that_is_late_and_never_committed_says_nothing():
    current = round_of(node(3))
    current.start()
    feed(current, *(attestation(member) for member in EVERYBODY if member != node(3)))
    assert current.on_ratings_ready((rating(Hash(bytes(32))),)) == []
