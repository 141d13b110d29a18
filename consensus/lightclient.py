"""Trust for those who were not there: from a genesis to any round, with one certificate per epoch (R51).

Whoever pulls a shard holds the genesis, or snapshots that a contract anchored, and believes nothing else. The
certificate of an epoch's last round, signed by a committee known so far, names the snapshot of the epoch after the
next; with it the committees of that epoch are known, and so on. Rounds in between need no certificate.
"""

from __future__ import annotations

from collections.abc import Iterable

from consensus.certificate import Verify, header_hash, snapshot_root, verify_certificate, verify_ed25519
from consensus.committee import Committee
from consensus.draw import draw_committee
from consensus.errors import RefusedError
from consensus.params import Preset
from consensus.types import Certificate, Hash, Header, Snapshot


class ForkError(RefusedError):
    """Two certified headers contradict each other: more than a third of some committee's weight is dishonest.

    Attributes:
        first: The certificate that came first.
        second: The one that contradicts it. Neither is to be believed.
    """

    def __init__(self, message: str, first: Certificate, second: Certificate) -> None:
        super().__init__("fork", message)
        self.first = first
        self.second = second


class TrustedChain:
    """What a verifier has seen proven of one swarm's chain. It only ever learns; a refusal teaches it nothing."""

    def __init__(
        self, network: Hash, snapshots: Iterable[Snapshot], preset: Preset, verify: Verify = verify_ed25519
    ) -> None:
        """Start from what is believed without proof.

        Args:
            network: Hash of the genesis.
            snapshots: Of epochs 0 and 1 from the genesis, or anchored ones. A hop leads two epochs on, so two that
                follow each other are needed to get to every later epoch.
            preset: The numbers that the genesis names; the caller has compared its hash.
            verify: How signatures are checked.
        """
        self._network, self._preset, self._verify = network, preset, verify
        self._snapshots = {snapshot.epoch: snapshot for snapshot in snapshots}
        self._certificates: dict[int, Certificate] = {}

    @property
    def epochs(self) -> tuple[int, ...]:
        """Epochs whose committees are known, in order."""
        return tuple(sorted(self._snapshots))

    def next_hop(self, epoch: int) -> int | None:
        """Height of the certificate that the way to `epoch` needs next; None once the epoch is known.

        Raises:
            RefusedError: No hops from the known epochs lead there (no fault).
        """
        if epoch in self._snapshots:
            return None
        starts = [known for known in self._snapshots if known < epoch and (epoch - known) % 2 == 0]
        if not starts:
            raise RefusedError("unknown-epoch", f"no way to epoch {epoch} from {self.epochs}", fault=False)
        return (max(starts) + 1) * self._preset.epoch_rounds

    def hop(self, certificate: Certificate, snapshot: Snapshot) -> None:
        """Learn the snapshot that an epoch's last certified header names.

        Raises:
            RefusedError: The certificate is refused (`accept`), is not of an epoch's last round, or names another
                snapshot than this.
        """
        header = certificate.header
        if not self._preset.ends_epoch(header.height):
            raise RefusedError("wrong-height", f"height {header.height} is not the last of epoch {header.epoch}")
        if snapshot.epoch != header.epoch + 2:
            raise RefusedError(
                "wrong-snapshot", f"a snapshot for epoch {snapshot.epoch} where {header.epoch + 2} is due"
            )
        root = snapshot_root(snapshot)
        if root != header.snapshot_root:
            raise RefusedError(
                "wrong-snapshot", f"snapshot {root.hex()[:16]} where the header names {header.snapshot_root.hex()[:16]}"
            )
        self.accept(certificate)
        self._snapshots[snapshot.epoch] = snapshot

    def accept(self, certificate: Certificate) -> Header:
        """Learn one decided round and return its header.

        Raises:
            ForkError: Another header of this height is certified, or a neighbour that does not link with this one.
            RefusedError: Its epoch is not known yet (`unknown-epoch`, no fault) or without weight; the header's
                epoch does not fit its height, or the certificate does not hold (`certificate.verify_certificate`).
        """
        header = certificate.header
        epoch = self._preset.epoch_of(header.height)
        if header.height < 1 or header.epoch != epoch:
            raise RefusedError("wrong-height", f"height {header.height} is not in epoch {header.epoch}")
        if epoch not in self._snapshots:
            raise RefusedError("unknown-epoch", f"epoch {epoch} is beyond the known {self.epochs}", fault=False)
        verify_certificate(certificate, self._network, self._committee(epoch, header.height), self._verify)
        self._check_neighbours(certificate)
        return self._certificates.setdefault(header.height, certificate).header

    def _committee(self, epoch: int, height: int) -> Committee:
        try:
            return Committee(draw_committee(self._snapshots[epoch], height, self._preset))
        except ValueError as error:  # believed without proof, or certified: either way nobody can go on from it
            raise RefusedError(
                "wrong-snapshot", f"no committee follows from epoch {epoch}'s snapshot: {error}"
            ) from error

    def _check_neighbours(self, certificate: Certificate) -> None:
        header, height = certificate.header, certificate.header.height
        same = self._certificates.get(height)
        if same is not None and same.header != header:
            raise ForkError(f"two headers of height {height} are certified", same, certificate)
        before = self._certificates.get(height - 1)
        if before is not None and header.previous != header_hash(before.header):
            raise ForkError(f"the certified headers {height - 1} and {height} do not link", before, certificate)
        after = self._certificates.get(height + 1)
        if after is not None and after.header.previous != header_hash(header):
            raise ForkError(f"the certified headers {height} and {height + 1} do not link", after, certificate)
        if height == 1 and header.previous != self._network:
            raise RefusedError("wrong-previous", "the first header does not extend the genesis")
