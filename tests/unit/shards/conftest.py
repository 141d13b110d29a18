"""A small swarm that signs for real: rounds, epochs, certificates and the shards they prove."""

from __future__ import annotations

import dataclasses
import hashlib
import io
import json
from collections.abc import Sequence
from dataclasses import dataclass

import pyarrow.parquet as pq
import pytest
from nacl.signing import SigningKey

from consensus.certificate import build_certificate, header_hash, precommit_bytes, snapshot_root
from consensus.committee import Committee
from consensus.encoding import hash_value
from consensus.params import MINIMAL
from consensus.shard import shard_heads
from consensus.types import (
    ZERO_HASH,
    CandidateState,
    Certificate,
    Decision,
    Hash,
    Header,
    JobId,
    JobTerms,
    NodeId,
    Seat,
    Snapshot,
)
from node.shards.bundle import EpochHop, hops_needed
from node.shards.publish import DecidedShard
from node.shards.verify import ShardVerifier
from node.values.example import CATEGORIES, Example

NETWORK = Hash(hash_value("genesis", "a swarm of four"))
JOB = JobId(hash_value("job", 1))
# Names whose splits are known: three quarters of the rows go to train.
CRATES = ("itoa@1.0.0", "strsim@0.11.1", "semver@1.0.20")


def make_example(number: int, *, crate: str = CRATES[0], category: str = "code_generation") -> Example:
    name, version = crate.split("@")
    outputs = {
        "code_generation": {"code": f"pub fn f{number}() -> u32 {{ {number} }}"},
        "test_generation": {"test_cases": [f"#[test] fn t{number}() {{ assert_eq!(f(), {number}); }}"]},
        "code_search": {"code_snippet": f"fn f{number}() {{}}"},
    }
    inputs = {
        "code_generation": {"title": f"Number {number}", "description": "Gives “a number”."},
        "test_generation": {"code_to_test": "fn f() {}", "test_context": "use super::*;"},
        "code_search": {"query": "a function", "code_context": "mod a;"},
    }
    return Example(
        crate_name=name,
        input_data=json.dumps(inputs[category], ensure_ascii=False),
        output_data=json.dumps(outputs[category]),
        task_category=category,
        test="",
        crate_version=version,
        crate_checksum="ab" * 32,
        license="MIT OR Apache-2.0",
        edition="2021",
        rustc_version="1.95.0",
        source_path="src/lib.rs",
        source_span=f"{number}..{number + 10}",
        engine="source" if number % 2 else "openai",
        model=None if number % 2 else "a-model",
        prompt_digest=None if number % 2 else "cd" * 32,
        check_report=json.dumps({"compiled": True, "parsed": True, "tests_run": 1, "tests_passed": number % 3}),
        prompt_tokens=0,
        completion_tokens=number,
    )


@dataclass(frozen=True)
class Swarm:
    """Four nodes, one job, and the keys to sign anything."""

    keys: tuple[SigningKey, ...]
    terms: JobTerms

    @property
    def seats(self) -> tuple[Seat, ...]:
        return tuple(Seat(NodeId(bytes(key.verify_key)), 100) for key in self.keys)

    def snapshot(self, epoch: int) -> Snapshot:
        return Snapshot(epoch, self.seats, ZERO_HASH if epoch < 2 else hash_value("seed", epoch))

    def header(self, height: int, decisions: Sequence[Decision] = (), **changes: object) -> Header:
        epoch = MINIMAL.epoch_of(height)
        ends = MINIMAL.ends_epoch(height)
        header = Header(
            network=NETWORK,
            height=height,
            epoch=epoch,
            previous=NETWORK if height == 1 else hash_value("header before", height),
            builder=self.seats[0].node,
            builder_view=0,
            vrf_proof=bytes(80),
            attestation_root=ZERO_HASH,
            input_root=ZERO_HASH,
            outcome_root=ZERO_HASH,
            pending_root=ZERO_HASH,
            state_root=hash_value("state", height),
            snapshot_root=snapshot_root(self.snapshot(epoch + 2)) if ends else ZERO_HASH,
            ledger_head=ZERO_HASH,
            shards=shard_heads([self.terms], height, decisions),
            admitted=(),
            counts=(1, 2, 3),
        )
        return dataclasses.replace(header, **changes)

    def certify(self, header: Header, signers: Sequence[int] = (0, 1, 2), view: int = 0) -> Certificate:
        committee = Committee(self.seats)
        message = precommit_bytes(header.network, header.height, view, header_hash(header))
        signed = {self.seats[n].node: self.keys[n].sign(message).signature for n in signers}
        return build_certificate(committee, header, view, signed)

    def hops(self, height: int) -> tuple[EpochHop, ...]:
        heights = hops_needed(MINIMAL, height)
        return tuple(EpochHop(self.certify(self.header(h)), self.snapshot(MINIMAL.epoch_of(h) + 2)) for h in heights)

    def decide(
        self, examples: Sequence[Example], height: int = 10, signers: Sequence[int] = (0, 1, 2), **changes: object
    ) -> DecidedShard:
        decisions = tuple(self.decision(number, example) for number, example in enumerate(examples))
        header = self.header(height, decisions, **changes)
        return DecidedShard(
            terms=self.terms,
            certificate=self.certify(header, signers),
            hops=self.hops(height),
            decisions=decisions,
            contents={Hash(example.example_id): example.content() for example in examples},
        )

    def decision(self, number: int, example: Example) -> Decision:
        return Decision(
            job=self.terms.job,
            crate=self.terms.crates.index(f"{example.crate_name}@{example.crate_version}"),
            category=self.terms.categories.index(example.task_category),
            generator=self.seats[number % 4].node,
            task=0,
            slot=number,
            content=Hash(example.example_id),
            state=CandidateState.ACCEPTED,
            score_bp=7001 + 97 * number % 2999,
            criteria_bp=(7000 + number, 10_000, 8000, 9000 - number),
            spread_bp=137 * number % 10_000,
            raters=3 + number % 3,
            evidence_bits=1,
            cut_bits=1,
        )

    def verifier(self) -> ShardVerifier:
        return ShardVerifier(NETWORK, (self.snapshot(0), self.snapshot(1)), MINIMAL)


@pytest.fixture(scope="session")
def swarm() -> Swarm:
    keys = sorted((SigningKey(bytes([n] * 32)) for n in range(1, 5)), key=lambda key: bytes(key.verify_key))
    terms = JobTerms(
        job=JOB,
        coordinator=NodeId(bytes(32)),
        crates=CRATES,
        categories=CATEGORIES,
        quota=4,
        generators=2,
        candidates=3,
        raters=5,
        accept_bp=7000,
        review_bp=5000,
        budget=100,
    )
    return Swarm(tuple(keys), terms)


@pytest.fixture(scope="session")
def examples() -> tuple[Example, ...]:
    """Twelve rows of one crate, three categories."""
    categories = ("code_generation", "test_generation", "code_search")
    return tuple(make_example(number, category=categories[number % 3]) for number in range(12))


@pytest.fixture(scope="session")
def reseal():
    """What a forger can do: write any table with any bundle and close the seal, which is no secret."""

    def write(table, bundle, *, version=b"1", more=None) -> bytes:
        sink = io.BytesIO()
        metadata = {b"swarm.format": version, b"swarm.bundle": bundle, **(more or {}), b"swarm.seal": b"." * 64}
        with pq.ParquetWriter(sink, table.schema, store_schema=False) as writer:
            writer.write_table(table)
            writer.add_key_value_metadata(metadata)
        before, _, after = sink.getvalue().rpartition(b"." * 64)
        opened = before + b"unsealed".ljust(64, b".") + after
        return before + hashlib.sha256(opened).hexdigest().encode() + after

    return write
