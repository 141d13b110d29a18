"""Who waits to be examined: applications that no decided round has taken up, in bounded memory (R39).

Anybody may apply, and keys are free. So what is kept has a bound, and when it is reached a lot decides that all members
draw alike and that changes with every round: they go on attesting to the same applications, and a key made for one lot
is worth nothing in the next. While somebody floods an open swarm, an honest newcomer may well not get in, for no lot
tells honest strangers from others; members lose no more than the bound.
"""

from __future__ import annotations

import functools

from consensus.encoding import hash_value
from consensus.errors import RefusedError
from consensus.genesis import Genesis
from consensus.joining import last_of_epoch, refuse_owner
from consensus.params import Preset
from consensus.types import Application, AttestedMessage, ChainState, Hash, Kind, NodeId, Signed
from node.identity.names import peer_id

APPLICATIONS_MAX = 64
"""Slots kept, and so at most attested by one member in a round: eight for each place that MAINNET has."""

TAKEN_PER_EPOCH_MAX = 2048
"""Applications ever kept for one epoch: what is kept has been stored, and a flood is not to fill a disk."""

_Slot = tuple[NodeId, int]
"""Whose application, and the last round it is for."""


class Lobby:
    """Applications, one per node and epoch.

    Args:
        genesis: Says whose nodes may join.
        preset: The swarm's numbers.
    """

    def __init__(self, genesis: Genesis, preset: Preset) -> None:
        self._genesis, self._preset = genesis, preset
        self._kept: dict[_Slot, tuple[Signed[Application], ...]] = {}
        """One message per slot; two where a node said two things, and then neither is attested any more."""
        self._needed: dict[Hash, Signed[Application]] = {}
        self._taken: dict[int, int] = {}
        """By epoch, how many applications for it have been kept so far."""

    def check(self, message: Signed[Application], state: ChainState) -> None:
        """Refuse what would not be kept. Only lies about the form of an application are a fault.

        Raises:
            RefusedError: Its owner's nodes may not join (`not-admitted`), its round is no epoch's last (`bad-epoch`),
                it is for no round that is planned (`other-epoch`), its sender is a member or examined already
                (`is-member`), it says the same as one that is kept, or a third thing (`is-known`), or there is no
                room for it by lot or in its epoch (`lobby-full`).
        """
        body, slot = message.body, _slot(message)
        refused = refuse_owner(body.owner, self._genesis, self._preset)
        if refused is not None:
            raise RefusedError("not-admitted", refused, fault=False)
        if body.until % self._preset.epoch_rounds:
            raise RefusedError("bad-epoch", f"round {body.until} is no epoch's last")
        if body.until not in {last_of_epoch(plan.height, self._preset) for plan in state.plans}:
            raise RefusedError("other-epoch", f"it is for the epoch that ends with round {body.until}", fault=False)
        if _is_member(message.sender, state):
            raise RefusedError("is-member", "it is a member, or examined, already", fault=False)
        kept = self._kept.get(slot, ())
        if message in kept or len(kept) > 1:
            raise RefusedError("is-known", "what it says is known", fault=False)
        full = (
            not kept
            and len(self._kept) >= APPLICATIONS_MAX
            and _lot(state.seed, slot[0]) >= _lot(state.seed, self._last(state)[0])
        )
        if full or self._taken.get(body.until, 0) >= TAKEN_PER_EPOCH_MAX:
            raise RefusedError("lobby-full", f"{len(self._kept)} applications wait, by lot before it", fault=False)

    def add(self, message: Signed[Application], state: ChainState) -> None:
        """Keep an application; where there is no room, the last by lot goes.

        Raises:
            RefusedError: As `check`.
        """
        self.check(message, state)
        slot = _slot(message)
        if slot not in self._kept and len(self._kept) >= APPLICATIONS_MAX:
            del self._kept[self._last(state)]
        self._kept[slot] = (*self._kept.get(slot, ()), message)
        self._taken[slot[1]] = self._taken.get(slot[1], 0) + 1

    def need(self, message: Signed[Application]) -> None:
        """Keep an application until the next decision: the round's attestations name it, whatever is thought of it."""
        self._needed[message.digest] = message

    def get(self, digest: Hash) -> Signed[Application] | None:
        """An application by its message's digest."""
        kept = (message for messages in self._kept.values() for message in messages if message.digest == digest)
        return self._needed.get(digest) or next(kept, None)

    def digests(self) -> tuple[Hash, ...]:
        """Of every application that waits here."""
        return tuple(message.digest for messages in self._kept.values() for message in messages)

    def attested(self, state: ChainState) -> list[AttestedMessage]:
        """The applications that could be taken up next; none while no place is free, or rounds would run in vain."""
        if not self._kept:
            return []
        known = {member.node for member in state.members}
        examined = {member.owner for member in state.members if member.examined_from}
        if sum(member.examined_from > 0 for member in state.members) >= self._preset.reputation.applicants_max:
            return []
        until = last_of_epoch(state.height + 1, self._preset)
        return [
            AttestedMessage(Kind.APPLICATION, messages[0].sender, messages[0].digest)
            for slot, messages in self._kept.items()
            if slot[1] == until
            and len(messages) == 1
            and slot[0] not in known
            and _owner_name(messages[0].body.owner) not in examined
        ]

    def forget(self, state: ChainState) -> None:
        """Drop what no coming round can take up."""
        self._needed.clear()
        known = {member.node for member in state.members}
        self._kept = {
            slot: messages for slot, messages in self._kept.items() if slot[0] not in known and slot[1] > state.height
        }
        self._taken = {until: count for until, count in self._taken.items() if until > state.height}

    def _last(self, state: ChainState) -> _Slot:
        return max(self._kept, key=lambda slot: _lot(state.seed, slot[0]))


def _slot(message: Signed[Application]) -> _Slot:
    return message.sender, message.body.until


@functools.lru_cache(maxsize=4 * APPLICATIONS_MAX)
def _lot(seed: Hash, node: NodeId) -> Hash:
    # Those that are kept are compared with each one that comes: a flood costs lookups and no hashes.
    return hash_value("lobby", (seed, node))


@functools.lru_cache(maxsize=4 * APPLICATIONS_MAX)
def _owner_name(owner: NodeId) -> str:
    # Asked for with every message that comes while somebody waits.
    return peer_id(owner)


def _is_member(node: NodeId, state: ChainState) -> bool:
    return any(member.node == node for member in state.members)
