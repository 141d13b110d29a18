"""How a simulated member has again what the network lost: it asks a peer, as `driver.sync` does."""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial

from consensus.types import Hash
from node.pipeline.effects import Decided
from node.simulate.surroundings import Answer, Peer

SYNC_MS = 2_000
ASK_PAUSE_MS = 200
ROUNDS_AT_ONCE = 4


class CatchingUp:
    """One member's questions to its peers, and its answers to theirs.

    Args:
        member: Whose they are.
    """

    def __init__(self, member: Peer) -> None:
        self._member = member
        self._wanted: set[Hash] = set()
        """Messages that the pipeline knows of and nobody has sent."""

    def begin(self) -> None:
        """Ask somebody now and then, from some moment on."""
        self._member.later(self._member.chance.randrange(SYNC_MS), self._sync)

    def want(self, digests: Iterable[Hash]) -> None:
        """Ask for these before long."""
        if not self._wanted:
            self.ask_soon()
        self._wanted.update(digests)

    def ask_soon(self) -> None:
        """Ask somebody what there is."""
        self._member.later(ASK_PAUSE_MS, self._ask)

    def has(self, digest: Hash) -> None:
        """This one has come."""
        self._wanted.discard(digest)

    def forget(self) -> None:
        """Nothing of the round before is wanted any more."""
        self._wanted.clear()

    def _sync(self) -> None:
        self._ask()
        self._member.later(SYNC_MS, self._sync)

    def _ask(self) -> None:
        me, members = self._member, self._member.swarm.members
        peer = members[me.chance.randrange(len(members))]
        if peer is me:
            return
        height, wanted = me.pipeline.state.height, frozenset(self._wanted)
        me.swarm.network.carry(me.index, peer.index, lambda: peer.catching_up.on_asked(me, height, wanted))

    def on_asked(self, asker: Peer, height: int, wanted: frozenset[Hash]) -> None:
        """Give what the asker lacks; it is told by looking, where a real node is sent a list of what it has."""
        me = self._member
        if not me.up:
            return
        answer = self._answer(asker, height, wanted)
        if answer.messages or answer.held or answer.rounds:
            me.swarm.network.carry(me.index, asker.index, lambda: asker.catching_up.on_answer(me, answer))

    def _answer(self, asker: Peer, height: int, wanted: frozenset[Hash]) -> Answer:
        me = self._member
        has = asker.disk.messages
        digests = [digest for digest in wanted if digest in me.disk.messages]
        plans = me.pipeline.state.plans
        for plan in plans:
            digests += [digest for digest in me.pipeline.messages(plan.height) if digest not in has]
        digests += [digest for digest in me.pipeline.news() if digest not in has]
        rounds = []
        for ahead in range(height + 1, min(me.pipeline.state.height, height + ROUNDS_AT_ONCE) + 1):
            decided = me.disk.rounds.get(ahead)
            if decided is not None:
                digests += [digest for digest in decided.messages if digest not in has]
                rounds.append((ahead, decided.attestations, self._certificate_of(decided)))
        held = [
            (plan.height, task, content, tag)
            for plan in plans
            for (task, tag), content in sorted(me.disk.held.get(plan.height, {}).items())
            if (task, tag) not in asker.disk.held.get(plan.height, {})
        ]
        known = [digest for digest in dict.fromkeys(digests) if digest in me.disk.messages]
        return Answer(tuple(known), tuple(held), tuple(rounds))

    def _certificate_of(self, decided: Decided) -> Hash:
        me = self._member
        message, envelope = me.sign(decided.certificate)
        me.store(message, envelope)
        return message.digest

    def on_answer(self, giver: Peer, answer: Answer) -> None:
        """Take in what another gave."""
        me = self._member
        if not me.up:
            return
        for digest in answer.messages:
            me.receive(giver.disk.messages[digest], giver.disk.envelopes[digest])
        for height, task, content, tag in answer.held:
            me.hold(height, task, content, tag)
        for height, attestations, certificate in answer.rounds:
            if height == me.pipeline.state.height + 1:
                message = giver.disk.messages[certificate]
                me.store(message, giver.disk.envelopes[certificate])
                me.put(partial(me.take, message))
                me.put(partial(me.pipeline.on_attestations_known, height, attestations))
