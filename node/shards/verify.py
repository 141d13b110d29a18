"""Verifying a shard file, step by step, with nothing believed but the trust root (PROTOCOL section 7, R51).

No row is handed out, and none is even unpacked, before the certificate has said how many there are and under which
root. What verification promises: these are exactly the rows that more than two thirds of the swarm's weight signed
for, all of them that belong to this split, unchanged in every column and byte.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TypeVar

from consensus.encoding import hash_value
from consensus.errors import RefusedError
from consensus.lightclient import ForkError, TrustedChain
from consensus.merkle import merkle_root
from consensus.params import Preset
from consensus.shard import ShardLeaf
from consensus.types import Hash, Snapshot
from node.errors import ExitCode, OperatorError
from node.shards.bundle import BUNDLE_BYTES_MAX, Bundle, EpochHop, hops_needed, parse_bundle
from node.shards.layout import SHARD_BYTES_MAX, LayoutError, ShardFile
from node.shards.names import CERTIFICATE_FOLDER, parse_shard_name, shard_name
from node.shards.report import Finding, ShardReport, Step, StepError
from node.shards.row import RowError, ShardRow, check_form
from node.shards.splits import split_of

T = TypeVar("T")


class ShardVerifier:
    """Verifies any number of files of one swarm, and notices when two of them contradict each other."""

    def __init__(self, network: Hash, snapshots: Iterable[Snapshot], preset: Preset) -> None:
        """Start from what is believed without proof.

        Args:
            network: Hash of the genesis.
            snapshots: Of epochs 0 and 1 from the genesis, or anchored ones.
            preset: The numbers that the genesis names.
        """
        self._network, self._preset = network, preset
        self._chain = TrustedChain(network, snapshots, preset)
        self._start = min(self._chain.epochs)
        self._hops_taken: set[Hash] = set()

    def verify_file(self, path: Path) -> ShardReport:
        """Verify a file together with the bundle that lies beside it or in the data set's certificate folder.

        Raises:
            OperatorError: The file cannot be read.
        """
        data = read_bounded(path, SHARD_BYTES_MAX)
        named = path.stem if parse_shard_name(path.stem) else None  # a file may be called anything, but not falsely
        places = (path.parent, path.parent.parent / CERTIFICATE_FOLDER)
        found = [place / f"{path.stem}.certificate.json" for place in places]
        beside = [read_bounded(place, BUNDLE_BYTES_MAX) for place in found if place.is_file()]
        report, _ = self.verify(data, name=named, beside=beside[0] if beside else None)
        return dataclasses.replace(report, name=path.stem)

    def verify(
        self, data: bytes, *, name: str | None = None, beside: bytes | None = None
    ) -> tuple[ShardReport, tuple[ShardRow, ...]]:
        """Verify a file's bytes.

        Args:
            data: The Parquet file.
            name: What the file is called without its suffix; None if its name says nothing.
            beside: The bundle that lies beside the file, which must be the one inside.

        Returns:
            The report, and the rows in the file's order; no rows unless everything holds.
        """
        verification = _Findings()
        try:
            rows = self._verify(verification, data, name, beside)
        except StepError as error:
            verification.add(error.step, str(error), holds=False)
            rows = ()
        return ShardReport(name or "shard", tuple(verification.found), len(rows)), rows

    def verify_bundle(self, data: bytes) -> Bundle:
        """Verify a bundle without its file: the steps from the bundle to the single header.

        Raises:
            StepError: Names the first step that does not hold.
        """
        bundle = parse_bundle(data)
        self._verify_chain(_Findings(), bundle)
        return bundle

    def _verify(self, findings: _Findings, data: bytes, name: str | None, beside: bytes | None) -> tuple[ShardRow, ...]:
        file = _step(Step.FILE, lambda: ShardFile(data))
        findings.add(Step.FILE, f"{len(data)} bytes as written, {file.rows} rows")
        bundle = parse_bundle(file.bundle)
        if beside is not None and beside != file.bundle:
            raise StepError(Step.BUNDLE, "the certificate beside the file is not the one inside it")
        expected = shard_name(bundle.split, bundle.job, bundle.height)
        if name is not None and parse_shard_name(name) != expected:
            raise StepError(Step.BUNDLE, f"the file is named {name} and holds {expected}")
        findings.add(Step.BUNDLE, f"round {bundle.height}, job {bundle.job.hex()[:16]}, split {bundle.split}")
        self._verify_chain(findings, bundle)
        _check_leaves(bundle, file.rows)  # before unpacking: it bounds the rows
        rows = _step(Step.CONTENT, file.read)
        findings.add(Step.CONTENT, f"{len(rows)} rows hash to their ids")
        _check_rows(bundle, rows)
        findings.add(
            Step.MERKLE_ROOT, f"{len(rows)} of {bundle.head.rows} rows under root {bundle.head.root.hex()[:16]}"
        )
        _step(Step.ROW_FORM, lambda: _check_forms(rows))
        findings.add(Step.ROW_FORM, "every row has its category's form")
        return rows

    def _verify_chain(self, findings: _Findings, bundle: Bundle) -> None:
        if bundle.network != self._network:
            trusted = self._network.hex()[:16]
            raise StepError(Step.TRUST_ROOT, f"made in network {bundle.network.hex()[:16]}, trusted is {trusted}")
        findings.add(Step.TRUST_ROOT, f"network {self._network.hex()[:16]}")
        heights = tuple(hop.certificate.header.height for hop in bundle.hops)
        if heights != hops_needed(self._preset, bundle.height):
            raise StepError(
                Step.EPOCH_HOPS, f"hops at heights {list(heights)[:8]} do not lead to round {bundle.height}"
            )
        for hop in bundle.hops:
            self._take_hop(hop)
        findings.add(
            Step.EPOCH_HOPS, f"{len(bundle.hops)} certificates to epoch {self._preset.epoch_of(bundle.height)}"
        )
        header = _step(Step.CERTIFICATE, lambda: self._chain.accept(bundle.certificate))
        signatures = len(bundle.certificate.signatures)
        findings.add(Step.CERTIFICATE, f"round {header.height}, {signatures} signatures; {bundle.head.rows} rows")
        findings.add(Step.SINGLE_HEADER, "no other certified header seen")

    def _take_hop(self, hop: EpochHop) -> None:
        if hop.certificate.header.epoch < self._start:
            return  # before an anchored trust root: nothing that is believed hangs on it
        known = hash_value("epoch-hop", hop)
        if known not in self._hops_taken:  # a thousand files share their hops; each is paid for once
            _step(Step.EPOCH_HOPS, lambda: self._chain.hop(hop.certificate, hop.snapshot))
            self._hops_taken.add(known)


class _Findings:
    """The steps taken so far."""

    def __init__(self) -> None:
        self.found: list[Finding] = []

    def add(self, step: Step, detail: str, *, holds: bool = True) -> None:
        self.found.append(Finding(step, holds, detail))


def _step(step: Step, act: Callable[[], T]) -> T:
    """Carry out one step; what it raises becomes the step's failure."""
    try:
        return act()
    except ForkError as error:
        raise StepError(Step.SINGLE_HEADER, str(error)) from error
    except (RefusedError, LayoutError, RowError) as error:
        raise StepError(step, str(error)) from error


def _check_leaves(bundle: Bundle, rows: int) -> None:
    head = bundle.head
    if len(bundle.leaves) != head.rows or rows + len(bundle.absent) != head.rows:
        raise StepError(
            Step.MERKLE_ROOT,
            f"{rows} rows, {len(bundle.absent)} in other splits and {len(bundle.leaves)} leaves, {head.rows} certified",
        )
    root = merkle_root(bundle.leaves)
    if root != head.root:
        raise StepError(
            Step.MERKLE_ROOT, f"the leaves have root {root.hex()[:16]}, certified is {head.root.hex()[:16]}"
        )


def _check_rows(bundle: Bundle, rows: tuple[ShardRow, ...]) -> None:
    own = {row.leaf.content: number for number, row in enumerate(rows)}
    if [row.leaf.content for row in rows] != sorted(own):
        raise StepError(Step.MERKLE_ROOT, "the rows are not sorted by content hash, each once")
    merged = sorted([*(row.leaf for row in rows), *bundle.absent], key=lambda leaf: leaf.content)
    for leaf, certified in zip(merged, bundle.leaves, strict=True):
        place = f"row {own[leaf.content]}" if leaf.content in own else "a row of another split"
        if leaf.digest() != certified:
            raise StepError(Step.MERKLE_ROOT, f"{place} is not as certified: {_suspects(bundle, leaf)}")
        if (_split(leaf) == bundle.split) != (leaf.content in own):
            raise StepError(Step.MERKLE_ROOT, f"{place} of crate {leaf.crate} belongs to split {_split(leaf)}")


def _check_forms(rows: tuple[ShardRow, ...]) -> None:
    for number, row in enumerate(rows):
        try:
            check_form(row.example)
        except RowError as error:
            raise RowError(f"row {number}: {error}") from error


def _split(leaf: ShardLeaf) -> str:
    return split_of(leaf.crate.partition("@")[0])


def _suspects(bundle: Bundle, leaf: ShardLeaf) -> str:
    """Which provenance columns can be wrong. Content is not among them: it hashed to its id."""
    if leaf.job != bundle.job:
        return f"job_id is {leaf.job.hex()[:16]}.."
    if leaf.height != bundle.height:
        return f"round_id is {leaf.height}"
    return "its scores, score_spread, rater_count, generator or example_id were changed"


def read_bounded(path: Path, bytes_max: int) -> bytes:
    """Read a file of at most `bytes_max` bytes.

    Raises:
        OperatorError: There is none, it is larger, or it cannot be read.
    """
    try:
        with path.open("rb") as file:
            data = file.read(bytes_max + 1)
    except OSError as error:
        raise OperatorError(
            f"{path} cannot be read: {error.strerror}", hint="Give the path of a shard file or of a data set's folder."
        ) from error
    if len(data) > bytes_max:
        raise OperatorError(
            f"{path} has more than {bytes_max} bytes", hint="It is no shard of ours.", exit_code=ExitCode.NOT_SO
        )
    return data
