"""Members that do harm by when they speak: before their turn, or once they have seen what others show."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from consensus import round as rd
from consensus.commitments import ratings_digest
from consensus.draw import SlotContent
from consensus.inputs import attested_order
from consensus.types import (
    Attestation,
    AttestedMessage,
    Hash,
    Kind,
    Rating,
    RatingCommit,
    RatingReveal,
    RoundPlan,
    SlotOpening,
)
from node.identity import NodeKey
from node.pipeline.effects import FillSlots, Message
from node.simulate.members import SimulatedMember
from node.simulate.surroundings import Surroundings

GATHER_MS = 1_500
"""How long a latecomer waits for more of what it copies."""


class Rusher(SimulatedMember):
    """Attests as soon as it knows of a round, to nothing: it shows that it is past every phase, and others hurry."""

    kind = "rusher"

    def _set_phase_timer(self, effect: rd.SetPhaseTimer) -> None:
        super()._set_phase_timer(effect)
        if effect.phase is rd.Phase.GENERATE:
            self.say(Attestation(effect.height, (), ()))


class LateCopier(SimulatedMember):
    """Rates nothing: commits to what the first one to reveal has said, where time for commitments is not up yet."""

    kind = "late-copier"

    def __init__(self, swarm: Surroundings, index: int, key: NodeKey) -> None:
        super().__init__(swarm, index, key)
        self._asked: dict[int, rd.RateCandidates] = {}

    def _rate(self, effect: rd.RateCandidates) -> None:
        self._asked[effect.height] = effect

    def receive(self, message: Message, envelope: bytes) -> None:
        """Take it in, and say the same where it tells of what this member is to rate."""
        super().receive(message, envelope)
        body = message.body
        if not isinstance(body, RatingReveal) or body.height not in self._asked:
            return
        said = {(rating.task, rating.content): rating for rating in body.ratings}
        if message.sender not in self.swarm.friends and said.keys() & set(self._asked[body.height].candidates):
            self._copy(self._asked.pop(body.height), said)

    def _copy(self, asked: rd.RateCandidates, said: dict[tuple[int, Hash], Rating]) -> None:
        ratings = tuple(sorted((said.get(key) or self.rate(*key) for key in asked.candidates), key=_place))
        salt = self.key.derive_secret("rating-salt", asked.height.to_bytes(8, "big"))
        self.say(RatingCommit(asked.height, ratings_digest(self.node, asked.height, salt, ratings)))
        self.later(GATHER_MS, lambda: self.say(RatingReveal(asked.height, salt, ratings)))


def _place(rating: Rating) -> tuple[int, Hash]:
    return rating.task, rating.content


class Drifter(LateCopier):
    """A late copier that sets clocks apart first, and whose friends attest that its copies came in time.

    It commits to contents when generating is nearly over and gives them to nobody, so that phases end by their time.
    """

    kind = "drifter"

    def _fill(self, effect: FillSlots) -> None:
        height = effect.plan.height
        openings = tuple(self.make(effect.plan, *place) for place in effect.rules)
        delay_ms = int(0.93 * self.swarm.preset.times.generate_ms)
        self.later(delay_ms, lambda: self.put(lambda: self.pipeline.on_candidates_ready(height, openings, ())))

    def say(self, body: Any) -> None:
        """Say it; of an attestation, that friends' commitments came in time."""
        if isinstance(body, Attestation):
            said = self.disk.at(body.height)
            friends = [m for m in said if m.kind is Kind.RATING_COMMIT and m.sender in self.swarm.friends]
            false = {AttestedMessage(m.kind, m.sender, m.digest) for m in friends}
            body = replace(body, messages=tuple(sorted(false.union(body.messages), key=attested_order)))
        super().say(body)


class LateThief(SimulatedMember):
    """Makes nothing: commits to the contents of the first one to publish, where generating has not ended yet."""

    kind = "late-thief"

    def __init__(self, swarm: Surroundings, index: int, key: NodeKey) -> None:
        super().__init__(swarm, index, key)
        self._places: dict[int, FillSlots] = {}
        self._seen: dict[int, dict[int, list[Hash]]] = {}

    def _fill(self, effect: FillSlots) -> None:
        self._places[effect.plan.height] = effect

    def hold(self, height: int, task: int, content: Hash, tag: Hash) -> None:
        """A content has arrived: one to copy, if another made it."""
        super().hold(height, task, content, tag)
        places = self._places.get(height)
        if places is None or self.swarm.truth.planted[content].generator in self.swarm.friends:
            return
        if height not in self._seen and any(place == task for place, _, _ in places.rules):
            self._seen[height] = {}
            self.later(GATHER_MS, lambda: self._copy(self._places.pop(height)))
        if height in self._seen:
            self._seen[height].setdefault(task, []).append(content)

    def _copy(self, places: FillSlots) -> None:
        height = places.plan.height
        seen = self._seen.pop(height)
        openings = tuple(
            self._fill_with(seen.get(task, []), places.plan, task, slot, rule) for task, slot, rule in places.rules
        )
        self.disk.filled[height] = openings
        self.put(lambda: self.pipeline.on_candidates_ready(height, openings, ()))

    def _fill_with(self, seen: list[Hash], plan: RoundPlan, task: int, slot: int, rule: SlotContent) -> SlotOpening:
        """Another's content with all that belongs to it, or one of its own where it needs a probe or has none."""
        own = self.make(plan, task, slot, rule)
        if rule is not SlotContent.CANDIDATE or not seen:
            return own
        content = seen.pop()
        return SlotOpening(
            task=task,
            slot=slot,
            pseudonym=own.pseudonym,
            content=content,
            body=self.swarm.truth.bodies[content],
            claim=self.swarm.truth.bodies[content],
            salt=own.salt,
            probe=None,
        )
