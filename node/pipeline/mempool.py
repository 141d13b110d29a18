"""What waits to be attested: jobs, cancellations, passed deadlines, evidence, applications; in bounded memory."""

from __future__ import annotations

from consensus.evidence import ROUND_KINDS, offence
from consensus.inputs import NOBODY
from consensus.types import (
    AttestedMessage,
    ChainState,
    Equivocation,
    Hash,
    JobId,
    JobStatus,
    JobTerms,
    Kind,
    Signed,
)
from node.pipeline.lobby import Lobby
from node.values.job import JobCancel

JOBS_MAX = 256
"""Unadmitted jobs kept; a coordinator whose job does not fit submits it again."""
EVIDENCE_PER_MEMBER_MAX = 16
"""Offences kept of one member: more than it can commit in the slots of the rounds that are planned. One is enough to
punish it, and nobody takes the room of others' by signing twice more often."""


def is_unpunished(proof: Equivocation, state: ChainState) -> bool:
    """Whether an equivocation counts in the round after `state`: a member's, in a planned round, not settled (R33)."""
    settled = next((member.settled for member in state.members if member.node == proof.offender), None)
    return _is_open(proof, settled, state)


def _is_open(proof: Equivocation, settled: int | None, state: ChainState) -> bool:
    """The same, given up to which height the offender's offences are settled; None for who is no member."""
    return settled is not None and settled < proof.height <= state.plans[-1].height


class Mempool:
    """News that no decided round has taken up yet.

    Args:
        lobby: Where applications wait.
    """

    def __init__(self, lobby: Lobby) -> None:
        self.lobby = lobby
        self._jobs: dict[Hash, Signed[JobTerms]] = {}
        self._cancels: dict[Hash, Signed[JobCancel]] = {}
        self._expired: set[JobId] = set()
        self._evidence: dict[Hash, Equivocation] = {}
        self._proofs: dict[Hash, Hash] = {}
        self._leaves: dict[Hash, int] = {}
        """Height after which punished evidence is of no more use."""

    def add_job(self, message: Signed[JobTerms]) -> bool:
        """Remember a job that may be admitted; False when there is no room."""
        if message.digest not in self._jobs and len(self._jobs) >= JOBS_MAX:
            return False
        self._jobs[message.digest] = message
        return True

    def add_cancel(self, message: Signed[JobCancel]) -> None:
        """Remember a cancellation; only the job's own coordinator's counts."""
        if len(self._cancels) < JOBS_MAX:
            self._cancels[message.digest] = message

    def add_expiry(self, job: JobId) -> None:
        """A job's deadline has passed by this member's clock."""
        self._expired.add(job)

    def knows(self, proof: Equivocation) -> bool:
        """Whether the offence waits here, with the message that proves it."""
        return offence(proof) in self._proofs

    def add_evidence(self, proof: Equivocation, message: Hash | None = None, *, needed: bool = False) -> bool:
        """Remember an equivocation; False when the offence is known, or there is no room for it.

        Args:
            proof: By whom, and in which slot.
            message: Digest of what proves it.
            needed: A round's inputs name it: it is kept whatever there is of the same member.
        """
        name = offence(proof)
        known = name in self._evidence
        of_offender = sum(item.offender == proof.offender for item in self._evidence.values())
        if not known and not needed and of_offender >= EVIDENCE_PER_MEMBER_MAX:
            return False
        self._evidence[name] = proof
        if message is not None:
            self._proofs.setdefault(name, message)
        return not known

    def digests(self) -> tuple[Hash, ...]:
        """Of every message waiting here."""
        proofs = (self._proofs[name] for name in self._evidence if name in self._proofs)
        return (*self._jobs, *self._cancels, *proofs, *self.lobby.digests())

    def attested(self, state: ChainState) -> tuple[AttestedMessage, ...]:
        """What this member attests to beyond a round's own messages, given what is decided."""
        open_jobs = {job.terms.job: job.terms for job in state.jobs if job.status is JobStatus.OPEN}
        known = {job.terms.job for job in state.jobs}
        news = [
            AttestedMessage(Kind.JOB, message.sender, digest)
            for digest, message in self._jobs.items()
            if message.body.job not in known
        ]
        news += [
            AttestedMessage(Kind.CANCEL, message.sender, digest)
            for digest, message in self._cancels.items()
            if message.body.job in open_jobs and open_jobs[message.body.job].coordinator == message.sender
        ]
        news += [AttestedMessage(Kind.EXPIRY, NOBODY, Hash(job)) for job in self._expired if job in open_jobs]
        settled = {member.node: member.settled for member in state.members}
        news += [
            AttestedMessage(Kind.EVIDENCE, proof.offender, name)
            for name, proof in self._evidence.items()
            if _is_open(proof, settled.get(proof.offender), state) or self._voids(proof, state)
        ]
        return (*news, *self.lobby.attested(state))

    def job(self, digest: Hash) -> Signed[JobTerms] | None:
        """A job by its message's digest."""
        return self._jobs.get(digest)

    def cancel(self, digest: Hash) -> Signed[JobCancel] | None:
        """A cancellation by its message's digest."""
        return self._cancels.get(digest)

    def evidence(self) -> tuple[Equivocation, ...]:
        """Every equivocation at hand."""
        return tuple(self._evidence.values())

    def _voids(self, proof: Equivocation, state: ChainState) -> bool:
        """Whether it empties a slot of a round to come: that is needed even of who is punished already."""
        return proof.kind in ROUND_KINDS and state.height < proof.height <= state.plans[-1].height

    def proofs(self, offences: tuple[Hash, ...]) -> tuple[Hash, ...]:
        """Digests of messages that prove these offences, as far as they are known."""
        return tuple(self._proofs[name] for name in offences if name in self._proofs)

    def forget(self, state: ChainState) -> None:
        """Drop what the decided rounds have taken up.

        Evidence stays until every round is decided that may have been attested before its punishment was known.
        """
        known = {job.terms.job: job.status for job in state.jobs}
        self._jobs = {key: item for key, item in self._jobs.items() if item.body.job not in known}
        self._cancels = {
            key: item for key, item in self._cancels.items() if known.get(item.body.job) in {None, JobStatus.OPEN}
        }
        self._expired = {job for job in self._expired if known.get(job) is JobStatus.OPEN}
        self.lobby.forget(state)
        self._forget_evidence(state)
        self._proofs = {name: digest for name, digest in self._proofs.items() if name in self._evidence}

    def _forget_evidence(self, state: ChainState) -> None:
        members = {member.node: member.settled for member in state.members}
        for name, proof in list(self._evidence.items()):
            settled = members.get(proof.offender)
            if settled is not None and proof.height > settled:
                continue
            # All rounds planned by now may have been attested by who did not know of the punishment.
            if settled is None or state.height >= self._leaves.setdefault(name, state.plans[-1].height):
                del self._evidence[name]
        self._leaves = {name: height for name, height in self._leaves.items() if name in self._evidence}
