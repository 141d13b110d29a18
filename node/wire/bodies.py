"""The bodies of messages, field by field: what each may hold, and in which order.

The bounds here are what any swarm can ask for; the numbers of a preset, who may send what and when, are for the
machines that the messages go to. Lists that have an order have it strictly, so that equal contents are equal bytes.
"""

from __future__ import annotations

import re

from consensus import types
from consensus.tickets import RING_MAX, TICKET_BYTES_MAX, TICKET_BYTES_MIN
from consensus.types import CandidateState, CheckFact, Kind, Vote, VotePhase
from node.identity.keys import SIGNATURE_BYTES
from node.values.crate import CratePin
from node.values.example import CATEGORIES
from node.values.job import JobCancel, JobSpec, Sampling
from node.wire.shapes import Blob, Choice, Flag, Integer, Many, Optional, Pattern, Record, ShapeError, Text, Word
from protos.swarm.v1 import agreement_pb2, envelope_pb2, job_pb2, membership_pb2, round_pb2

HASH = Blob(32, 32)
NODE = Blob(32, 32)
SIGNATURE = Blob(SIGNATURE_BYTES, SIGNATURE_BYTES)
VRF_PROOF = Blob(80, 80)
"""RFC 9381: point, 16-byte challenge and scalar."""
SALT = Blob(16, 64)
SCORE = Integer(0, 10_000)
SCORES = Many(SCORE, len(types.CRITERIA), low=len(types.CRITERIA))
NUMBER = Integer(0, (1 << 63) - 1)
"""What a signed 64-bit column of a database holds."""
HEIGHT = Integer(1, (1 << 63) - 1)
VIEW = Integer(0, (1 << 31) - 1)
COUNT = Integer(0, (1 << 32) - 1)
TASK = Integer(0, 1023)
SLOT = Integer(0, 1023)

CRATES_MAX = 2000
CANDIDATES_MAX = 2048
"""Candidates that one message may tell of: twice the slots of MAINNET's largest round."""
ATTESTED_MAX = 4096
MEMBERS_MAX = 16_384
SEATS_MAX = 512
"""The study's largest committee has 300 seats."""
JOBS_MAX = 1024
EVIDENCE_BYTES_MAX = 64 << 10
EXAMPLE_BYTES_MAX = 1 << 20

_CRATE_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,63}")  # what cargo takes; no dots or slashes: it becomes a path
_CRATE_VERSION = re.compile(r"[0-9][0-9A-Za-z.+-]{0,63}")
_EDITION = re.compile(r"20[0-9][0-9]")


def _check_scores(rating: types.Rating) -> None:
    if rating.fact not in {CheckFact.PASSED, CheckFact.NOT_CHECKABLE} and any(rating.scores):
        raise ShapeError("scores-without-check", f"scores above zero beside the fact {rating.fact.name}")


def _check_attested(message: types.AttestedMessage) -> None:
    if (message.kind is Kind.EXPIRY) != (message.sender == bytes(32)):
        raise ShapeError("out-of-range", "an expiry has no sender, everything else has one")


def _check_vote(vote: Vote) -> None:
    counts = vote.phase is VotePhase.PRECOMMIT and vote.header is not None
    if len(vote.signature) != (SIGNATURE_BYTES if counts else 0):
        raise ShapeError("wrong-length", "a precommit for a header carries one more signature, other votes none")


def _check_job(spec: JobSpec) -> None:
    labels = {(pin.name, pin.version) for pin in spec.crates}
    if len(labels) != len(spec.crates):
        raise ShapeError("repeated-item", "a crate is listed twice")
    if spec.review_bp > spec.accept_bp:
        raise ShapeError(
            "out-of-range", f"review above {spec.review_bp}, accept above {spec.accept_bp}: no room between"
        )


JOB = Record(
    JobSpec,
    job_pb2.JobSpec,
    check=_check_job,
    title=Text(200),
    crates=Many(
        Record(
            CratePin,
            job_pb2.CratePin,
            name=Pattern(_CRATE_NAME),
            version=Pattern(_CRATE_VERSION),
            checksum=HASH,
            source_digest=HASH,
            license=Text(256),
            edition=Pattern(_EDITION),
        ),
        CRATES_MAX,
        low=1,
    ),
    categories=Many(Word(frozenset(CATEGORIES)), len(CATEGORIES), low=1, unique=True),
    quota=Integer(1, 10_000),
    generators=Integer(1, RING_MAX),
    candidates=Integer(1, 64),
    raters=Integer(1, 64),
    accept_bp=SCORE,
    review_bp=SCORE,
    budget=Integer(1, 1 << 40),
    deadline_unix_s=Integer(0, 1 << 40),
    preset_hash=HASH,
    sampling=Record(
        Sampling,
        job_pb2.Sampling,
        temperature_milli=Integer(0, 2000),
        top_p_milli=Integer(1, 1000),
        max_tokens=Integer(1, 1 << 17),
        seed=NUMBER,
    ),
    prompt_set_digest=HASH,
)

CANCEL = Record(JobCancel, job_pb2.JobCancel, job=HASH)

APPLICATION = Record(types.Application, membership_pb2.Application, until=HEIGHT, owner=NODE, owner_signature=SIGNATURE)

CANDIDATE_COMMIT = Record(
    types.CandidateCommit,
    round_pb2.CandidateCommit,
    height=HEIGHT,
    slots_root=HASH,
    counts=Many(
        Record(types.SlotCount, round_pb2.SlotCount, task=TASK, count=Integer(0, 1024)),
        TASK.high + 1,
        order=lambda count: count.task,
    ),
)

CANDIDATE_NOTICE = Record(
    types.CandidateNotice,
    round_pb2.CandidateNotice,
    height=HEIGHT,
    task=TASK,
    content=HASH,
    size=Integer(1, EXAMPLE_BYTES_MAX),
    place=SLOT,
    ticket=Blob(TICKET_BYTES_MIN, TICKET_BYTES_MAX),
)

RATING_COMMIT = Record(types.RatingCommit, round_pb2.RatingCommit, height=HEIGHT, digest=HASH)

RATING_REVEAL = Record(
    types.RatingReveal,
    round_pb2.RatingReveal,
    height=HEIGHT,
    salt=SALT,
    ratings=Many(
        Record(
            types.Rating,
            round_pb2.Rating,
            check=_check_scores,
            task=TASK,
            content=HASH,
            fact=Choice(CheckFact, dict(round_pb2.CheckFact.items()), "CHECK_FACT_"),
            scores=SCORES,
        ),
        CANDIDATES_MAX,
        order=lambda rating: (rating.task, rating.content),
    ),
)

GENERATOR_REVEAL = Record(
    types.GeneratorReveal,
    round_pb2.GeneratorReveal,
    height=HEIGHT,
    vrf_proof=VRF_PROOF,
    slots=Many(
        Record(
            types.SlotOpening,
            round_pb2.SlotOpening,
            task=TASK,
            slot=SLOT,
            pseudonym=NODE,
            content=HASH,
            body=HASH,
            claim=HASH,
            salt=SALT,
            probe=Optional(
                Record(types.ProbeOpening, round_pb2.ProbeOpening, good=Flag(), evidence=Blob(0, EVIDENCE_BYTES_MAX))
            ),
        ),
        CANDIDATES_MAX,
        order=lambda opening: (opening.task, opening.slot),
    ),
    shortfalls=Many(
        Record(types.Shortfall, round_pb2.Shortfall, task=TASK, reason=Text(200)),
        TASK.high + 1,
        order=lambda shortfall: shortfall.task,
    ),
)

ATTESTATION = Record(
    types.Attestation,
    round_pb2.Attestation,
    height=HEIGHT,
    messages=Many(
        Record(
            types.AttestedMessage,
            round_pb2.AttestedMessage,
            check=_check_attested,
            kind=Choice(Kind, dict(envelope_pb2.Kind.items()), "KIND_"),
            sender=NODE,
            digest=HASH,
        ),
        ATTESTED_MAX,
        order=lambda message: (message.kind, message.sender, message.digest),
    ),
    probes=Many(
        Record(types.ProbeFinding, round_pb2.ProbeFinding, content=HASH, holds=Flag()),
        CANDIDATES_MAX,
        order=lambda finding: finding.content,
    ),
)

HEADER = Record(
    types.Header,
    agreement_pb2.Header,
    network=HASH,
    height=HEIGHT,
    epoch=NUMBER,
    previous=HASH,
    builder=NODE,
    builder_view=VIEW,
    vrf_proof=VRF_PROOF,
    attestation_root=HASH,
    input_root=HASH,
    outcome_root=HASH,
    pending_root=HASH,
    state_root=HASH,
    snapshot_root=HASH,
    ledger_head=HASH,
    shards=Many(
        Record(types.ShardHead, agreement_pb2.ShardHead, job=HASH, root=HASH, rows=COUNT),
        JOBS_MAX,
    ),
    admitted=Many(HASH, JOBS_MAX, unique=True),
    counts=Many(COUNT, len(CandidateState), low=len(CandidateState)),
)

PROPOSAL = Record(
    types.Proposal,
    agreement_pb2.Proposal,
    view=VIEW,
    valid_view=Integer(-1, VIEW.high),
    header=HEADER,
    attestations=Many(HASH, SEATS_MAX, order=lambda digest: digest),
)

VOTE = Record(
    Vote,
    agreement_pb2.Vote,
    check=_check_vote,
    height=HEIGHT,
    view=VIEW,
    phase=Choice(VotePhase, dict(agreement_pb2.VotePhase.items()), "VOTE_PHASE_"),
    header=Optional(HASH),
    signature=Blob(0, SIGNATURE_BYTES),
)

CERTIFICATE = Record(
    types.Certificate,
    agreement_pb2.Certificate,
    header=HEADER,
    view=VIEW,
    signers=Blob(1, SEATS_MAX // 8),
    signatures=Many(SIGNATURE, SEATS_MAX, low=1),
)

SNAPSHOT = Record(
    types.Snapshot,
    agreement_pb2.Snapshot,
    epoch=NUMBER,
    seats=Many(
        Record(types.Seat, agreement_pb2.Seat, node=NODE, weight=NUMBER),
        MEMBERS_MAX,
        order=lambda seat: seat.node,
    ),
    seed=HASH,
)
"""Never a message of its own: it travels beside an epoch's last certificate."""
