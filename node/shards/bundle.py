"""The certificate bundle: everything that ties a shard file to a genesis, so that it verifies on its own, offline.

It travels twice, as metadata inside the Parquet file and as `<shard>.certificate.json` beside it, the same bytes.
"""

from __future__ import annotations

from dataclasses import dataclass

from consensus.params import Preset
from consensus.shard import ShardLeaf
from consensus.types import Certificate, ChainState, Hash, JobId, ShardHead, Snapshot
from node.shards.json_form import JsonFormError, dump_json, parse_json
from node.shards.report import Step, StepError

BUNDLE_BYTES_MAX = 32 << 20


@dataclass(frozen=True, slots=True)
class EpochHop:
    """The certificate of an epoch's last round, and the snapshot of the epoch after the next that it names."""

    certificate: Certificate
    snapshot: Snapshot


@dataclass(frozen=True, slots=True)
class Bundle:
    """What a shard file proves, and with what."""

    network: Hash
    """Hash of the genesis."""
    hops: tuple[EpochHop, ...]
    """From the genesis to the round's epoch, in order (`hops_needed`)."""
    certificate: Certificate
    """Of the round that accepted the rows; on its header everything hangs."""
    job: JobId
    split: str
    leaves: tuple[Hash, ...]
    """Digest of every leaf of the round's shard of the job, in order, so that a wrong row can be named."""
    absent: tuple[ShardLeaf, ...]
    """Leaves of the shard whose rows are in the files of other splits, in order; usually none."""

    @property
    def height(self) -> int:
        """Of the round that accepted the rows."""
        return self.certificate.header.height

    @property
    def head(self) -> ShardHead:
        """What the header says of the job's shard.

        Raises:
            StepError: It says nothing of this job.
        """
        heads = [head for head in self.certificate.header.shards if head.job == self.job]
        if len(heads) != 1:
            raise StepError(
                Step.CERTIFICATE, f"round {self.height} has {len(heads)} shards of job {self.job.hex()[:16]}"
            )
        return heads[0]


def dump_bundle(bundle: Bundle) -> bytes:
    """The bundle as JSON (`json_form`)."""
    return dump_json(bundle)


def parse_bundle(data: bytes) -> Bundle:
    """Parse a bundle. Parsing verifies nothing.

    Raises:
        StepError: Not the JSON of a bundle.
    """
    try:
        return parse_json(Bundle, data, bytes_max=BUNDLE_BYTES_MAX)
    except JsonFormError as error:
        raise StepError(Step.BUNDLE, f"not a certificate bundle: {error}") from error


def epoch_hop(certificate: Certificate, state: ChainState) -> EpochHop:
    """The hop that an epoch's last round makes.

    Args:
        certificate: Of that round.
        state: The chain state after it, which holds the snapshot that its header names.

    Raises:
        KeyError: The state has no such snapshot: it is of another round.
    """
    epoch = certificate.header.epoch + 2
    found = {snapshot.epoch: snapshot for snapshot in state.snapshots}
    return EpochHop(certificate, found[epoch])


def hops_needed(preset: Preset, height: int) -> tuple[int, ...]:
    """Heights whose certificates lead from the genesis to the committee of round `height`, in order (R51).

    The last round of epoch e names the snapshot of epoch e + 2, so the way goes through every second epoch.
    """
    epoch = preset.epoch_of(height)
    return tuple((known + 1) * preset.epoch_rounds for known in range(epoch % 2, epoch - 1, 2))
