"""Anchoring beside a node: epochs in order, shards as they are certified, by whoever's turn it is.

Nobody waits for it. While the endpoint is away the node works on and everything stays wanted; begun late, it starts
with the first epoch the contract does not have. Every step can be repeated: what is done follows from the ledger, the
chain and the outbox, never from what this process remembers.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
import time
from collections.abc import Callable, Mapping

from node.anchoring.facts import LedgerFacts
from node.anchoring.reconcile import (
    Difference,
    DifferenceKind,
    compare_epochs,
    compare_shards,
    epoch_name,
    repair_outbox,
    shard_name,
)
from node.anchoring.signers import Signers, SignerSchedule
from node.anchoring.signing import Collector, Signatory
from node.chain.account import EvmKey
from node.chain.contracts import ANCHOR, SHARDS, contract_call
from node.chain.gate import Gate
from node.chain.sender import Sender
from node.chain.votes import Account, EpochVote, ShardStatus, ShardVote
from node.errors import OperatorError, TransientError
from node.store import Store
from node.values.outbox import Call, EntryState
from node.values.views import ComponentView

log = logging.getLogger(__name__)

COMPONENT = "chain"
TICK_S, IDLE_S = 2.0, 15.0
"""Between two looks while something is under way, and while nothing is: many endpoints count questions."""
BACK_OFF_MAX_S = 60.0
RECONCILE_EVERY_S = 600.0
COMPARED_AGAIN = 32
"""Epochs compared once more every time: no reorganisation goes further back."""
SHARDS_AT_ONCE = 8
"""Commitments that wait for signatures or blocks at the same time."""
TURN_S = 60.0
"""How long the next in line waits for the one before to have sent what both could."""


class Anchoring:
    """One node's anchoring on one deployment.

    Args:
        facts: Its ledger.
        gate: The contracts.
        store: For how far its shards are.
        signatory: Its votes.
        key: Its account; None where it only watches and compares.
        collector: Gathers signatures; None where there is no network, as in an offline command.
        confirmations: Blocks that make a block count.
        shards: Whether shards are committed, or epochs alone.
        clock: Unix seconds.
        turn_s: See `TURN_S`.
    """

    def __init__(
        self,
        *,
        facts: LedgerFacts,
        gate: Gate,
        store: Store,
        signatory: Signatory,
        key: EvmKey | None,
        collector: Collector | None,
        confirmations: int,
        shards: bool = True,
        clock: Callable[[], float] = time.time,
        turn_s: float = TURN_S,
    ) -> None:
        self._facts, self._store, self._collector = facts, store, collector
        self.gate = gate
        """The contracts."""
        self._schedule = SignerSchedule(facts, gate, confirmations)
        self._key, self._clock, self._turn_s = key, clock, turn_s
        self._signatory, self._with_shards = signatory, shards
        self.sender: Sender | None = None
        """Its outbox; None where it has no account."""
        self._is_checked = False
        self.differences: tuple[Difference, ...] = ()
        """As last compared."""
        self.waiting: dict[str, str] = {}
        """What cannot be sent yet, and why."""
        self.waits_for = ""
        """What everything waits for; empty when nothing does."""
        self.anchored = 0
        """Epochs that the contract has, beginning with its first one."""
        self._ready_since: dict[str, float] = {}
        self._signer_epochs: dict[str, int] = {}
        self._reconciled = -RECONCILE_EVERY_S
        self._compared = 0
        """Epochs that were found to agree with the chain."""

    async def run(self) -> None:
        """Work until cancelled. Whatever goes wrong, the node's own work goes on; `waits_for` says what it is."""
        pause = TICK_S
        while True:
            try:
                await self.tick()
                pause = TICK_S if self._is_busy() else IDLE_S
            except TransientError as error:
                log.log(logging.DEBUG if self.waits_for else logging.WARNING, "anchoring waits: %s", error)
                self.waits_for = error.waits_for
                pause = min(pause * 2, BACK_OFF_MAX_S)
            except OperatorError as error:
                if self.waits_for != str(error):
                    log.log(logging.ERROR, "anchoring: %s (%s)", error, error.hint)
                self.waits_for, pause = str(error), BACK_OFF_MAX_S
            except Exception as error:
                log.exception("anchoring failed")
                self.waits_for, pause = f"{type(error).__name__}: {error}", BACK_OFF_MAX_S
            await asyncio.sleep(pause)

    async def begin(self) -> None:
        """Compare the deployment with the chain, and see that nobody else sends from the account; once.

        Raises:
            OperatorError: Another chain, other contracts, or another process.
            TransientError: The endpoint does not answer.
        """
        if self._is_checked:
            return
        await self.gate.check(self._facts.network)
        if self.sender is not None:
            await self.sender.refuse_if_shared()
        self._is_checked = True

    async def tick(self) -> None:
        """One look at ledger and chain, and everything that follows from it.

        Raises:
            TransientError: The endpoint does not answer, or not yet what is needed.
            OperatorError: A person has to act.
        """
        await self.begin()
        now = self._clock()
        if now - self._reconciled >= RECONCILE_EVERY_S:
            await self.reconcile()
            self._reconciled = now
        self.waiting = {}
        try:
            await self._anchor_next()
            if self._with_shards:
                await self._commit_shards()
        finally:  # what is under way goes on, also where nothing may be added
            if self.sender is not None:
                await self.sender.tick()
        self.waits_for = ""

    async def reconcile(self) -> tuple[Difference, ...]:
        """Compare everything the first time and then the newest part; repair what can be, name the rest.

        Raises as `tick`.
        """
        found: list[Difference] = []
        if self.sender is not None:
            found += await repair_outbox(self.sender, await self._held())
        found += await compare_epochs(self._facts, self.gate, first=self._compared - COMPARED_AGAIN)
        height = await self._facts.height()
        first = max(self._first_shard_round(), (self._compared - COMPARED_AGAIN) * self._facts.epoch_rounds + 1)
        shards = await compare_shards(self._facts, self.gate, first, height) if self._with_shards else []
        behind = [item for item in shards if item.kind is DifferenceKind.BEHIND]
        done = await self._shards_done()
        if behind:
            done = min(done, *(int(item.about.rpartition("/")[2]) - 1 for item in behind))
            await self._note_shards_done(done)
        self.differences = (*found, *shards)
        if not any(item.kind is DifferenceKind.DIFFERS for item in self.differences):
            self._compared = await self._facts.epochs()
        for item in self.differences:
            if item.kind is DifferenceKind.DIFFERS:
                log.error("ledger and chain contradict each other: %s: %s", item.about, item.text)
        return self.differences

    async def holds(self, key: str) -> bool:
        """Whether the chain holds what an outbox entry wants; raises as `tick`."""
        return await self._found(key) is True

    async def _found(self, key: str) -> bool | None:
        """As `holds`; None where the chain holds something else in its place, which sending again would not mend."""
        kind, _, rest = key.partition("/")
        if kind == "epoch":
            epoch = int(rest)
            roots, end = await self.gate.roots(epoch), await self._facts.end(epoch)
            if roots is None:
                return False
            return True if (roots.ledger, roots.scores) == (end.ledger_root, end.score_root) else None
        if kind == "shard":
            job, _, height = rest.partition("/")
            return await self._found_shard(bytes.fromhex(job), int(height))
        if kind == "register":
            return await self.gate.is_registered(bytes.fromhex(rest))
        if kind == "stake":
            return None  # a step is done once, whatever its owner did afterwards
        return False  # a transaction that fills a gap wants nothing but its nonce

    async def _found_shard(self, job: bytes, height: int) -> bool | None:
        votes = (await self._facts.shard_votes(height, height)).get(height, ())
        wanted = next((vote for vote in votes if vote.job == job), None)
        if wanted is not None and await self.gate.shard_status(wanted) is ShardStatus.FINAL:
            return True
        stands = await self.gate.shard_status_at(job, height)
        return False if stands in {ShardStatus.NONE, ShardStatus.PROVISIONAL} else None

    def health(self) -> ComponentView:
        """How it is, in a line."""
        contradictions = [item for item in self.differences if item.kind is DifferenceKind.DIFFERS]
        if contradictions:
            return ComponentView(COMPONENT, well=False, text=contradictions[0].text, waits_for="its operator")
        counts = self.sender.outbox.counts if self.sender is not None else {}
        text = f"{self.anchored} epochs anchored"
        text += "".join(f", {count} {state.value}" for state, count in counts.items() if count)
        if self.sender is not None and self.sender.outbox.foreign:
            text += f"; {self.sender.outbox.foreign} nonces were used by somebody else: who else has the key?"
            return ComponentView(COMPONENT, well=False, text=text, waits_for="its operator")
        if counts.get(EntryState.FAILED):
            return ComponentView(COMPONENT, well=False, text=text, waits_for="its operator: swarm-node chain status")
        waits_for = self.waits_for or next(iter(self.waiting.values()), "")
        return ComponentView(COMPONENT, well=not self.waits_for, text=text, waits_for=waits_for)

    def _is_busy(self) -> bool:
        counts = {} if self.sender is None else self.sender.outbox.counts
        settled = counts.get(EntryState.DONE, 0) + counts.get(EntryState.FAILED, 0)
        return bool(self.waiting) or sum(counts.values()) > settled

    # Epochs

    async def _anchor_next(self) -> None:
        epoch = await self.gate.next_epoch()
        self.anchored = epoch - self.gate.deployment.first_epoch
        if epoch >= await self._facts.epochs():
            return
        self._refuse_if_contradicted()
        name = epoch_name(epoch)
        following, signers = await self._schedule.planned(epoch + 1), await self._schedule.of(epoch)
        if following is None or signers is None:
            self.waiting[name] = f"confirmations of epoch {epoch - 1}"
            return
        vote = await self._facts.epoch_vote(epoch, following.entries)
        await self._refuse_if_forked(epoch, vote)
        digest = vote.digest(self.gate.deployment.anchor_contract)
        signatures = await self._signatures(name, digest, signers)
        if self._is_ours_to_send(name, signatures, signers):
            call = contract_call(
                ANCHOR,
                self.gate.deployment.anchor,
                "anchor",
                vote.arguments(),
                signers.entries.quorum(signatures),
            )
            await self._want(name, call)

    def _refuse_if_contradicted(self) -> None:
        """No more votes upon a history of which the chain has another version; withdrawn shards are no such thing."""
        for item in self.differences:
            if item.kind is DifferenceKind.DIFFERS and item.about.startswith("epoch/"):
                raise OperatorError(
                    f"ledger and chain contradict each other about {item.about}: {item.text}",
                    hint="Run `swarm-node reputation verify --chain`; nothing is signed until both agree.",
                )

    async def _refuse_if_forked(self, epoch: int, vote: EpochVote) -> None:
        roots = await self.gate.roots(epoch - 1)
        anchored = roots.ledger if roots is not None else await self.gate.genesis_root()
        if anchored != vote.previous_ledger_root:
            raise OperatorError(
                f"the chain's ledger before epoch {epoch} is {anchored.hex()[:16]}, this node's is "
                f"{vote.previous_ledger_root.hex()[:16]}",
                hint="Run `swarm-node reputation verify --chain`; nothing is signed until both agree.",
            )

    # Shards

    async def _commit_shards(self) -> None:
        epoch = await self.gate.next_epoch()
        done, height = await self._shards_done(), await self._facts.height()
        if done >= height:
            return
        signers = await self._schedule.of(epoch) if epoch <= await self._facts.epochs() else None
        if signers is None:
            self.waiting["shards"] = f"the signers of epoch {epoch}"
            return
        open_ones, finished = 0, done
        votes = await self._facts.shard_votes(done + 1, height)
        for at in sorted(votes):
            final = [await self._commit_shard(vote, epoch, signers) for vote in votes[at]]
            open_ones += final.count(False)
            if finished == at - 1 and all(final):
                finished = at
            if open_ones >= SHARDS_AT_ONCE:
                break
        if finished > done:
            await self._note_shards_done(finished)

    async def _commit_shard(self, vote: ShardVote, epoch: int, signers: Signers) -> bool:
        """Bring one shard a step further; whether it is final, and confirmed where this node sent it."""
        name = shard_name(vote)
        entry = self.sender.outbox.get(name) if self.sender is not None else None
        if await self.gate.shard_status(vote) is ShardStatus.FINAL:
            if entry is not None and entry.state is EntryState.QUEUED and self.sender is not None:
                await self.sender.settle(name)
            return entry is None or entry.state in {EntryState.DONE, EntryState.QUEUED}
        digest = vote.digest(self.gate.deployment.shard_contract)
        signatures = await self._signatures(name, digest, signers)
        if self._is_ours_to_send(name, signatures, signers):
            call = contract_call(
                SHARDS,
                self.gate.deployment.shards,
                "commit",
                vote.arguments(),
                epoch,
                signers.entries.quorum(signatures),
            )
            await self._want(name, call, signer_epoch=epoch)
        return False

    def _first_shard_round(self) -> int:
        return self.gate.deployment.first_epoch * self._facts.epoch_rounds + 1

    async def _shards_done(self) -> int:
        """Up to which round every shard is final on the chain."""
        stored = await self._store.settings.get(self._setting)
        return self._first_shard_round() - 1 if stored is None else int(stored)

    async def _note_shards_done(self, height: int) -> None:
        await self._store.settings.put(self._setting, str(height).encode())

    @property
    def _setting(self) -> str:
        return f"anchoring.shards/{self.gate.deployment.name}"

    # Both

    async def _signatures(self, name: str, digest: bytes, signers: Signers) -> Mapping[Account, bytes]:
        """All signatures there are, this node's own first; where they are too few, `waiting` says so."""
        own: tuple[Account, bytes] | None = None
        if self._key is not None and signers.entries.weight_of([self._key.address]):
            signature = await self._signatory.sign(name, digest)
            own = (self._key.address, signature) if signature is not None else None
        found: Mapping[Account, bytes] = {} if own is None else {own[0]: own[1]}
        if self._collector is not None and not signers.entries.has_quorum(found):
            found = await self._collector.collect(name, digest, signers.members, own, self._clock())
        if not signers.entries.has_quorum(found):
            weight, total = signers.entries.weight_of(found), signers.entries.total
            self.waiting[name] = (
                f"signatures: {len(found)} of {len(signers.members)} members with an account, {weight} of {total} "
                f"weight, more than two thirds are needed"
            )
        return found

    def _is_ours_to_send(self, name: str, signatures: Mapping[Account, bytes], signers: Signers) -> bool:
        """Whether there is enough to send and it is this node's turn; each in line waits longer than the one before.

        The line differs from subject to subject, so that the gas is shared and no single node can hold anything up.
        """
        if self.sender is None or self._key is None or not signers.entries.has_quorum(signatures):
            return False
        now = self._clock()
        since = self._ready_since.setdefault(name, now)
        while len(self._ready_since) > 4 * SHARDS_AT_ONCE:
            self._ready_since.pop(next(iter(self._ready_since)))
        line = sorted(signatures, key=lambda account: hashlib.sha256(name.encode() + account).digest())
        place = line.index(self._key.address) if self._key.address in line else len(line)
        if now - since < place * self._turn_s:
            self.waiting[name] = f"its turn: {place} others may send it first"
            return False
        return True

    async def _want(self, name: str, call: Call, *, signer_epoch: int = -1) -> None:
        assert self.sender is not None, "whoever wants something has an outbox"
        if self.sender.outbox.get(name) is None:
            await self.sender.want(name, call)
        elif self._signer_epochs.get(name) != signer_epoch:
            await self.sender.rewrite(name, call)
        self._signer_epochs[name] = signer_epoch

    async def _held(self) -> dict[str, bool]:
        """Whether the chain holds what the outbox' entries want, by key; of those that can be asked about."""
        assert self.sender is not None, "asked for by whoever has an outbox"
        found: dict[str, bool] = {}
        entries = self.sender.outbox.entries
        if self._compared:
            done = [entry for entry in entries if entry.state is EntryState.DONE]
            entries = (*done[-COMPARED_AGAIN:], *(entry for entry in entries if entry.state is not EntryState.DONE))
        for entry in entries:
            if not entry.key.startswith("gap/") and entry.state not in {EntryState.SENT, EntryState.MINED}:
                held = await self._found(entry.key)
                found |= {} if held is None else {entry.key: held}
        return found
