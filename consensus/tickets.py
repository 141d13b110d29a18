"""Who may announce a candidate without saying who: linkable ring signatures (R13).

Candidates are announced under one-time pseudonyms, which anybody can make. Were that all, one member with a thousand
pseudonyms could announce so much that nobody would get round to what the generators made. So a notice carries a
ticket: it shows that one of the task's generators gave it out, not which one, and that generator has one ticket for
each of its places, whatever it announces.

The construction is that of Liu, Wei and Wong (2004) over the group of `vrf`, with the members' own Ed25519 keys. Of the
ring P_0 .. P_n-1 and a place with base H, the one that knows x_i shows the tag I = x_i H and a chain of challenges

    c_k+1 = hash(ring, H, I, said, s_k B + c_k P_k, s_k H + c_k I)

that closes: every s_k but one can be picked freely, and that one takes x_i. The tag depends on the key and the place
alone, so two tickets of one generator for one place have the same; tags of different places, or keys, tell nothing
of each other.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

from nacl import bindings
from nacl.exceptions import RuntimeError as SodiumError

from consensus.encoding import DOMAIN, encode
from consensus.errors import RefusedError
from consensus.group import ORDER, is_group_member, point_of, secret_halves
from consensus.types import CandidateNotice, Hash, NodeId, RoundPlan

RING_MAX = 64
"""Generators of one task, at most."""
TICKET_BYTES_MIN = 96
TICKET_BYTES_MAX = 64 + 32 * RING_MAX
"""A tag, a challenge, and a response for everybody in the ring."""


@dataclass(frozen=True, slots=True)
class Booth:
    """Where tickets for one task's candidates are given out and checked."""

    seed: Hash
    height: int
    task: int
    generators: tuple[NodeId, ...]
    """Who has tickets, in the plan's order; at most `RING_MAX`."""
    places: int
    """Tickets that each of them has."""

    def give(self, secret_seed: bytes, notice: CandidateNotice, pseudonym: NodeId) -> CandidateNotice:
        """A generator's notice with the ticket for its place.

        Deterministic, so that a node that is started again says the same.

        Args:
            secret_seed: The generator's Ed25519 seed, 32 bytes.
            notice: What it announces, and for which of its places; what it has for a ticket is replaced.
            pseudonym: Who signs the notice.
        """
        scalar, prefix = secret_halves(secret_seed)
        ring = self._ring()
        own = ring.index(NodeId(bindings.crypto_scalarmult_ed25519_base_noclamp(scalar)))
        base = self._base(notice.place)
        tag = bindings.crypto_scalarmult_ed25519_noclamp(scalar, base)
        chain = _Chain(ring, base, tag, _said(notice, pseudonym))
        nonces = _nonces(prefix, chain.bound)
        nonce = next(nonces)
        responses = [next(nonces) for _ in ring]
        challenges = [b""] * len(ring)
        at = (own + 1) % len(ring)
        challenges[at] = chain.link(
            bindings.crypto_scalarmult_ed25519_base_noclamp(nonce),
            bindings.crypto_scalarmult_ed25519_noclamp(nonce, base),
        )
        while at != own:
            following = (at + 1) % len(ring)
            challenges[following] = chain.next(at, challenges[at], responses[at])
            at = following
        taken = bindings.crypto_core_ed25519_scalar_mul(challenges[own], scalar)
        responses[own] = bindings.crypto_core_ed25519_scalar_sub(nonce, taken)
        return replace(notice, ticket=tag + challenges[0] + b"".join(responses))

    def check(self, notice: CandidateNotice, pseudonym: NodeId) -> Hash:
        """The tag of a notice's ticket: who announces twice for one place shows the same one twice.

        Raises:
            RefusedError: It is no ticket of one of the task's generators for this notice and pseudonym.
        """
        ticket, ring = notice.ticket, self._ring()
        _refuse_unless((notice.height, notice.task) == (self.height, self.task), "it is for another task")
        _refuse_unless(0 <= notice.place < self.places, f"place {notice.place} of {self.places}")
        _refuse_unless(len(ticket) == 64 + 32 * len(ring), f"{len(ticket)} bytes for a ring of {len(ring)}")
        tag, first = ticket[:32], ticket[32:64]
        _refuse_unless(is_group_member(tag), "its tag is not a point of the group")
        responses = [ticket[start : start + 32] for start in range(64, len(ticket), 32)]
        reduced = all(int.from_bytes(scalar, "little") < ORDER for scalar in (first, *responses))
        _refuse_unless(reduced, "a scalar is not reduced")
        chain = _Chain(ring, self._base(notice.place), tag, _said(notice, pseudonym))
        challenge = first
        try:
            for at, response in enumerate(responses):
                challenge = chain.next(at, challenge, response)
        except SodiumError as error:
            # libsodium answers so for a scalar of zero: no ticket with one can be made without breaking the hash.
            raise RefusedError("bad-ticket", "not a ticket: a scalar is zero") from error
        _refuse_unless(challenge == first, "nobody of the task's generators gave it out for this")
        return tag_of(notice)

    def _ring(self) -> tuple[NodeId, ...]:
        """The generators that can have tickets: whose key is none of the group's could spoil everybody's."""
        return tuple(node for node in self.generators if _is_key(node))

    def _base(self, number: int) -> bytes:
        return _base(self.seed, self.height, self.task, number)


@lru_cache(maxsize=4096)  # the same members come up again and again
def _is_key(node: NodeId) -> bool:
    return is_group_member(node)


@lru_cache(maxsize=1024)  # one entry serves all generators' tickets for a place, each checked by everybody who rates
def _base(seed: Hash, height: int, task: int, number: int) -> bytes:
    return point_of(DOMAIN + b"ticket-base\0" + encode((seed, height, task, number)))


class _Chain:
    """The challenges of one ticket."""

    def __init__(self, ring: Sequence[NodeId], base: bytes, tag: bytes, said: bytes) -> None:
        self._ring, self._base, self._tag = ring, base, tag
        self.bound = DOMAIN + b"ticket\0" + encode((tuple(ring), base, tag, said))
        """Everything that is not chosen along the chain."""

    def link(self, left: bytes, right: bytes) -> bytes:
        """The challenge that follows from a pair of commitments, 32 bytes."""
        digest = hashlib.sha512(self.bound + left + right).digest()
        scalar: bytes = bindings.crypto_core_ed25519_scalar_reduce(digest)
        return scalar

    def next(self, at: int, challenge: bytes, response: bytes) -> bytes:
        """The challenge after that of the member at `at`."""
        return self.link(
            _sum(bindings.crypto_scalarmult_ed25519_base_noclamp(response), challenge, self._ring[at]),
            _sum(bindings.crypto_scalarmult_ed25519_noclamp(response, self._base), challenge, self._tag),
        )


def tag_of(notice: CandidateNotice) -> Hash:
    """The tag of a notice's ticket that is known to hold: one's own."""
    return Hash(notice.ticket[:32])


def booth_of(plan: RoundPlan, task: int) -> Booth:
    """Where the tickets of a planned task are checked."""
    spec = plan.tasks[task]
    return Booth(plan.seed, plan.height, task, spec.generators, spec.slots)


def _said(notice: CandidateNotice, pseudonym: NodeId) -> bytes:
    """What a ticket is good for: this content under this pseudonym, so that nobody can take it for another."""
    return encode((notice.place, notice.height, notice.task, notice.content, notice.size, pseudonym))


def _nonces(prefix: bytes, bound: bytes) -> Iterator[bytes]:
    """Scalars that only the key's owner can compute, another one each time.

    The text is longer than the 32 bytes that `vrf` derives its nonces from, and starts with a domain tag, so no two
    uses of a key share a nonce.
    """
    number = 0
    while True:
        text = prefix + bound + number.to_bytes(4, "big")
        scalar: bytes = bindings.crypto_core_ed25519_scalar_reduce(hashlib.sha512(text).digest())
        yield scalar
        number += 1


def _sum(point: bytes, challenge: bytes, base: bytes) -> bytes:
    """`point + challenge * base`."""
    total: bytes = bindings.crypto_core_ed25519_add(point, bindings.crypto_scalarmult_ed25519_noclamp(challenge, base))
    return total


def _refuse_unless(holds: bool, why: str) -> None:
    if not holds:
        raise RefusedError("bad-ticket", f"not a ticket: {why}")
