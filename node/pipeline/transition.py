"""From the state before a round and its inputs to the header and the state after it: the recomputation of R42.

Composes `consensus` (what the round decides) and `reputation` (what follows for the members) and draws the plan of
the round `lookback` ahead. Pure: the same arguments give the same bytes on every node.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Protocol

from consensus import vrf
from consensus.certificate import header_hash, snapshot_root
from consensus.draw import draw_committee, next_seed
from consensus.encoding import hash_value
from consensus.genesis import Genesis
from consensus.joining import counts_at
from consensus.merkle import merkle_root
from consensus.openings import RoundInputs
from consensus.outcome import Outcome, decide_round
from consensus.params import Preset
from consensus.schedule import Standing, admit, plan_round, refuse_terms, settle
from consensus.shard import shard_heads
from consensus.types import (
    ZERO_HASH,
    Application,
    CandidateState,
    ChainState,
    Hash,
    Header,
    JobId,
    JobProgress,
    JobStatus,
    JobTerms,
    Member,
    NodeId,
    RoundPlan,
    Seat,
    Snapshot,
)
from node.identity.names import peer_id
from reputation import (
    DecidedRound,
    FalseFact,
    Generated,
    LedgerEvent,
    LedgerHead,
    Role,
    apply_round,
    generating_skill_bp,
    is_proven,
    role_of,
    voting_weights,
)


@dataclass(frozen=True, slots=True)
class ChainInputs:
    """All that a round is decided from."""

    round: RoundInputs
    jobs: Mapping[Hash, JobTerms]
    """Attested new jobs by digest."""
    cancelled: frozenset[JobId]
    """Jobs whose own coordinator is attested to cancel them."""
    expired: frozenset[JobId]
    applications: Mapping[NodeId, Application]
    """By the node that applies. Not all of them count (`consensus.joining`)."""
    root: Hash
    """The input set's (R19)."""
    attestation_root: Hash


@dataclass(frozen=True, slots=True)
class Builder:
    """Who built a header, in which view, and the proof that makes the next seed (R7)."""

    node: NodeId
    view: int
    vrf_proof: bytes


@dataclass(frozen=True, slots=True)
class Transition:
    """A round's result."""

    header: Header
    state: ChainState
    outcome: Outcome
    events: tuple[LedgerEvent, ...]


class ComputeTransition(Protocol):
    """`compute_transition`, or something that gives what it would give."""

    def __call__(
        self, state: ChainState, inputs: ChainInputs, builder: Builder, *, genesis: Genesis, preset: Preset
    ) -> Transition:
        """Decide the round after `state` from `inputs`."""


def state_root(state: ChainState) -> Hash:
    """What a header says of the state after it. The header's own hash, which the state carries on, is left out."""
    return hash_value("state", replace(state, previous=ZERO_HASH))


def standings(members: tuple[Member, ...], height: int, preset: Preset) -> tuple[Standing, ...]:
    """Members as the draws for the round `height` see them; barred ones are left out."""
    roles = [(member, role_of(member, height, preset)) for member in members]
    return tuple(
        Standing(
            node=member.node,
            owner=member.owner,
            may_rate=role in {Role.RATER, Role.NEWCOMER},
            # Founders are as new as each other. If they counted as newcomers, those who happen to be drawn first would
            # be drawn ever after, and hold most of the voice before anybody has shown anything.
            # Whoever has lost its table by an offence begins anew all the same.
            mature=role is Role.RATER or (member.joined == 0 and not member.offences),
            proven=is_proven(member.table, preset),
            # Who is still examined makes nothing: a draw never takes what weighs nothing.
            skill=0 if role is Role.APPLICANT else max(1, generating_skill_bp(member, preset)),
        )
        for member, role in roles
        if role is not Role.BARRED
    )


def compute_transition(
    state: ChainState, inputs: ChainInputs, builder: Builder, *, genesis: Genesis, preset: Preset
) -> Transition:
    """Decide the round after `state` from `inputs`.

    The builder's turn and proof have been checked (`consensus.agreement.validity`).
    """
    plan = state.plans[0]
    assert plan.height == state.height + 1, "a state's first plan is the next round's"
    jobs = _with_news(state.jobs, inputs, plan.height, genesis, preset)
    outcome = decide_round(
        plan,
        inputs.round,
        members=state.members,
        standings=standings(state.members, plan.height, preset),
        jobs=jobs,
        pending=state.pending,
        preset=preset,
    )
    outcome_root = merkle_root([hash_value("decision", decision) for decision in outcome.decisions])
    seed = next_seed(state.seed, vrf.proof_to_hash(builder.vrf_proof))
    asking = _applicants(inputs, plan.height, genesis, preset)
    decided = replace(_decided_round(plan, outcome, outcome_root), applicants=asking, lot=seed)
    applied = apply_round(state.members, decided, LedgerHead(state.ledger_head, state.ledger_length), preset)
    after = _next_state(state, plan, outcome, applied.members, seed, preset)
    after = replace(after, ledger_head=applied.ledger.hash, ledger_length=applied.ledger.length)
    header = _header(state, plan, inputs, outcome, outcome_root, after, builder, jobs, preset)
    return Transition(header, replace(after, previous=header_hash(header)), outcome, applied.events)


def _with_news(
    jobs: tuple[JobProgress, ...], inputs: ChainInputs, height: int, genesis: Genesis, preset: Preset
) -> tuple[JobProgress, ...]:
    """Jobs after admissions, cancellations and expiries. What may not be admitted is ignored, the same everywhere."""
    known = {job.terms.job for job in jobs}
    admitted = [
        admit(inputs.jobs[digest], height)
        for digest in sorted(inputs.jobs)
        if may_admit(inputs.jobs[digest], genesis, preset) and inputs.jobs[digest].job not in known
    ]
    return tuple(_with_status(job, inputs) for job in (*jobs, *admitted))


def may_admit(terms: JobTerms, genesis: Genesis, preset: Preset) -> bool:
    """Whether a job's signer may submit here and its terms are within the preset's bounds."""
    allowed = not genesis.coordinators or terms.coordinator in genesis.coordinators
    return allowed and refuse_terms(terms, preset) is None


def _with_status(job: JobProgress, inputs: ChainInputs) -> JobProgress:
    if job.status is not JobStatus.OPEN:
        return job
    if job.terms.job in inputs.cancelled:
        return replace(job, status=JobStatus.CANCELLED)
    if job.terms.job in inputs.expired:
        return replace(job, status=JobStatus.EXPIRED)
    return job


def _applicants(inputs: ChainInputs, height: int, genesis: Genesis, preset: Preset) -> dict[NodeId, str]:
    """Who asks, and for whose node: the others are ignored, the same everywhere."""
    return {
        node: peer_id(application.owner)
        for node, application in inputs.applications.items()
        if counts_at(application, height, genesis, preset)
    }


def _decided_round(plan: RoundPlan, outcome: Outcome, outcome_root: Hash) -> DecidedRound:
    conduct = outcome.conduct
    return DecidedRound(
        height=plan.height,
        outcome_root=outcome_root,
        tables=outcome.aggregation.tables,
        generated=_generated(outcome),
        seats=dict(conduct.seats),
        committed=conduct.committed,
        revealed=conduct.revealed,
        false_facts=[FalseFact(fact.rater, fact.claimed_good) for fact in conduct.false_facts],
        equivocators=conduct.equivocators,
    )


_GOOD = {CandidateState.ACCEPTED, CandidateState.SURPLUS}
_BAD = {
    CandidateState.REJECTED_SCORE,
    CandidateState.REJECTED_CHECK,
    CandidateState.CONTAMINATED,
    CandidateState.MALFORMED,
}


def _generated(outcome: Outcome) -> dict[NodeId, Generated]:
    """What became of each generator's candidates.

    A probe that did not hold counts like a rejected candidate: planting one costs generating skill. So does a slot that
    was left empty where others had something for theirs.
    """
    accepted: dict[NodeId, int] = {}
    decided = dict(outcome.conduct.false_probes)
    for node, count in outcome.conduct.slots_left:
        decided[node] = decided.get(node, 0) + count
    for decision in outcome.decisions:
        if decision.state in _GOOD | _BAD:
            decided[decision.generator] = decided.get(decision.generator, 0) + 1
        if decision.state in _GOOD:
            accepted[decision.generator] = accepted.get(decision.generator, 0) + 1
    return {node: Generated(accepted.get(node, 0), count) for node, count in decided.items()}


def _next_state(
    state: ChainState,
    plan: RoundPlan,
    outcome: Outcome,
    members: tuple[Member, ...],
    seed: Hash,
    preset: Preset,
) -> ChainState:
    height = plan.height
    snapshots = state.snapshots
    if preset.ends_epoch(height):
        snapshots = (*snapshots[1:], Snapshot(plan.epoch + 2, voting_weights(members, height, preset), seed))
    ahead = height + preset.lookback
    jobs = tuple(settle(job, outcome.pending, preset) for job in outcome.jobs)
    planned, jobs = plan_round(
        ahead,
        seed,
        jobs,
        outcome.pending,
        standings(members, ahead, preset),
        _committee(snapshots, ahead, preset),
        preset,
    )
    return replace(
        state,
        height=height,
        previous=ZERO_HASH,
        seed=seed,
        members=members,
        snapshots=snapshots,
        jobs=tuple(_folded(job) for job in jobs),
        pending=outcome.pending,
        plans=(*state.plans[1:], planned),
    )


def _committee(snapshots: tuple[Snapshot, ...], height: int, preset: Preset) -> tuple[Seat, ...]:
    epoch = preset.epoch_of(height)
    snapshot = next(item for item in snapshots if item.epoch == epoch)
    return draw_committee(snapshot, height, preset)


def _folded(job: JobProgress) -> JobProgress:
    """A closed job without what only an open one needs."""
    return job if job.status is JobStatus.OPEN else replace(job, claims=())


def _header(
    state: ChainState,
    plan: RoundPlan,
    inputs: ChainInputs,
    outcome: Outcome,
    outcome_root: Hash,
    after: ChainState,
    builder: Builder,
    jobs: tuple[JobProgress, ...],
    preset: Preset,
) -> Header:
    known = {job.terms.job for job in state.jobs}
    counts = dict.fromkeys(CandidateState, 0)
    for decision in outcome.decisions:
        counts[decision.state] += 1
    return Header(
        network=state.network,
        height=plan.height,
        epoch=plan.epoch,
        previous=state.previous,
        builder=builder.node,
        builder_view=builder.view,
        vrf_proof=builder.vrf_proof,
        attestation_root=inputs.attestation_root,
        input_root=inputs.root,
        outcome_root=outcome_root,
        pending_root=hash_value("pending", outcome.pending),
        state_root=state_root(after),
        snapshot_root=snapshot_root(after.snapshots[-1]) if preset.ends_epoch(plan.height) else ZERO_HASH,
        ledger_head=after.ledger_head,
        shards=shard_heads((job.terms for job in jobs), plan.height, outcome.decisions),
        admitted=tuple(sorted(job.terms.job for job in jobs if job.terms.job not in known)),
        counts=tuple(counts.values()),
    )
