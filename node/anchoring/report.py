"""How anchoring stands, for people: read from the store and the chain, beside a running node, changing nothing."""

from __future__ import annotations

from dataclasses import dataclass

from node.anchoring.facts import LedgerFacts
from node.anchoring.reconcile import Difference, DifferenceKind, compare_epochs, compare_shards
from node.chain.account import address_text
from node.chain.gate import Gate
from node.chain.votes import Account
from node.errors import TransientError
from node.store import Store
from node.values.outbox import Entry, EntryState


@dataclass(frozen=True, slots=True)
class EntryLine:
    """One entry of the outbox that is not done."""

    key: str
    state: EntryState
    nonce: int
    transactions: int
    """Made for it so far; all but one of them can never be mined."""
    reason: str


@dataclass(frozen=True, slots=True)
class ChainReport:
    """What `swarm-node chain status` shows."""

    endpoint: str
    reachable: bool
    problem: str
    """Why nothing of the chain is known, empty otherwise."""
    chain_id: int
    anchor: str
    shards: str
    registry: str
    account: str
    """Empty where this node has none."""
    balance_wei: int
    registered: bool
    epochs_over: int
    """In this node's rounds."""
    next_epoch: int
    """That the contract takes next; -1 where that is not known."""
    lag_epochs: int
    """Over here and not anchored; -1 where that is not known."""
    shards_behind: int
    entries: int
    queued: int
    sent: int
    mined: int
    done: int
    failed: int
    """The five states add up to `entries`."""
    pending: tuple[EntryLine, ...]
    differences: tuple[Difference, ...]

    @property
    def contradicts(self) -> bool:
        """Whether ledger and chain say different things about the same."""
        return any(item.kind is DifferenceKind.DIFFERS for item in self.differences)


async def report(
    facts: LedgerFacts, gate: Gate, store: Store, account: Account | None, *, with_shards: bool = True
) -> ChainReport:
    """Look at everything once.

    Raises:
        OperatorError: The endpoint is another chain's, or what stands there is not our contracts.
    """
    entries = await store.outbox.load(gate.deployment.name)
    epochs = await facts.epochs()
    following, balance, registered, problem = -1, 0, False, ""
    differences: list[Difference] = []
    try:
        await gate.check(facts.network)
        following = await gate.next_epoch()
        differences = await compare_epochs(facts, gate)
        if with_shards:
            first = gate.deployment.first_epoch * facts.epoch_rounds + 1
            differences += await compare_shards(facts, gate, first, await facts.height())
        if account is not None:
            balance, registered = await gate.endpoint.balance(account), await gate.is_registered(account)
    except TransientError as error:
        problem = str(error)
    counts = {state: sum(entry.state is state for entry in entries) for state in EntryState}
    behind = [item for item in differences if item.kind is DifferenceKind.BEHIND and item.about.startswith("shard/")]
    deployment = gate.deployment
    return ChainReport(
        endpoint=gate.endpoint.where,
        reachable=not problem,
        problem=problem,
        chain_id=deployment.chain_id,
        anchor=address_text(deployment.anchor),
        shards=address_text(deployment.shards),
        registry=address_text(deployment.registry),
        account="" if account is None else address_text(account),
        balance_wei=balance,
        registered=registered,
        epochs_over=epochs,
        next_epoch=following,
        lag_epochs=max(0, epochs - following) if following >= 0 else -1,
        shards_behind=len(behind),
        entries=len(entries),
        queued=counts[EntryState.QUEUED],
        sent=counts[EntryState.SENT],
        mined=counts[EntryState.MINED],
        done=counts[EntryState.DONE],
        failed=counts[EntryState.FAILED],
        pending=tuple(_line(entry) for entry in entries if entry.state is not EntryState.DONE),
        differences=tuple(differences),
    )


def _line(entry: Entry) -> EntryLine:
    return EntryLine(entry.key, entry.state, entry.nonce, len(entry.attempts), entry.reason)
