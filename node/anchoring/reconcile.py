"""Ledger and chain side by side: every difference is repaired or has a name."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from node.anchoring.facts import LedgerFacts
from node.chain.gate import Gate
from node.chain.sender import Sender
from node.chain.votes import ShardStatus, ShardVote
from node.values.outbox import EntryState

STAKE_PREFIX = "stake/"
"""Before the steps of a withdrawal, in the outbox."""
SHARD_ROUNDS = 100
"""Rounds whose shards are compared at once."""


class DifferenceKind(Enum):
    """How ledger and chain may differ."""

    BEHIND = "behind"
    """The chain does not have it yet: it is on its way or waits for signatures."""
    AHEAD = "ahead"
    """The chain has it and this node has not decided it yet."""
    DIFFERS = "differs"
    """Both have it and they contradict each other: nobody repairs that by himself."""
    LOST = "lost"
    """It was confirmed and the chain does not have it any more: wanted again."""
    HELD = "held"
    """The chain has what the outbox still wanted to send: done."""


@dataclass(frozen=True, slots=True)
class Difference:
    """One thing on which ledger and chain do not agree."""

    kind: DifferenceKind
    about: str
    """`epoch/3`, `shard/<job>/<round>`, `epochs 4 to 9`."""
    text: str
    repaired: bool = False


async def compare_epochs(facts: LedgerFacts, gate: Gate, *, first: int | None = None) -> list[Difference]:
    """Every anchored epoch against this node's rounds, and what is missing on either side.

    Args:
        facts: The ledger.
        gate: The chain.
        first: Epochs before this one were compared already.

    Raises:
        TransientError: The endpoint does not answer.
        OperatorError: A state that is needed is not kept here.
    """
    start = max(first or 0, gate.deployment.first_epoch)
    following, decided = await gate.next_epoch(), await facts.epochs()
    found: list[Difference] = []
    for epoch in range(start, min(following, decided)):
        end, roots = await facts.end(epoch), await gate.roots(epoch)
        if roots is None:
            continue  # Reorganised away between two questions; the next comparison sees it as behind.
        for name, here, there in (
            ("ledger root", end.ledger_root, roots.ledger),
            ("score root", end.score_root, roots.scores),
        ):
            if here != there:
                text = f"{name}: this node computes {here.hex()[:16]}, the chain has {there.hex()[:16]}"
                found.append(Difference(DifferenceKind.DIFFERS, f"epoch/{epoch}", text))
    if decided > following:
        text = f"{decided - following} epochs are over here and not anchored yet"
        found.append(Difference(DifferenceKind.BEHIND, _range("epoch", following, decided - 1), text))
    if following > decided:
        text = f"{following - decided} anchored epochs are not over here yet"
        found.append(Difference(DifferenceKind.AHEAD, _range("epoch", decided, following - 1), text))
    return found


async def compare_shards(facts: LedgerFacts, gate: Gate, first: int, last: int) -> list[Difference]:
    """The shards of rounds `first` to `last` against the registry; raises as `compare_epochs`."""
    found: list[Difference] = []
    for start in range(first, last + 1, SHARD_ROUNDS):
        votes = await facts.shard_votes(start, min(last, start + SHARD_ROUNDS - 1))
        for vote in (vote for group in votes.values() for vote in group):
            difference = await _compare_shard(gate, vote)
            found += [] if difference is None else [difference]
    return found


async def _compare_shard(gate: Gate, vote: ShardVote) -> Difference | None:
    name = shard_name(vote)
    status = await gate.shard_status(vote)
    if status is ShardStatus.FINAL:
        return None
    if status is ShardStatus.NONE and await gate.shard_status_at(vote.job, vote.height) is not ShardStatus.NONE:
        return Difference(DifferenceKind.DIFFERS, name, "another shard stands in its place on the chain")
    if status is ShardStatus.WITHDRAWN:
        return Difference(DifferenceKind.DIFFERS, name, "certified here and withdrawn on the chain")
    return Difference(DifferenceKind.BEHIND, name, "certified here and not final on the chain yet")


async def repair_outbox(sender: Sender, holds: dict[str, bool]) -> list[Difference]:
    """Bring the outbox in line with what the chain was found to hold, by entry.

    Args:
        sender: Of the outbox.
        holds: Whether the chain holds what each of these entries wants.
    """
    found: list[Difference] = []
    for entry in sender.outbox.entries:
        held = holds.get(entry.key)
        if held is False and entry.state is EntryState.DONE:
            text = "confirmed once, and the chain does not hold it any more"
            await sender.reopen(entry.key, text)
            found.append(Difference(DifferenceKind.LOST, entry.key, text, repaired=True))
        elif held is True and entry.state in {EntryState.QUEUED, EntryState.FAILED}:
            if entry.state is EntryState.FAILED:
                await sender.reopen(entry.key, "held by the chain")
            await sender.settle(entry.key)
            found.append(Difference(DifferenceKind.HELD, entry.key, "the chain holds it already", repaired=True))
    return found


def epoch_name(epoch: int) -> str:
    """The key of an epoch's anchor."""
    return f"epoch/{epoch}"


def shard_name(vote: ShardVote) -> str:
    """The key of a shard's commitment."""
    return f"shard/{vote.job.hex()}/{vote.height}"


def registration_name(account: bytes) -> str:
    """The key of an account's registration."""
    return f"register/{account.hex()}"


def stake_name(step: str, number: int) -> str:
    """The key of a step of a withdrawal. It is done once; that somebody calls it off later does not bring it back."""
    return f"{STAKE_PREFIX}{step}/{number}"


def _range(name: str, first: int, last: int) -> str:
    return f"{name}/{first}" if first == last else f"{name}s {first} to {last}"
