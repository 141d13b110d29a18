"""Protobuf to frozen types and back; envelopes are signed and verified here and nowhere else."""

from node.wire.envelope import Domain
from node.wire.messages import decode_message, seal_evidence, seal_message

__all__ = ["Domain", "decode_message", "seal_evidence", "seal_message"]
