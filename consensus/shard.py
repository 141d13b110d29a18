"""What a round adds to a job's shard, and the one hash in the header that binds every row of it (R50).

A shard row is an example's content, which `content` names, and its provenance, which is the rest of the leaf. So
leaf and content together bind every column of the row: no score, rater count or generator can be changed, no row
left out, added or moved without another root. Crate and category stand as words and not as indices into the
job's lists: whoever holds a row and the header needs nothing else to check it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from consensus.encoding import hash_value
from consensus.merkle import merkle_root
from consensus.types import CandidateState, Decision, Hash, JobId, JobTerms, NodeId, Scores, ShardHead


@dataclass(frozen=True, slots=True)
class ShardLeaf:
    """Provenance of one accepted example."""

    content: Hash
    job: JobId
    height: int
    """Of the round that accepted it."""
    crate: str
    """`name@version` as the job's terms have it."""
    category: str
    score_bp: int
    criteria_bp: Scores
    spread_bp: int
    raters: int
    generator: NodeId

    def digest(self) -> Hash:
        """The data of this row's Merkle leaf."""
        return hash_value("shard-leaf", self)


def shard_leaves(terms: JobTerms, height: int, decisions: Iterable[Decision]) -> tuple[ShardLeaf, ...]:
    """The leaves that the accepted ones among `decisions` add to the job's shard, sorted by content hash.

    Args:
        terms: Of the job; decisions on other jobs are passed over.
        height: Of the round that made the decisions.
        decisions: In any order.
    """
    leaves = [
        ShardLeaf(
            content=decision.content,
            job=terms.job,
            height=height,
            crate=terms.crates[decision.crate],
            category=terms.categories[decision.category],
            score_bp=decision.score_bp,
            criteria_bp=decision.criteria_bp,
            spread_bp=decision.spread_bp,
            raters=decision.raters,
            generator=decision.generator,
        )
        for decision in decisions
        if decision.job == terms.job and decision.state is CandidateState.ACCEPTED
    ]
    return tuple(sorted(leaves, key=lambda leaf: leaf.content))


def shard_root(leaves: Sequence[ShardLeaf]) -> Hash:
    """The Merkle root over `leaves`, which must be sorted by content hash, each content once.

    Raises:
        ValueError: They are not: two nodes with the same rows would have different roots.
    """
    contents = [leaf.content for leaf in leaves]
    if contents != sorted(set(contents)):
        raise ValueError("the leaves are not sorted by content hash, each content once")
    return merkle_root([leaf.digest() for leaf in leaves])


def shard_heads(jobs: Iterable[JobTerms], height: int, decisions: Sequence[Decision]) -> tuple[ShardHead, ...]:
    """What the header of round `height` says of its shards: one head per job that got rows, in the order of `jobs`."""
    shards = ((terms.job, shard_leaves(terms, height, decisions)) for terms in jobs)
    return tuple(ShardHead(job, shard_root(leaves), len(leaves)) for job, leaves in shards if leaves)
