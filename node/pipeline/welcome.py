"""Which messages of others are worth storing, before anything is made of them (R1, R2).

Keys are free: anybody can sign as many messages as it likes, of any round. What every node stored of them would fill
disks, and the room that a round's messages have, so that those of members find none. So a stranger's messages are
welcome only where strangers have something to say, and a member's only of rounds that are near.
"""

from __future__ import annotations

from consensus.certificate import verify_certificate
from consensus.committee import Committee
from consensus.errors import RefusedError
from consensus.evidence import ROUND_KINDS
from consensus.genesis import Genesis
from consensus.narrowing import narrow
from consensus.params import Preset
from consensus.types import Application, Certificate, ChainState, Equivocation, Kind, NodeId
from node.pipeline.effects import Message
from node.pipeline.mempool import Mempool
from node.pipeline.message_book import height_of

_MEMBERS_KINDS = ROUND_KINDS | {Kind.ATTESTATION, Kind.PROPOSAL, Kind.PREVOTE, Kind.PRECOMMIT}


def is_welcome(
    message: Message, state: ChainState, mempool: Mempool, genesis: Genesis, preset: Preset, *, certified: bool
) -> bool:
    """Whether another node's message is worth storing.

    Args:
        message: Its envelope has been verified.
        state: After the last decided round.
        mempool: What waits already.
        genesis: Says who may submit jobs and whose nodes may join.
        preset: The swarm's numbers.
        certified: Whether a certificate of the next round is at hand.
    """
    match message.kind:
        case Kind.JOB | Kind.CANCEL:
            return not genesis.coordinators or message.sender in genesis.coordinators
        case Kind.APPLICATION:
            return _is_kept(message, state, mempool)
        case Kind.EVIDENCE:
            assert isinstance(message.body, Equivocation)
            return is_of_use(message.body, state, preset) and not mempool.knows(message.body)
        case Kind.CERTIFICATE:
            return _is_near(message, state, preset) and (
                is_member(message.sender, state) or (not certified and _certifies_next(message, state))
            )
        case kind if kind in _MEMBERS_KINDS:
            return _is_near(message, state, preset) and is_member(message.sender, state)
    return False  # Notices come another way, with tickets (`node.driver.contents`).


def is_of_use(proof: Equivocation, state: ChainState, preset: Preset) -> bool:
    """Whether a reported equivocation may count in a round that is not decided here, or is soon to be planned.

    What has been punished may for a while: a round may have been attested before its punishment was known.
    """
    settled = next((member.settled for member in state.members if member.node == proof.offender), None)
    if settled is None or proof.height > state.plans[-1].height + preset.lookback:
        return False
    return proof.height > settled or state.height < settled


def is_member(node: NodeId, state: ChainState) -> bool:
    """Whether a node is a member, examined ones among them."""
    return any(member.node == node for member in state.members)


def _is_kept(message: Message, state: ChainState, mempool: Mempool) -> bool:
    try:
        mempool.lobby.check(narrow(message, Application), state)
    except RefusedError:
        return False
    return True


def _is_near(message: Message, state: ChainState, preset: Preset) -> bool:
    """Of a round that is planned here or, where others are ahead, will be after as many more."""
    return state.height < height_of(message) <= state.plans[-1].height + preset.lookback


def _certifies_next(message: Message, state: ChainState) -> bool:
    """Whether it proves the next round decided: then it does not matter who hands it over."""
    certificate, plan = message.body, state.plans[0]
    assert isinstance(certificate, Certificate)
    if certificate.header.height != plan.height:
        return False
    try:
        verify_certificate(certificate, state.network, Committee(plan.committee))
    except RefusedError:
        return False
    return True
