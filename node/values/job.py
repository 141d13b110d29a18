"""A job: what a coordinator signs, and all that decides its result."""

from __future__ import annotations

from dataclasses import dataclass

from consensus.types import JobId, JobTerms, NodeId
from node.values.crate import CratePin


@dataclass(frozen=True, slots=True)
class Sampling:
    """How language models sample; signed, so that local settings never drift. Thousandths where fractional."""

    temperature_milli: int = 200
    top_p_milli: int = 950
    max_tokens: int = 2048
    seed: int = 0


@dataclass(frozen=True, slots=True)
class JobSpec:
    """The signed words of a job."""

    title: str
    crates: tuple[CratePin, ...]
    categories: tuple[str, ...]
    quota: int
    """Examples to accept per crate and category."""
    generators: int
    candidates: int
    """Per generator, task and attempt."""
    raters: int
    accept_bp: int
    review_bp: int
    budget: int
    """Slots that may be issued over the whole job."""
    deadline_unix_s: int
    preset_hash: bytes
    sampling: Sampling
    prompt_set_digest: bytes
    """Digest of the versioned prompt files; zero for engines without prompts."""

    def terms(self, job: JobId, coordinator: NodeId) -> JobTerms:
        """The part that decides rounds."""
        return JobTerms(
            job=job,
            coordinator=coordinator,
            crates=tuple(pin.label for pin in self.crates),
            categories=self.categories,
            quota=self.quota,
            generators=self.generators,
            candidates=self.candidates,
            raters=self.raters,
            accept_bp=self.accept_bp,
            review_bp=self.review_bp,
            budget=self.budget,
        )


@dataclass(frozen=True, slots=True)
class JobCancel:
    """The coordinator withdraws a job; signed by anybody else it means nothing."""

    job: JobId
