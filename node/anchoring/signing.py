"""Signing what is anchored, once, and gathering what the others signed.

A vote is on disk before anybody sees it, under a name that is the epoch's or the shard's: two different ones for one
name are what the registry takes a stake for, so a second one is never made, whatever this node may have come to think
in between. Others ask for it by name and get what is stored, or that there is none yet: a question makes nobody sign.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping

from consensus.types import Hash, NodeId
from node.chain.account import EvmKey
from node.chain.votes import SIGNATURE_BYTES, Account, recover
from node.errors import NodeError, OperatorError, PeerFaultError, TransientError
from node.network.interface import Network
from node.store import Store

log = logging.getLogger(__name__)

PROTOCOL = "anchor/1"
NAME_BYTES_MAX = 200
ASKED_AT_ONCE = 8
TIMEOUT_S = 5.0
ASK_AGAIN_MAX_S = 60.0
"""Members that have not signed are asked again after 2 s, doubled up to this."""
SUBJECTS_MAX = 64


class Signatory:
    """This node's votes for one deployment.

    Args:
        store: Keeps them.
        key: Signs them; None where this node only watches.
        deployment: Its name: votes for another one are other votes.
    """

    def __init__(self, store: Store, key: EvmKey | None, deployment: str) -> None:
        self._store, self._key, self._deployment = store, key, deployment

    async def sign(self, name: str, digest: bytes) -> bytes | None:
        """This node's signature for a subject; None where it has no account.

        Raises:
            OperatorError: It has signed something else for this subject before.
        """
        if self._key is None:
            return None
        slot = self._slot(name)
        stored = await self._store.signing.claim_slot(slot, Hash(digest), self._key.sign(digest))
        signed = await self._store.signing.signed(slot)
        if signed is None or signed[0] != digest:
            raise OperatorError(
                f"this node has signed another vote for {name} and will not sign a second one",
                hint="Its ledger is not what it was: run `swarm-node reputation verify --chain`, compare with others.",
            )
        return stored

    async def given(self, name: str) -> bytes | None:
        """What this node signed for a subject before, if anything."""
        signed = await self._store.signing.signed(self._slot(name))
        return None if signed is None else signed[1]

    def _slot(self, name: str) -> str:
        return f"evm/{self._deployment}/{name}"


class Collector:
    """Gathers signatures from the members of a signer set, over the network that is there anyway."""

    def __init__(self, network: Network, signatory: Signatory, deployment: str) -> None:
        self._network, self._signatory, self._deployment = network, signatory, deployment
        self._found: dict[bytes, dict[Account, bytes]] = {}
        self._asked: dict[bytes, tuple[float, float]] = {}
        """By digest: when to ask again, and how long to wait after that."""
        self._places = asyncio.Semaphore(ASKED_AT_ONCE)

    def attach(self) -> None:
        """Answer others. Called once, before the network starts."""
        self._network.serve(PROTOCOL, self._answer)

    async def collect(
        self,
        name: str,
        digest: bytes,
        members: Mapping[NodeId, Account],
        own: tuple[Account, bytes] | None,
        now_s: float,
    ) -> Mapping[Account, bytes]:
        """Ask everybody who has not signed yet, if it is time to; returns all good signatures so far, by account.

        Args:
            name: Of the subject.
            digest: What has to be signed.
            members: Who may, each with the account that has to have signed.
            own: This node's account and signature.
            now_s: The time.
        """
        found = self._found.setdefault(digest, {})
        while len(self._found) > SUBJECTS_MAX:
            oldest = next(iter(self._found))
            del self._found[oldest]
            self._asked.pop(oldest, None)
        if own is not None:
            found[own[0]] = own[1]
        due_s, pause_s = self._asked.get(digest, (now_s, 2.0))
        if now_s < due_s:
            return found
        self._asked[digest] = (now_s + pause_s, min(2 * pause_s, ASK_AGAIN_MAX_S))
        missing = [(node, account) for node, account in members.items() if account not in found]
        answers = await asyncio.gather(*(self._ask(node, account, name, digest) for node, account in missing))
        found.update({account: answer for (_, account), answer in zip(missing, answers, strict=True) if answer})
        return found

    async def _ask(self, node: NodeId, account: Account, name: str, digest: bytes) -> bytes | None:
        question = f"{self._deployment}\n{name}".encode()
        try:
            async with self._places:
                answer = await self._network.request(node, PROTOCOL, question, timeout_s=TIMEOUT_S)
        except NodeError as error:
            log.debug("no signature of %s for %s: %s", node.hex()[:8], name, error)
            return None
        if len(answer) != SIGNATURE_BYTES or recover(digest, answer) != account:
            # Its ledger differs from ours, its account does, or it is hostile: it counts for nothing either way.
            log.warning("%s gave no signature of %s for our %s", node.hex()[:8], account.hex(), name)
            return None
        return answer

    async def _answer(self, _peer: NodeId, question: bytes) -> bytes:
        if len(question) > NAME_BYTES_MAX:
            raise PeerFaultError("bad-anchor-question", f"{len(question)} bytes, at most {NAME_BYTES_MAX}")
        try:
            deployment, _, name = question.decode("ascii").partition("\n")
        except UnicodeDecodeError as error:
            raise PeerFaultError("bad-anchor-question", "not ASCII") from error
        signature = await self._signatory.given(name) if name and deployment == self._deployment else None
        if signature is None:
            raise TransientError(f"nothing signed for {name[:40]!r}", waits_for="its vote")
        return signature
