"""What waits to be attested: new jobs, cancellations, passed deadlines, evidence. Bounded, and emptied by rounds."""

from __future__ import annotations

from consensus.evidence import offence
from consensus.inputs import NOBODY
from consensus.types import AttestedMessage, ChainState, Equivocation, Hash, JobId, JobStatus, JobTerms, Kind, Signed
from node.values.job import JobCancel

JOBS_MAX = 256
"""Unadmitted jobs kept; a coordinator whose job does not fit submits it again."""
EVIDENCE_MAX = 256


class Mempool:
    """News that no decided round has taken up yet."""

    def __init__(self) -> None:
        self._jobs: dict[Hash, Signed[JobTerms]] = {}
        self._cancels: dict[Hash, Signed[JobCancel]] = {}
        self._expired: set[JobId] = set()
        self._evidence: dict[Hash, Equivocation] = {}
        self._proofs: dict[Hash, Hash] = {}

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

    def add_evidence(self, proof: Equivocation, message: Hash | None = None) -> bool:
        """Remember an equivocation; False when the offence is known. `message` is the digest of what proves it."""
        name = offence(proof)
        if message is not None:
            self._proofs.setdefault(name, message)
        if name in self._evidence or len(self._evidence) >= EVIDENCE_MAX:
            return False
        self._evidence[name] = proof
        return True

    def digests(self) -> tuple[Hash, ...]:
        """Of every message waiting here."""
        return (*self._jobs, *self._cancels, *(self._proofs[name] for name in self._evidence if name in self._proofs))

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
        news += [AttestedMessage(Kind.EVIDENCE, proof.offender, name) for name, proof in self._evidence.items()]
        return tuple(news)

    def job(self, digest: Hash) -> Signed[JobTerms] | None:
        """A job by its message's digest."""
        return self._jobs.get(digest)

    def cancel(self, digest: Hash) -> Signed[JobCancel] | None:
        """A cancellation by its message's digest."""
        return self._cancels.get(digest)

    def evidence(self) -> tuple[Equivocation, ...]:
        """Every equivocation at hand."""
        return tuple(self._evidence.values())

    def forget(self, state: ChainState, offences: tuple[Hash, ...]) -> None:
        """Drop what the decided rounds have taken up."""
        known = {job.terms.job: job.status for job in state.jobs}
        self._jobs = {key: item for key, item in self._jobs.items() if item.body.job not in known}
        self._cancels = {
            key: item for key, item in self._cancels.items() if known.get(item.body.job) in {None, JobStatus.OPEN}
        }
        self._expired = {job for job in self._expired if known.get(job) is JobStatus.OPEN}
        for name in offences:
            self._evidence.pop(name, None)
            self._proofs.pop(name, None)
