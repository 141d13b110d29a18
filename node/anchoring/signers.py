"""Who anchors which epoch: weights from the ledger, accounts as the chain bound them two epochs before."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from consensus.types import NodeId
from node.anchoring.facts import LedgerFacts
from node.chain.gate import Gate
from node.chain.votes import Account, SignerSet, signer_set
from node.errors import OperatorError


@dataclass(frozen=True, slots=True)
class Signers:
    """Who may sign for an epoch: the set as the contract wants it, and whose account each is."""

    entries: SignerSet
    members: Mapping[NodeId, Account]


class SignerSchedule:
    """The signer sets of one deployment's epochs, computed alike by everybody who has the ledger and the chain.

    Args:
        facts: The ledger.
        gate: The contracts.
        confirmations: Blocks that make a block count.
    """

    def __init__(self, facts: LedgerFacts, gate: Gate, confirmations: int) -> None:
        self._facts, self._gate, self._confirmations = facts, gate, confirmations

    async def of(self, epoch: int) -> Signers | None:
        """Who anchors `epoch`, as the contract has it too; None while the bindings are not confirmed.

        Raises:
            OperatorError: The contract has committed to another set than follows from this node's ledger.
            TransientError: The endpoint does not answer, or the epoch before is not over here.
        """
        signers = await self.planned(epoch)
        if signers is not None and await self._gate.signers(epoch) != signers.entries.hash():
            raise OperatorError(
                f"the contract lets others anchor epoch {epoch} than this node computes from its ledger",
                hint="Compare the deployment file with the others'; then `swarm-node reputation verify --chain`.",
            )
        return signers

    async def planned(self, epoch: int) -> Signers | None:
        """Who is to anchor `epoch`: the members of that time, or else whoever anchors the one before.

        Members whose bound accounts hold no more than two thirds of the weight could never anchor anything again, so
        the set before them goes on until enough have accounts. The set of the deployment always has enough.

        Returns:
            None while the bindings that it rests on are not confirmed.

        Raises:
            TransientError: The endpoint does not answer, or the epoch before is not over here.
        """
        while True:
            accounts = await self._accounts_for(epoch)
            if accounts is None:
                return None
            seats = (await self._facts.seats(epoch)).seats
            entries = signer_set(seats, accounts)
            if epoch <= self._gate.deployment.first_epoch or entries.can_decide:
                nodes = {seat.node for seat in seats}
                return Signers(entries, {node: account for node, account in accounts.items() if node in nodes})
            epoch -= 1

    async def _accounts_for(self, epoch: int) -> Mapping[NodeId, Account] | None:
        """Accounts of the set that anchors `epoch`, as bound two epochs before; None while that is not confirmed."""
        deployment = self._gate.deployment
        if epoch <= deployment.first_epoch + 1:
            return await self._gate.accounts(deployment.block)
        head = (await self._gate.endpoint.block()).number
        block = await self._gate.anchored_in(epoch - 2, head - self._confirmations + 1)
        return None if block is None else await self._gate.accounts(block)
