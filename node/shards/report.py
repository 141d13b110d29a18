"""What verification found, step by step, in words for people and names for programs."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


class Step(Enum):
    """The steps of verifying a shard file, in the order in which they are taken (PROTOCOL section 7)."""

    FILE = "file"
    """A Parquet file of our columns, every byte as it was written."""
    BUNDLE = "bundle"
    """The certificate bundle inside parses, and is the one beside the file."""
    TRUST_ROOT = "trust root"
    EPOCH_HOPS = "epoch hops"
    CERTIFICATE = "round certificate"
    SINGLE_HEADER = "single header"
    """No second certified header contradicts this one, as far as this verifier has seen."""
    CONTENT = "content hashes"
    MERKLE_ROOT = "merkle root"
    ROW_FORM = "row form"


class StepError(Exception):
    """A step of verification does not hold.

    Attributes:
        step: Which.
    """

    def __init__(self, step: Step, message: str) -> None:
        super().__init__(message)
        self.step = step


@dataclass(frozen=True, slots=True)
class Finding:
    """One step and what came of it."""

    step: Step
    holds: bool
    detail: str
    """In numbers, e.g. `30 rows hash to their ids`."""


@dataclass(frozen=True, slots=True)
class ShardReport:
    """What verifying one file found. The steps after the first that does not hold were not taken."""

    name: str
    findings: tuple[Finding, ...]
    rows: int
    """Verified rows; 0 unless everything holds."""

    @property
    def holds(self) -> bool:
        """Whether every step was taken and holds."""
        return len(self.findings) == len(Step) and all(finding.holds for finding in self.findings)

    @property
    def failure(self) -> str:
        """What did not match, for people; empty when everything holds."""
        wrong = [finding for finding in self.findings if not finding.holds]
        return "; ".join(f"{finding.step.value}: {finding.detail}" for finding in wrong)
