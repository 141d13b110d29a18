"""Bytes to signed messages and back: the one door between the network and the protocol's frozen types.

`decode_message` gives a `Signed` body whose signature, form, bounds and order hold, or raises PeerFaultError and
nothing else, whatever the bytes. What the message means in its round is for the machines behind the door.
"""

from __future__ import annotations

from typing import Any

from google.protobuf.message import DecodeError

from consensus import types
from consensus.types import Equivocation, Kind, Signed, Vote, VotePhase
from node.errors import PeerFaultError
from node.identity.consent import Consent
from node.identity.keys import NodeKey
from node.values.job import JobCancel, JobSpec
from node.wire import bodies
from node.wire.envelope import Domain, Envelope, open_envelope, seal
from node.wire.shapes import Record, ShapeError
from protos.swarm.v1 import evidence_pb2

Body = (
    JobSpec
    | JobCancel
    | types.Application
    | types.CandidateCommit
    | types.CandidateNotice
    | types.RatingCommit
    | types.RatingReveal
    | types.GeneratorReveal
    | types.Attestation
    | types.Proposal
    | types.Vote
    | types.Certificate
    | types.Equivocation
)
"""Everything that can be said. An `Equivocation` is what evidence decodes to; it is sealed by `seal_evidence`."""

_SHAPES: dict[Kind, Record[Any]] = {
    Kind.JOB: bodies.JOB,
    Kind.CANCEL: bodies.CANCEL,
    Kind.CANDIDATE_COMMIT: bodies.CANDIDATE_COMMIT,
    Kind.CANDIDATE_NOTICE: bodies.CANDIDATE_NOTICE,
    Kind.RATING_COMMIT: bodies.RATING_COMMIT,
    Kind.RATING_REVEAL: bodies.RATING_REVEAL,
    Kind.GENERATOR_REVEAL: bodies.GENERATOR_REVEAL,
    Kind.ATTESTATION: bodies.ATTESTATION,
    Kind.PROPOSAL: bodies.PROPOSAL,
    Kind.PREVOTE: bodies.VOTE,
    Kind.PRECOMMIT: bodies.VOTE,
    Kind.CERTIFICATE: bodies.CERTIFICATE,
    Kind.APPLICATION: bodies.APPLICATION,
}

_KINDS: dict[type, Kind] = {
    JobSpec: Kind.JOB,
    JobCancel: Kind.CANCEL,
    types.CandidateCommit: Kind.CANDIDATE_COMMIT,
    types.CandidateNotice: Kind.CANDIDATE_NOTICE,
    types.RatingCommit: Kind.RATING_COMMIT,
    types.RatingReveal: Kind.RATING_REVEAL,
    types.GeneratorReveal: Kind.GENERATOR_REVEAL,
    types.Attestation: Kind.ATTESTATION,
    types.Proposal: Kind.PROPOSAL,
    types.Certificate: Kind.CERTIFICATE,
    types.Application: Kind.APPLICATION,
}

_VOTE_KINDS = {VotePhase.PREVOTE: Kind.PREVOTE, VotePhase.PRECOMMIT: Kind.PRECOMMIT}


def kind_of(body: Body) -> Kind:
    """The kind under which a body is sent.

    Raises:
        KeyError: It is an `Equivocation`, which is only sent with its proof.
    """
    return _VOTE_KINDS[body.phase] if isinstance(body, Vote) else _KINDS[type(body)]


def encode_body(body: Body) -> bytes:
    """The payload of a message: the one encoding of its body.

    Raises:
        ShapeError: The body breaks a bound that every receiver checks.
    """
    return _SHAPES[kind_of(body)].encode(body)


def seal_message(domain: Domain, body: Body, key: NodeKey) -> bytes:
    """Encode, sign and wrap a body: the bytes to store (R4) and to send.

    Raises:
        ValueError: The body breaks a bound (`ShapeError`), or the envelope would be too long.
    """
    return seal(domain, kind_of(body), encode_body(body), key)


def decode_message(domain: Domain, data: bytes) -> Signed[Body]:
    """Verify and read a message as received.

    Raises:
        PeerFaultError: As for `open_envelope`; or the payload is not of its kind's form (`malformed-payload`), not in
            its one encoding (`non-canonical`), outside a bound (the shape's rule, e.g. `out-of-range`), or evidence
            that proves nothing (`not-evidence`), or an application that its owner has not signed (`no-consent`).
    """
    envelope = open_envelope(domain, data)
    return Signed(envelope.signer, envelope.kind, envelope.digest, _decode_payload(domain, envelope))


def seal_evidence(domain: Domain, one: bytes, other: bytes, key: NodeKey) -> bytes:
    """Wrap two conflicting envelopes, as received, into a message that proves the equivocation (R2).

    Whoever holds the same two makes the same payload, in whichever order they came.

    Raises:
        PeerFaultError: They prove nothing (`not-evidence`), or one of them is not a valid message.
    """
    first, second = sorted((one, other), key=lambda data: open_envelope(domain, data).digest)
    payload = evidence_pb2.Evidence(first=first, second=second).SerializeToString(deterministic=True)
    _read_evidence(domain, first, second)
    return seal(domain, Kind.EVIDENCE, payload, key)


def _decode_payload(domain: Domain, envelope: Envelope) -> Body:
    if envelope.kind is Kind.EVIDENCE:
        return _decode_evidence(domain, envelope.payload)
    shape = _SHAPES[envelope.kind]
    body: Body = _decode_shape(shape, envelope.kind, envelope.payload)
    if isinstance(body, Vote) and kind_of(body) is not envelope.kind:
        raise PeerFaultError("kind-mismatch", f"a {body.phase.name} in an envelope of {envelope.kind.name}")
    if isinstance(body, types.Application):
        _check_consent(domain, envelope.signer, body)
    return body


def _check_consent(domain: Domain, node: types.NodeId, application: types.Application) -> None:
    if not Consent(domain.network, node, application.owner, application.owner_signature).holds():
        raise PeerFaultError("no-consent", f"{application.owner.hex()[:16]} has not signed for {node.hex()[:16]}")


def _decode_shape(shape: Record[Any], kind: Kind, payload: bytes) -> Any:
    try:
        body = shape.read(shape.message.FromString(payload))
        encoded = shape.encode(body)
    except DecodeError as error:
        raise PeerFaultError("malformed-payload", f"{kind.name}: {error}") from error
    except ShapeError as error:
        raise PeerFaultError(error.rule, f"{kind.name}: {error}") from error
    # Built anew from what was understood: what was not understood, said twice or spelt long is missing here.
    if encoded != payload:
        raise PeerFaultError("non-canonical", f"{kind.name}: not in its one encoding")
    return body


def _decode_evidence(domain: Domain, payload: bytes) -> Equivocation:
    try:
        message = evidence_pb2.Evidence.FromString(payload)
    except DecodeError as error:
        raise PeerFaultError("malformed-payload", f"EVIDENCE: {error}") from error
    rebuilt = evidence_pb2.Evidence(first=message.first, second=message.second)
    if rebuilt.SerializeToString(deterministic=True) != payload:
        raise PeerFaultError("non-canonical", "EVIDENCE: not in its one encoding")
    return _read_evidence(domain, message.first, message.second)


def _read_evidence(domain: Domain, first: bytes, second: bytes) -> Equivocation:
    (sender, kind, height, view), first_digest = _slot(domain, first)
    slot, second_digest = _slot(domain, second)
    if slot != (sender, kind, height, view):
        raise PeerFaultError("not-evidence", "the two messages are not for one slot of one sender")
    if first_digest >= second_digest:
        raise PeerFaultError("not-evidence", "the two messages are the same, or not in order of their digests")
    return Equivocation(sender, height, kind, view, first_digest, second_digest)


def _slot(domain: Domain, data: bytes) -> tuple[tuple[types.NodeId, Kind, int, int], types.Hash]:
    """The slot that a message takes (R2), and its digest. The message is verified in full."""
    envelope = open_envelope(domain, data)
    if envelope.kind in {Kind.JOB, Kind.CANCEL, Kind.CERTIFICATE, Kind.EVIDENCE, Kind.APPLICATION}:
        raise PeerFaultError("not-evidence", f"two messages of {envelope.kind.name} prove nothing")
    body: Any = _decode_payload(domain, envelope)
    height, view = body.height if not isinstance(body, types.Proposal) else body.header.height, -1
    if isinstance(body, Vote | types.Proposal):
        view = body.view
    return (envelope.signer, envelope.kind, height, view), envelope.digest
