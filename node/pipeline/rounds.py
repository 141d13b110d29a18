"""The rounds a member works on at once: which are due, and what reaches them."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass

from consensus import round as rd
from consensus import vrf
from consensus.openings import probe_alpha, slot_rule
from consensus.params import Preset
from consensus.types import (
    AttestedMessage,
    ChainState,
    GeneratorReveal,
    Hash,
    Kind,
    NodeId,
    ProbeFinding,
    Rating,
    RoundPlan,
    Shortfall,
    SlotOpening,
)
from node.pipeline.effects import Effect, FillSlots, Message
from node.pipeline.message_book import MessageBook


@dataclass(frozen=True, slots=True)
class Secrets:
    """What only this member can compute, handed in as pure functions of their argument."""

    prove: Callable[[bytes], bytes]
    """Its ECVRF proof."""
    round_salt: Callable[[int], bytes]
    """Its 32-byte salt for a round's rating commitment."""


class RoundsInWork:
    """A member's rounds between the first task and the last attestation. What they wish done gathers until taken.

    Args:
        preset: Its numbers.
        me: This member.
        secrets: See `Secrets`.
        book: What members have said of coming rounds; a round that begins is handed all of its own.
    """

    def __init__(self, preset: Preset, me: NodeId, secrets: Secrets, book: MessageBook) -> None:
        self._preset, self._me, self._secrets, self._book = preset, me, secrets, book
        self._rounds: dict[int, rd.Round] = {}
        self._closed: set[int] = set()
        self._absent: frozenset[NodeId] = frozenset()
        self._hold = 0
        self._out: list[Effect] = []

    def take(self) -> list[Effect]:
        """What is to be done, in order; forgotten here."""
        out, self._out = self._out, []
        return out

    # What happens to them

    def start_due(self, state: ChainState, news: tuple[AttestedMessage, ...]) -> None:
        """Tell all rounds the news to attest, and begin those planned ones whose turn has come."""
        for current in self._rounds.values():
            current.set_extras(news)
        for plan in state.plans:
            if plan.height in self._rounds or plan.height <= self._hold:
                continue
            if not self._is_due(plan, state, has_news=bool(news)):
                continue
            current = rd.Round(plan, self._me, self._preset.times, self._secrets.round_salt(plan.height))
            current.set_extras(news)
            self._rounds[plan.height] = current
            self._emit(current.start())
            self._emit(current.on_absent(self._absent))
            for message in list(self._book.at(plan.height).values()):
                self._emit(current.on_message(message))

    def on_message(self, height: int, message: Message) -> None:
        """A message of a round. One that has not begun finds it in the book later."""
        current = self._rounds.get(height)
        if current is not None:
            self._emit(current.on_message(message))

    def on_candidates_ready(
        self, height: int, slots: tuple[SlotOpening, ...], shortfalls: tuple[Shortfall, ...]
    ) -> None:
        """The answer to `FillSlots`."""
        current = self._rounds.get(height)
        if current is not None:
            proof = self._secrets.prove(probe_alpha(current.plan.seed, height))
            self._emit(current.on_candidates_ready(slots, shortfalls, proof))

    def on_candidate_held(self, height: int, task: int, content: Hash, tag: Hash) -> None:
        """A candidate's content, announced under a pseudonym and with a ticket of this tag, is on this machine."""
        current = self._rounds.get(height)
        if current is not None:
            self._emit(current.on_candidate_held(task, content, tag))

    def on_ratings_ready(self, height: int, ratings: tuple[Rating, ...]) -> None:
        """The answer to `RateCandidates`."""
        current = self._rounds.get(height)
        if current is not None:
            self._emit(current.on_ratings_ready(ratings))

    def on_probes_executed(self, height: int, findings: tuple[ProbeFinding, ...]) -> None:
        """The answer to `ExecuteProbes`."""
        current = self._rounds.get(height)
        if current is not None:
            self._emit(current.on_probes_executed(findings))

    def on_timer(self, height: int, phase: rd.Phase) -> None:
        """The time of a `SetPhaseTimer` is up."""
        current = self._rounds.get(height)
        if current is not None:
            self._emit(current.on_timer(phase))

    def on_absent(self, nodes: Collection[NodeId]) -> None:
        """These members have been unreachable for longer than `absent_ms` (R12)."""
        self._absent = frozenset(nodes)
        for current in list(self._rounds.values()):
            self._emit(current.on_absent(self._absent))

    def hold(self, height: int) -> None:
        """Begin no round up to this height."""
        self._hold = height

    def forget(self, height: int) -> None:
        """The round is decided."""
        self._rounds.pop(height, None)
        self._closed.discard(height)

    # Questions

    def get(self, height: int) -> rd.Round | None:
        """A round in work."""
        return self._rounds.get(height)

    def is_closed(self, height: int) -> bool:
        """Whether enough weight has attested it, or the time for that is up: agreement may begin."""
        return height in self._closed

    def waiting(self) -> tuple[tuple[int, rd.Waiting], ...]:
        """What each waits for, by height."""
        return tuple((height, self._rounds[height].waiting) for height in sorted(self._rounds))

    def _is_due(self, plan: RoundPlan, state: ChainState, *, has_news: bool) -> bool:
        """The next round runs if there is anything to do; a later one with tasks, once the one before is attested."""
        if plan.height == state.height + 1:
            kept = self._book.at(plan.height).values()
            return (
                has_news
                or any(coming.tasks for coming in state.plans)
                or any(message.kind is Kind.ATTESTATION for message in kept)
            )
        before = self._rounds.get(plan.height - 1)
        return bool(plan.tasks) and before is not None and before.phase >= rd.Phase.ATTEST

    def _emit(self, effects: Iterable[rd.Effect]) -> None:
        for effect in effects:
            if isinstance(effect, rd.RoundClosed):
                self._closed.add(effect.height)
            elif isinstance(effect, rd.Generate):
                self._out.append(self._fill_slots(effect))
            else:
                self._out.append(effect)

    def _fill_slots(self, order: rd.Generate) -> FillSlots:
        plan = self._rounds[order.height].plan
        output = vrf.proof_to_hash(self._secrets.prove(probe_alpha(plan.seed, plan.height)))
        rules = tuple(
            (task.index, slot, slot_rule(output, task.index, slot, plan))
            for task in order.tasks
            for slot in range(task.slots)
        )
        return FillSlots(plan, order.tasks, rules)


def told_shortfalls(messages: Iterable[Message]) -> tuple[tuple[int, str], ...]:
    """The slots that generators say they could not fill: task and reason, each once."""
    reveals = [message.body for message in messages]
    told = {
        (item.task, item.reason) for body in reveals if isinstance(body, GeneratorReveal) for item in body.shortfalls
    }
    return tuple(sorted(told))
