"""From certified outcomes to standing, weights and a hash-linked ledger. Pure, like `consensus`."""

from reputation.anchor import Score, ScoreCategory, epoch_scores, ledger_root
from reputation.capability import is_blind, is_capable, is_proven
from reputation.ledger import (
    EMPTY_LEDGER,
    LedgerError,
    LedgerEvent,
    LedgerHead,
    Reason,
    ReasonKind,
    extend_ledger,
    link_hash,
)
from reputation.rounds import AppliedRound, DecidedRound, FalseFact, Generated, apply_round, members_after, new_member
from reputation.standing import Role, Standing, generating_skill_bp, role_of, standing_of
from reputation.weights import voting_weights

__all__ = [
    "EMPTY_LEDGER",
    "AppliedRound",
    "DecidedRound",
    "FalseFact",
    "Generated",
    "LedgerError",
    "LedgerEvent",
    "LedgerHead",
    "Reason",
    "ReasonKind",
    "Role",
    "Score",
    "ScoreCategory",
    "Standing",
    "apply_round",
    "epoch_scores",
    "extend_ledger",
    "generating_skill_bp",
    "is_blind",
    "is_capable",
    "is_proven",
    "ledger_root",
    "link_hash",
    "members_after",
    "new_member",
    "role_of",
    "standing_of",
    "voting_weights",
]
