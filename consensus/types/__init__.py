"""The nouns of the protocol: identities, jobs, plans, messages, decisions, the state between rounds.

Everything here is frozen and holds integers, bytes, text and tuples only, so that it has one canonical encoding
(`consensus.encoding`). Scores are basis points (0..10000), evidence is bits in Q16 (65536 = one bit), weights are
whole points. Signatures are checked before a message becomes one of these types (`node.wire`); what arrives here
is `Signed`: who said it, the hash of what was said, and the words.
"""

from consensus.types.decisions import (
    CandidateState,
    Certificate,
    Decision,
    Header,
    Proposal,
    ShardHead,
    Vote,
    VotePhase,
)
from consensus.types.members import FavourCount, Member, RaterTable, Seat, Snapshot
from consensus.types.messages import (
    Application,
    Attestation,
    AttestedMessage,
    BodyT_co,
    CandidateCommit,
    CandidateNotice,
    CheckFact,
    Equivocation,
    GeneratorReveal,
    Kind,
    ProbeFinding,
    ProbeOpening,
    Rating,
    RatingCommit,
    RatingReveal,
    Shortfall,
    Signed,
    SlotCount,
    SlotOpening,
)
from consensus.types.names import CRITERIA, ZERO_HASH, Hash, JobId, NodeId, Scores
from consensus.types.state import ChainState
from consensus.types.work import (
    GivenRating,
    JobProgress,
    JobStatus,
    JobTerms,
    PendingCandidate,
    RoundPlan,
    Task,
    TaskKind,
    TaskProgress,
)

__all__ = [
    "CRITERIA",
    "ZERO_HASH",
    "Application",
    "Attestation",
    "AttestedMessage",
    "BodyT_co",
    "CandidateCommit",
    "CandidateNotice",
    "CandidateState",
    "Certificate",
    "ChainState",
    "CheckFact",
    "Decision",
    "Equivocation",
    "FavourCount",
    "GeneratorReveal",
    "GivenRating",
    "Hash",
    "Header",
    "JobId",
    "JobProgress",
    "JobStatus",
    "JobTerms",
    "Kind",
    "Member",
    "NodeId",
    "PendingCandidate",
    "ProbeFinding",
    "ProbeOpening",
    "Proposal",
    "RaterTable",
    "Rating",
    "RatingCommit",
    "RatingReveal",
    "RoundPlan",
    "Scores",
    "Seat",
    "ShardHead",
    "Shortfall",
    "Signed",
    "SlotCount",
    "SlotOpening",
    "Snapshot",
    "Task",
    "TaskKind",
    "TaskProgress",
    "Vote",
    "VotePhase",
]
