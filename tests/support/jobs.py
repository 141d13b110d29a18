"""A job to change: everything that a job says, plausible, about one crate."""

import dataclasses

from node.values.crate import CratePin
from node.values.job import JobSpec, Sampling

ONE_CRATE = JobSpec(
    title="one crate",
    crates=(CratePin("strsim", "0.11.1", bytes(32), bytes(32), "MIT", "2015"),),
    categories=("code_generation",),
    quota=3,
    generators=2,
    candidates=5,
    raters=5,
    accept_bp=7000,
    review_bp=5000,
    budget=100,
    deadline_unix_s=1_800_000_000,
    preset_hash=bytes(32),
    sampling=Sampling(),
    prompt_set_digest=bytes(32),
)


def make_spec(**changes) -> JobSpec:
    """The job with some of its terms changed."""
    return dataclasses.replace(ONE_CRATE, **changes)
