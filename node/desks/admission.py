"""Which jobs a node takes: said before anything is stored, with what to change."""

from __future__ import annotations

from consensus.genesis import Genesis
from consensus.params import PRESETS, Preset
from consensus.schedule import refuse_terms
from consensus.types import JobId, Signed
from node.errors import OperatorError
from node.identity import peer_id
from node.values.example import CATEGORIES
from node.values.job import JobSpec


def check_job(job: Signed[JobSpec], *, genesis: Genesis, preset: Preset, now_s: float) -> None:
    """Refuse a job that this swarm would never work.

    Args:
        job: Its words, and who signed them.
        genesis: Of this swarm.
        preset: The swarm's numbers.
        now_s: Unix seconds.

    Raises:
        OperatorError: What its coordinator has to change.
    """
    spec, coordinator = job.body, job.sender
    check_preset(spec.preset_hash, preset)
    if genesis.coordinators and coordinator not in genesis.coordinators:
        raise OperatorError(
            f"{peer_id(coordinator)} may not submit jobs to swarm {genesis.name!r}",
            hint="Sign with the key of one of its coordinators (--key DIR): "
            + ", ".join(peer_id(node) for node in genesis.coordinators),
        )
    unknown = [name for name in spec.categories if name not in CATEGORIES]
    if unknown:
        raise unknown_category(unknown[0])
    reason = refuse_terms(spec.terms(JobId(job.digest), coordinator), preset)
    if reason is not None:
        raise OperatorError(f"the job cannot be admitted: {reason}", hint="Change that, sign the job again, submit it.")
    if spec.deadline_unix_s <= now_s:
        raise OperatorError(
            f"the job's deadline passed {_ago(now_s - spec.deadline_unix_s)} ago",
            hint="Sign it again with a later one, e.g. --deadline 2h. If it is not that old, set this machine's clock.",
        )


def check_preset(named: bytes, preset: Preset) -> None:
    """Refuse a job made for other numbers than this swarm's.

    Raises:
        OperatorError: It is.
    """
    if named == preset.hash():
        return
    known = next((other.name for other in PRESETS.values() if other.hash() == named), "an unknown preset")
    raise OperatorError(
        f"the job is made for {known} ({named.hex()[:16]}), this swarm runs {preset.name} ({preset.hash().hex()[:16]})",
        hint="Make the job anew against a node of this swarm: `swarm-node job submit --crates ...`.",
    )


def unknown_category(name: str) -> OperatorError:
    """The refusal of a category that is none."""
    return OperatorError(f"no category is called {name[:60]!r}", hint=f"There are: {', '.join(CATEGORIES)}; or `all`.")


def _ago(seconds: float) -> str:
    for unit, size in (("days", 86_400), ("hours", 3600), ("minutes", 60)):
        if seconds >= 2 * size:
            return f"{seconds // size:.0f} {unit}"
    return f"{seconds:.0f} s"
