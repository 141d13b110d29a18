"""Before a node asks to become a member: whose it is, and whether its swarm takes such nodes at all.

What a node asks with lies in its data folder (`consent.json`). As long as it lies there the node asks, whenever it runs
and is neither a member nor examined; what follows is the swarm's to decide (R39).
"""

from __future__ import annotations

import contextlib
from pathlib import Path

from consensus.genesis import Genesis
from consensus.joining import refuse_owner
from consensus.params import Preset
from consensus.types import NodeId
from node.errors import ExitCode, OperatorError
from node.home import NodeHome
from node.identity import NodeKey, peer_id
from node.identity.consent import DOCUMENT_BYTES_MAX, Consent, give_consent, parse_consent
from node.identity.store import write_private
from node.small_files import read_small


def load_consent(path: Path) -> Consent:
    """Read a consent that an owner has made.

    Raises:
        OperatorError: The file cannot be read, or holds none.
    """
    document = read_small(path, DOCUMENT_BYTES_MAX, hint="Give the file that `swarm-node identity vouch` wrote.")
    return parse_consent(document, str(path))


def check_consent(consent: Consent, node: NodeId, genesis: Genesis, preset: Preset) -> None:
    """Refuse a consent that would get this node nowhere.

    Raises:
        OperatorError: It is for another node or swarm, the node is a founder, or the swarm takes nobody of its owner.
    """
    if consent.node != node:
        raise OperatorError(
            f"the owner's consent is for {peer_id(consent.node)}, this node is {peer_id(node)}",
            hint="Ask its owner for one for this node, or run `swarm-node join` again without --consent.",
        )
    if consent.network != genesis.network:
        raise OperatorError(
            f"the owner's consent is for network {consent.network.hex()[:16]}, this node follows swarm "
            f"{genesis.name!r} ({genesis.network.hex()[:16]})",
            hint="Ask its owner for one for this swarm, made with this swarm's genesis.",
        )
    if any(founder.node == node for founder in genesis.founders):
        raise OperatorError(
            f"{peer_id(node)} is a founder of swarm {genesis.name!r}: a member already",
            hint="Nothing is left to do but `swarm-node start`.",
            exit_code=ExitCode.NOT_SO,
        )
    refused = refuse_owner(consent.owner, genesis, preset)
    if refused is not None:
        raise OperatorError(f"{peer_id(node)} cannot join swarm {genesis.name!r}: {refused}", hint=_who_may(genesis))


def _who_may(genesis: Genesis) -> str:
    if not genesis.owners:
        return "It can follow and serve all the same: `swarm-node start`. Members are fixed by the genesis."
    listed = ", ".join(peer_id(owner) for owner in genesis.owners)
    return f"Get the consent of one of these owners (`swarm-node identity vouch`): {listed}"


def arrange(home: NodeHome, key: NodeKey, genesis: Genesis, preset: Preset, consent: Consent | None) -> Consent:
    """Have a node ask from its next start on; without an owner's consent as its own owner.

    Raises:
        OperatorError: As `check_consent`, or the folder cannot be written.
    """
    consent = consent or give_consent(key, key.node, genesis.network)
    check_consent(consent, key.node, genesis, preset)
    write_private(home.consent, consent.document())
    return consent


def withdraw(home: NodeHome) -> bool:
    """Have a node ask no more from its next start on; whether it did. What it is already it stays.

    Raises:
        OperatorError: The file cannot be removed.
    """
    try:
        with contextlib.suppress(FileNotFoundError):
            home.consent.unlink()
            return True
    except OSError as error:
        raise OperatorError(
            f"cannot remove {home.consent}: {error.strerror}", hint="Remove it as the user that the node runs as."
        ) from error
    return False


def consent_of(home: NodeHome, key: NodeKey, genesis: Genesis, preset: Preset) -> Consent | None:
    """What a node that starts asks with; None for one that does not ask.

    Raises:
        OperatorError: What lies there is not for this node in this swarm.
    """
    if not home.consent.is_file():
        return None
    consent = load_consent(home.consent)
    check_consent(consent, key.node, genesis, preset)
    return consent
