"""One round at one member: phase after phase, from generating to attesting (R12 to R15, R19).

Decides when a phase is over, what this member sends, and what of the others' messages came in time. Leaves to others:
signatures and slots (`node.wire` checks them), the work itself (generating, fetching, executing, rating), and what
follows from the messages (`consensus.outcome`).

    GENERATE -> PUBLISH -> RATE -> REVEAL -> UNMASK -> VERIFY -> ATTEST -> CLOSED

A phase ends when everything it waits for is there, when its time is up, or when more than two thirds of the committee's
weight have shown to be past it; `reveal_ms` after more than one third has. Observers are waited for `observe_ms` beyond
the last rater, no longer. Where the time for commitments is up, nothing is shown before `lag_ms` more. A message counts
as "in time" if it came before the time of the phase that waits for its kind was up here; an early one always does.
Members that have no part in a phase pass through it at once.
"""

from __future__ import annotations

from collections.abc import Collection

from consensus.commitments import ratings_digest, slots_root
from consensus.inbox import WAITED_FOR_IN, Inbox
from consensus.narrowing import narrow
from consensus.openings import claim_order, fault_of
from consensus.pace import Pace
from consensus.params import PhaseTimes
from consensus.phases import (
    Effect,
    ExecuteProbes,
    Generate,
    Phase,
    PublishCandidates,
    RateCandidates,
    RoundClosed,
    Send,
    SetPhaseTimer,
    Waiting,
)
from consensus.types import (
    Attestation,
    AttestedMessage,
    CandidateCommit,
    GeneratorReveal,
    Hash,
    Kind,
    NodeId,
    ProbeFinding,
    Rating,
    RatingCommit,
    RatingReveal,
    RoundPlan,
    Shortfall,
    Signed,
    SlotCount,
    SlotOpening,
)

__all__ = [
    "Effect",
    "ExecuteProbes",
    "Generate",
    "Phase",
    "PublishCandidates",
    "RateCandidates",
    "Round",
    "RoundClosed",
    "Send",
    "SetPhaseTimer",
    "Waiting",
]

_COMMITTED_IN = {Phase.GENERATE, Phase.RATE}
"""The phases after which what was committed to is shown."""


class Round:
    """One member's way through one round. No clock, no chance, no network.

    Args:
        plan: The round as fixed before it started.
        me: This member.
        times: The preset's phase times.
        salt: Secret of this member for this round, 32 bytes; hides its rating vector until the reveal.
    """

    def __init__(self, plan: RoundPlan, me: NodeId, times: PhaseTimes, salt: bytes) -> None:
        self.plan = plan
        self.height = plan.height
        self.phase = Phase.GENERATE
        self.started = False
        self._me = me
        self._times = times
        self._salt = salt
        self._weights = {seat.node: seat.weight for seat in plan.committee}
        self._total = sum(self._weights.values())
        self._generators = {node for task in plan.tasks for node in task.generators}
        seated = {node for task in plan.tasks for node in task.raters}
        self._observers = {node for task in plan.tasks for node in task.observers} - seated
        self._raters = seated | self._observers
        self._mine = tuple(task for task in plan.tasks if me in task.generators)
        self._rated_by_me = {task.index for task in plan.tasks if me in task.raters or me in task.observers}
        self._inbox = Inbox(self._weights)
        self._absent: frozenset[NodeId] = frozenset()
        self._held: dict[int, dict[Hash, Hash]] = {index: {} for index in self._rated_by_me}
        """By task: the content that is held for each ticket."""
        self._slots: tuple[SlotOpening, ...] = ()
        self._shortfalls: tuple[Shortfall, ...] = ()
        self._vrf_proof = b""
        self._ratings: tuple[Rating, ...] | None = None
        self._findings: tuple[ProbeFinding, ...] | None = None
        self._extras: tuple[AttestedMessage, ...] = ()
        self._waits_for_observers = False
        self._pace = Pace(times)

    # Inputs

    def start(self) -> list[Effect]:
        """Begin the round. Messages may have arrived before."""
        assert not self.started, "a round starts once"
        self.started = True
        effects: list[Effect] = []
        if self._mine:
            effects.append(Generate(self.height, self._mine))
        effects.append(self._limit(self._times.generate_ms))
        return effects + self._advance()

    def on_candidates_ready(
        self, slots: tuple[SlotOpening, ...], shortfalls: tuple[Shortfall, ...], vrf_proof: bytes
    ) -> list[Effect]:
        """This member's generation is done: commit to it, even if the phase is over (others judge what is late)."""
        if self._slots or self._vrf_proof:
            return []  # A restarted node's work may be reported twice; the commitment is made once.
        self._slots = tuple(sorted(slots, key=lambda opening: (opening.task, opening.slot)))
        self._shortfalls = shortfalls
        self._vrf_proof = vrf_proof
        commit = CandidateCommit(
            self.height, slots_root(self._me, self.height, self._slots), _count_per_task(self._slots)
        )
        effects: list[Effect] = [Send(Kind.CANDIDATE_COMMIT, commit)]
        if self.phase > Phase.GENERATE:
            effects.append(PublishCandidates(self.height))
        if self.phase >= Phase.UNMASK:
            effects += self._unmask()  # Restarted: the round caught up with the others before the work came back.
        return effects

    def on_message(self, signed: Signed[object]) -> list[Effect]:
        """Take one message of this round whose signature and form have been checked.

        The first one per kind and sender counts; the caller watches for second ones (R2). Senders without a part in
        this round are ignored.
        """
        if not self._may_send(signed):
            return []
        waits = WAITED_FOR_IN[signed.kind]
        in_time = self.phase < waits or (self.phase is waits and not self._pace.settles)
        if not self._inbox.take(signed, in_time=in_time):
            return []
        return self._advance()

    def on_candidate_held(self, task: int, content: Hash, tag: Hash) -> list[Effect]:
        """A candidate announced for a task is on this machine.

        Args:
            task: Its number in the plan.
            content: Its name.
            tag: Of its ticket, which the caller has checked (`tickets`). The first content of a tag counts, so nobody
                takes more places than its own, and none of another's.
        """
        held = self._held.get(task)
        if held is None or self.phase > Phase.PUBLISH:
            return []
        spec = self.plan.tasks[task]
        if len(held) < len(spec.generators) * spec.slots:
            held.setdefault(tag, content)
        return self._advance()

    def on_ratings_ready(self, ratings: tuple[Rating, ...]) -> list[Effect]:
        """This member has rated what it was asked to: commit to the vector."""
        if self._ratings is not None:
            return []
        self._ratings = tuple(sorted(ratings, key=lambda rating: (rating.task, rating.content)))
        if self.phase > Phase.RATE:
            # Too late to commit: a commitment after a reveal would be worth nothing. But one that was made before a
            # restart is kept, or an honest member would pay for the crash as for a broken promise.
            return self._reveal()
        digest = ratings_digest(self._me, self.height, self._salt, self._ratings)
        return [Send(Kind.RATING_COMMIT, RatingCommit(self.height, digest))]

    def on_probes_executed(self, findings: tuple[ProbeFinding, ...]) -> list[Effect]:
        """This member has executed the revealed probes' evidence."""
        if self._findings is not None:
            return []
        self._findings = tuple(sorted(findings, key=lambda finding: finding.content))
        return self._advance()

    def on_timer(self, phase: Phase) -> list[Effect]:
        """A phase's time is up. Attesting has no end of its own: without two thirds there is no round."""
        if phase != self.phase or not self.started:
            return []
        if phase is Phase.ATTEST:
            if self._attested_enough():
                return self._enter(Phase.CLOSED)
            return [self._limit(self._times.attest_ms)]
        self._pace.time_is_up()
        if self._must_settle():
            self._pace.settles = True
            return [self._limit(self._pace.lag_ms)]
        return self._enter(Phase(phase + 1)) + self._advance(by_time=True)

    def on_absent(self, nodes: Collection[NodeId]) -> list[Effect]:
        """These members have been unreachable for longer than the preset's `absent_ms`: do not wait for them."""
        self._absent = frozenset(nodes)
        return self._advance() if self.started else []

    def set_extras(self, extras: tuple[AttestedMessage, ...]) -> None:
        """What to attest besides the round's own messages: jobs, cancellations, expiries, evidence."""
        self._extras = extras

    # Questions

    @property
    def waiting(self) -> Waiting:
        """What the round waits for right now."""
        kinds = {wait: kind for kind, wait in WAITED_FOR_IN.items()}
        kind = kinds.get(self.phase)
        if kind is None:
            return Waiting(self.phase, 0, 0, ())
        expected = self._expected(kind)
        have = set(self._inbox.of(kind)) & expected
        return Waiting(self.phase, len(have), len(expected), tuple(sorted(expected - have)))

    def messages(self, kind: Kind) -> dict[NodeId, Signed[object]]:
        """The first message of each sender, in time or not."""
        return dict(self._inbox.of(kind))

    # Phases

    def _may_send(self, signed: Signed[object]) -> bool:
        if signed.kind not in WAITED_FOR_IN or getattr(signed.body, "height", None) != self.height:
            return False
        return signed.sender in self._part_of(signed.kind)

    def _part_of(self, kind: Kind) -> Collection[NodeId]:
        if kind in {Kind.CANDIDATE_COMMIT, Kind.GENERATOR_REVEAL}:
            return self._generators
        if kind in {Kind.RATING_COMMIT, Kind.RATING_REVEAL}:
            return self._raters
        return self._weights

    def _expected(self, kind: Kind) -> set[NodeId]:
        """From whom this phase expects a message. Who has committed nothing has nothing to open."""
        if kind is Kind.RATING_REVEAL:
            return set(self._inbox.of(Kind.RATING_COMMIT))
        if kind is Kind.GENERATOR_REVEAL:
            return set(self._inbox.of(Kind.CANDIDATE_COMMIT))
        return set(self._part_of(kind))

    def _complete(self) -> bool:
        if self.phase is Phase.PUBLISH:
            return self._all_candidates_held()
        if self.phase is Phase.VERIFY:
            return self._findings is not None or not self._probes_opened()
        if self.phase is Phase.ATTEST and not self._attested_enough():
            return False
        for kind, phase in WAITED_FOR_IN.items():
            if phase is self.phase:
                return self._expected(kind) - self._absent <= self._inbox.of(kind).keys()
        return False

    def _all_candidates_held(self) -> bool:
        committed: dict[int, int] = {}
        for signed in self._inbox.of(Kind.CANDIDATE_COMMIT).values():
            assert isinstance(signed.body, CandidateCommit)
            for item in signed.body.counts:
                given = self._slots_of(signed.sender, item.task)  # of more than it was given nothing will come
                committed[item.task] = committed.get(item.task, 0) + min(item.count, given)
        return all(len(held) >= committed.get(task, 0) for task, held in self._held.items())

    def _slots_of(self, generator: NodeId, task: int) -> int:
        """How many slots of a task a generator was given."""
        if task >= len(self.plan.tasks) or generator not in self.plan.tasks[task].generators:
            return 0
        return self.plan.tasks[task].slots

    def _thirds_ahead(self) -> int:
        """More than how many thirds of the weight have left the phase that this member is in (R12), 0 to 2."""
        if self.phase >= Phase.ATTEST:
            return 0
        return self._inbox.thirds_past(self.phase)

    def _advance(self, *, by_time: bool = False) -> list[Effect]:
        """Leave all phases that are over; `by_time`: nothing has come, only a phase's time was up."""
        effects: list[Effect] = []
        while self.started and self.phase < Phase.CLOSED and (self._complete() or self._thirds_ahead() == 2):
            if not by_time:
                self._pace.heard_of_others()
            effects += self._enter(Phase(self.phase + 1))
        return effects + self._bound_observers() + self._hurry()

    def _hurry(self) -> list[Effect]:
        """One honest member at least is past this phase, if no more than a third is not: the rest gets limited time.

        It gets some, because of a third only one may be honest: if all others went on at once, whoever says at once to
        be past everything would decide together with the quickest what was in time, and which probes were executed.
        """
        if not self.started or self._pace.hurries or not self._thirds_ahead():
            return []
        self._pace.hurries = True
        return [self._limit(self._times.reveal_ms)]

    def _limit(self, delay_ms: int) -> Effect:
        """Give the running phase so much time from now on."""
        self._pace.give(delay_ms)
        return SetPhaseTimer(self.height, self.phase, delay_ms)

    def _must_settle(self) -> bool:
        """Whether somebody may still commit elsewhere to what would be shown here (R12).

        Clocks differ, the more the longer members go by them alone. Whoever keeps its commitment back until the first
        member shows what it has would copy that, and be in time wherever the phase has not ended yet. Who lags that far
        that a third is past it shows nothing new.
        """
        if self.phase not in _COMMITTED_IN or self._pace.settles or self._pace.hurries:
            return False
        kind = Kind.CANDIDATE_COMMIT if self.phase is Phase.GENERATE else Kind.RATING_COMMIT
        return not self._expected(kind) - self._absent <= self._inbox.of(kind).keys()

    def _bound_observers(self) -> list[Effect]:
        """Once all raters have committed, the phase ends soon, with the observers that have by then."""
        if self.phase is not Phase.RATE or self._waits_for_observers or not self.started:
            return []
        waited_for = self._expected(Kind.RATING_COMMIT) - self._observers - self._absent
        if not waited_for <= self._inbox.of(Kind.RATING_COMMIT).keys():
            return []
        self._waits_for_observers = True
        self._pace.heard_of_others()
        return [self._limit(self._times.observe_ms)]

    def _enter(self, phase: Phase) -> list[Effect]:
        self.phase = phase
        self._pace.next_phase()
        if phase is Phase.PUBLISH:
            own: list[Effect] = [PublishCandidates(self.height)] if self._slots else []
            # Where all have committed, all publish now. Where time was up here, it may not be elsewhere, and one member
            # that says nothing would make contents late whose generators' clocks are slower than their raters'.
            return [*own, self._limit(self._times.publish_ms + self._pace.lag_ms)]
        if phase is Phase.RATE:
            return self._enter_rate()
        if phase is Phase.REVEAL:
            return self._enter_reveal()
        if phase is Phase.UNMASK:
            return self._enter_unmask()
        if phase is Phase.VERIFY:
            probes = self._probes_opened()
            work: list[Effect] = [ExecuteProbes(self.height, probes)] if probes else []
            return [*work, self._limit(self._times.unmask_ms)]
        if phase is Phase.ATTEST:
            attest: list[Effect] = [Send(Kind.ATTESTATION, self._attestation())] if self._me in self._weights else []
            return [*attest, self._limit(self._times.attest_ms)]
        return [RoundClosed(self.height)]

    def _enter_rate(self) -> list[Effect]:
        timer = self._limit(self._times.rate_ms)
        if not self._rated_by_me:
            return [timer]
        announced = {(task, content) for task, held in self._held.items() for content in held.values()}
        carried = {(task, content) for task in self._held for content in self.plan.tasks[task].carried}
        candidates = tuple(sorted(announced | carried))
        return [RateCandidates(self.height, candidates), timer]

    def _enter_reveal(self) -> list[Effect]:
        # Others may come here later by what clocks differ, and by what `_hurry` leaves them.
        return [*self._reveal(), self._limit(2 * self._times.reveal_ms + self._pace.lag_ms)]

    def _reveal(self) -> list[Effect]:
        """This member's ratings, if it has committed to them."""
        commit = self._inbox.of(Kind.RATING_COMMIT).get(self._me)
        if commit is None or self._ratings is None:
            return []
        return [Send(Kind.RATING_REVEAL, RatingReveal(self.height, self._salt, self._ratings))]

    def _enter_unmask(self) -> list[Effect]:
        return [*self._unmask(), self._limit(2 * self._times.unmask_ms + self._pace.lag_ms)]

    def _unmask(self) -> list[Effect]:
        """This member's slots, if it has committed to them and has them: after a restart, work comes back late."""
        if self._me not in self._inbox.of(Kind.CANDIDATE_COMMIT) or not self._vrf_proof:
            return []
        return [
            Send(Kind.GENERATOR_REVEAL, GeneratorReveal(self.height, self._vrf_proof, self._slots, self._shortfalls))
        ]

    def _probes_opened(self) -> tuple[tuple[NodeId, SlotOpening], ...]:
        """What was opened as a probe, by whom it counts for.

        Only what its generator had committed to, and no more than it was given. Findings go by content: whoever could
        open another one's probe again, with evidence that does not hold, would have it called a false one; and
        whoever could open thousands, nobody would get round to the others'.
        """
        commits = self._inbox.of(Kind.CANDIDATE_COMMIT)
        reveals = self._inbox.of(Kind.GENERATOR_REVEAL)
        opened: dict[Hash, tuple[NodeId, SlotOpening]] = {}
        for sender in sorted(reveals.keys() & commits.keys(), key=lambda node: claim_order(self.plan.seed, node)):
            commit, reveal = commits[sender], narrow(reveals[sender], GeneratorReveal)
            if fault_of(self.plan, sender, narrow(commit, CandidateCommit).body, reveal) is not None:
                continue
            for opening in reveal.body.slots:
                if opening.probe is not None:
                    opened.setdefault(opening.content, (sender, opening))
        return tuple(sorted(opened.values(), key=lambda item: (item[0], item[1].task, item[1].slot)))

    def _attested_enough(self) -> bool:
        weight = sum(self._weights[node] for node in self._inbox.of(Kind.ATTESTATION))
        return weight * 3 > self._total * 2

    def _attestation(self) -> Attestation:
        listed = [*self._inbox.in_time(), *self._extras]
        messages = tuple(sorted(set(listed), key=lambda item: (item.kind, item.sender, item.digest)))
        return Attestation(self.height, messages, self._findings or ())


def _count_per_task(slots: tuple[SlotOpening, ...]) -> tuple[SlotCount, ...]:
    counts: dict[int, int] = {}
    for opening in slots:
        counts[opening.task] = counts.get(opening.task, 0) + 1
    return tuple(SlotCount(task, counts[task]) for task in sorted(counts))
