"""An owner's word that a node is its own: what a newcomer needs to join a swarm as that owner's (R39).

Whoever could name any owner could take up its place among the examined, or push its nodes below their share of the
weight. So the owner is a key, and signs. It holds for one swarm and one node, and for good: it only ever lets that node
ask to be examined.
"""

from __future__ import annotations

from dataclasses import dataclass

from consensus.types import Hash, NodeId
from node.errors import OperatorError
from node.identity.documents import MALFORMED, read_document, read_hex, write_document
from node.identity.keys import SIGNATURE_BYTES, NodeKey, verify

_DOMAIN = b"swarm-node/v1/owner\0"
_FORMAT = "swarm-node owner's consent 1"
DOCUMENT_BYTES_MAX = 2048


@dataclass(frozen=True, slots=True)
class Consent:
    """The owner's statement that `node` is its own in the swarm `network`, signed by it."""

    network: Hash
    node: NodeId
    owner: NodeId
    """The owner's public key; the node's own where it is nobody else's."""
    signature: bytes

    def holds(self) -> bool:
        """Whether the owner has signed it."""
        return verify(self.owner, _signing_bytes(self.network, self.node, self.owner), self.signature)

    def document(self) -> bytes:
        """As JSON, for files and for `parse_consent`."""
        fields = {
            "network": self.network.hex(),
            "node": self.node.hex(),
            "owner": self.owner.hex(),
            "signature": self.signature.hex(),
        }
        return write_document(_FORMAT, fields)


def give_consent(owner: NodeKey, node: NodeId, network: Hash) -> Consent:
    """Sign for a node. Equal arguments give equal bytes."""
    return Consent(network, node, owner.node, owner.sign(_signing_bytes(network, node, owner.node)))


def parse_consent(document: bytes, source: str) -> Consent:
    """Read and verify a consent; `source` names it in errors.

    Raises:
        OperatorError: It is not one, or not signed by the owner it names.
    """
    try:
        consent = _read_fields(document)
    except MALFORMED as error:
        raise OperatorError(f"{source} is no owner's consent: {error}", hint=_HINT) from error
    if not consent.holds():
        raise OperatorError(f"{source} is not signed by the owner it names", hint=_HINT)
    return consent


_HINT = "Its owner makes one: `swarm-node identity vouch NODE --data OWNER --genesis genesis.json`."


def _read_fields(document: bytes) -> Consent:
    value = read_document(document, _FORMAT, DOCUMENT_BYTES_MAX)
    return Consent(
        Hash(read_hex(value["network"], 32)),
        NodeId(read_hex(value["node"], 32)),
        NodeId(read_hex(value["owner"], 32)),
        read_hex(value["signature"], SIGNATURE_BYTES),
    )


def _signing_bytes(network: Hash, node: NodeId, owner: NodeId) -> bytes:
    return _DOMAIN + network + node + owner
