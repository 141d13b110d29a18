"""A shard is refused for every wrong byte, column, row, signature and hop, and says what did not match (R51)."""

import dataclasses
import io
import random

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from consensus.params import MINIMAL
from consensus.types import CRITERIA, ZERO_HASH, Hash, JobId
from node.errors import OperatorError
from node.shards.bundle import EpochHop, dump_bundle, hops_needed, parse_bundle
from node.shards.catalog import refresh_catalog, verify_dataset
from node.shards.layout import COLUMNS, ShardFile, schema
from node.shards.names import certificate_path, data_path
from node.shards.publish import build_shard, publish_shard
from node.shards.report import Step, StepError
from node.shards.splits import split_of
from node.shards.verify import ShardVerifier


@pytest.fixture(scope="module")
def shard(swarm, examples):
    (file,) = build_shard(swarm.decide(examples))
    return file


@pytest.fixture(scope="module")
def bundle(shard):
    return parse_bundle(shard.bundle)


def refused_at(verifier, data, **options) -> tuple[Step, str]:
    report, rows = verifier.verify(data, **options)
    assert not report.holds
    assert rows == ()
    assert report.rows == 0
    assert not report.findings[-1].holds
    assert all(finding.holds for finding in report.findings[:-1])
    return report.findings[-1].step, report.failure


def test_an_honest_shard_holds_at_every_step(swarm, shard, examples):
    report, rows = swarm.verifier().verify(shard.data, name=str(shard.name), beside=shard.bundle)
    assert report.holds, report.failure
    assert [finding.step for finding in report.findings] == list(Step)
    assert report.rows == len(rows) == len(examples)
    assert {row.example for row in rows} == set(examples)
    assert report.failure == ""


# Bytes


def test_a_changed_byte_anywhere_in_the_file_is_refused(swarm, shard):
    dice = random.Random(5)
    positions = {*range(0, len(shard.data), 5), *range(len(shard.data) - 200, len(shard.data)), *range(50)}
    for position in sorted(positions):
        data = bytearray(shard.data)
        data[position] ^= 1 << dice.randrange(8)
        step, reason = refused_at(swarm.verifier(), bytes(data))
        assert step is Step.FILE, position
        assert "changed" in reason or "Parquet" in reason or "format" in reason or "seal" in reason, reason


@pytest.mark.parametrize("change", [lambda d: d[:-1], lambda d: d[1:], lambda d: d + b"\0", lambda d: d[: len(d) // 2]])
def test_a_shortened_or_lengthened_file_is_refused(swarm, shard, change):
    assert refused_at(swarm.verifier(), change(shard.data))[0] is Step.FILE


def test_a_changed_byte_anywhere_in_the_certificate_is_refused_even_with_the_seal_closed_again(swarm, shard, reseal):
    """The forger knows how files are sealed. What he cannot do is sign."""
    table = pq.read_table(io.BytesIO(shard.data))
    verifier = swarm.verifier()
    assert verifier.verify(reseal(table, shard.bundle))[0].holds
    dice = random.Random(7)
    for position in range(0, len(shard.bundle), 7):
        bundle = bytearray(shard.bundle)
        bundle[position] = ord(dice.choice('0123456789abcdef"[]{},:'))
        if bytes(bundle) == shard.bundle:
            continue
        step, _ = refused_at(verifier, reseal(table, bytes(bundle)))
        assert step is not Step.FILE, position


def test_a_changed_byte_in_the_certificate_beside_the_file_is_refused(swarm, shard):
    for position in range(0, len(shard.bundle), 50):
        beside = bytearray(shard.bundle)
        beside[position] ^= 1
        step, reason = refused_at(swarm.verifier(), shard.data, beside=bytes(beside))
        assert (step, "beside the file" in reason) == (Step.BUNDLE, True)


# Columns


OTHER_CELLS = {
    "example_id": "00" * 32,
    "job_id": "00" * 32,
    "generator": "00" * 32,
    "consensus_score": 0.9999,
    "score_spread": 0.4321,
    "round_id": 11,
    "rater_count": 2,
    "input_data": '{"title": "Other", "description": "Words"}',
    **dict.fromkeys(CRITERIA, 0.1234),
}


@pytest.mark.parametrize("column", [name for name, _ in COLUMNS])
def test_a_changed_column_is_refused_and_named(swarm, shard, reseal, column):
    table = pq.read_table(io.BytesIO(shard.data))
    cells = table.to_pylist()
    before = cells[4][column]
    cells[4][column] = OTHER_CELLS.get(column, before + 1 if isinstance(before, int) else "other words")
    assert cells[4][column] != before
    step, reason = refused_at(swarm.verifier(), reseal(pa.Table.from_pylist(cells, schema=schema()), shard.bundle))
    provenance = {"job_id", "round_id", "generator", "consensus_score", *CRITERIA, "rater_count", "score_spread"}
    if column in provenance:
        assert (step, "row 4 is not as certified" in reason) == (Step.MERKLE_ROOT, True), reason
        named = column if column in {"job_id", "round_id"} else "scores" if column in CRITERIA else column[-5:]
        assert named in reason
    else:
        assert (step, "row 4: example_id" in reason) == (Step.CONTENT, True), reason


def test_a_changed_row_with_its_id_made_to_fit_is_refused(swarm, shard, reseal):
    rows = list(ShardFile(shard.data).read())
    example = dataclasses.replace(rows[3].example, test="assert!(true)")
    cells = pq.read_table(io.BytesIO(shard.data)).to_pylist()
    cells[3] |= {"test": example.test, "example_id": example.example_id.hex()}
    cells.sort(key=lambda row: row["example_id"])
    data = reseal(pa.Table.from_pylist(cells, schema=schema()), shard.bundle)
    step, reason = refused_at(swarm.verifier(), data)
    assert (step, "not as certified" in reason) == (Step.MERKLE_ROOT, True)


# Rows


@pytest.mark.parametrize("change", ["dropped", "added", "repeated", "reordered"])
def test_dropped_added_repeated_and_reordered_rows_are_refused(swarm, shard, reseal, change):
    cells = pq.read_table(io.BytesIO(shard.data)).to_pylist()
    changed = {
        "dropped": cells[1:],
        "added": [*cells, cells[0] | {"example_id": "ff" * 32}],
        "repeated": [cells[0], *cells[:-1]],
        "reordered": [cells[1], cells[0], *cells[2:]],
    }[change]
    step, reason = refused_at(swarm.verifier(), reseal(pa.Table.from_pylist(changed, schema=schema()), shard.bundle))
    assert step is Step.MERKLE_ROOT
    assert reason


def test_a_dropped_row_cannot_be_passed_off_as_another_splits(swarm, shard, bundle, reseal):
    cells = pq.read_table(io.BytesIO(shard.data)).to_pylist()
    dropped = ShardFile(shard.data).read()[0].leaf
    forged = dataclasses.replace(bundle, absent=(dropped,))
    data = reseal(pa.Table.from_pylist(cells[1:], schema=schema()), dump_bundle(forged))
    step, reason = refused_at(swarm.verifier(), data)
    assert (step, "belongs to split train" in reason) == (Step.MERKLE_ROOT, True)


def test_rows_cannot_be_passed_off_as_another_splits(swarm, shard, bundle, reseal):
    table = pq.read_table(io.BytesIO(shard.data))
    forged = dataclasses.replace(bundle, split="test")
    step, reason = refused_at(swarm.verifier(), reseal(table, dump_bundle(forged)))
    assert (step, "row 0" in reason) == (Step.MERKLE_ROOT, True)


def test_leaves_that_do_not_give_the_certified_root_are_refused(swarm, shard, bundle, reseal):
    table = pq.read_table(io.BytesIO(shard.data))
    leaves = (Hash(bytes(32)), *bundle.leaves[1:])
    data = reseal(table, dump_bundle(dataclasses.replace(bundle, leaves=leaves)))
    assert refused_at(swarm.verifier(), data)[0] is Step.MERKLE_ROOT
    data = reseal(table, dump_bundle(dataclasses.replace(bundle, leaves=leaves[1:])))
    assert "12 certified" in refused_at(swarm.verifier(), data)[1]


def test_rows_of_another_form_than_their_category_are_refused_although_certified(swarm, examples):
    malformed = dataclasses.replace(examples[0], output_data="{'code': 'a python literal'}")
    (file,) = build_shard(swarm.decide([malformed, *examples[1:]]))
    step, reason = refused_at(swarm.verifier(), file.data)
    assert (step, "output_data: not strict JSON" in reason) == (Step.ROW_FORM, True)


# Trust


def with_bundle(shard, reseal, bundle) -> bytes:
    return reseal(pq.read_table(io.BytesIO(shard.data)), dump_bundle(bundle))


def test_another_swarms_shard_is_refused(swarm, shard):
    stranger = ShardVerifier(Hash(bytes([1] * 32)), (swarm.snapshot(0), swarm.snapshot(1)), MINIMAL)
    assert refused_at(stranger, shard.data)[0] is Step.TRUST_ROOT


def test_another_genesis_committee_refuses_the_first_certificate(swarm, shard):
    fewer = [dataclasses.replace(swarm.snapshot(epoch), seats=swarm.seats[1:]) for epoch in (0, 1)]
    assert refused_at(ShardVerifier(swarm.header(1).network, fewer, MINIMAL), shard.data)[0] is Step.EPOCH_HOPS


def test_two_thirds_of_the_weight_are_not_enough_and_three_quarters_are(swarm, examples):
    (enough,) = build_shard(swarm.decide(examples, signers=(0, 1, 3)))
    assert swarm.verifier().verify(enough.data)[0].holds
    (short,) = build_shard(swarm.decide(examples, signers=(0, 1)))
    step, reason = refused_at(swarm.verifier(), short.data)
    assert (step, "2 of 4 signatures" in reason) == (Step.CERTIFICATE, True)


def test_a_forged_signature_is_refused(swarm, shard, bundle, reseal):
    certificate = dataclasses.replace(bundle.certificate, signatures=(bytes(64), *bundle.certificate.signatures[1:]))
    forged = dataclasses.replace(bundle, certificate=certificate)
    step, reason = refused_at(swarm.verifier(), with_bundle(shard, reseal, forged))
    assert (step, "signature 1 of 3" in reason) == (Step.CERTIFICATE, True)


def test_a_job_that_the_round_says_nothing_of_is_refused(swarm, shard, bundle, reseal):
    forged = dataclasses.replace(bundle, job=JobId(bytes(32)))
    step, reason = refused_at(swarm.verifier(), with_bundle(shard, reseal, forged))
    assert (step, "0 shards of job" in reason) == (Step.CERTIFICATE, True)


@pytest.mark.parametrize("height", [1, 4, 8, 9, 12, 13, 29])
def test_hops_lead_from_the_genesis_to_every_epoch(swarm, examples, height):
    (file,) = build_shard(swarm.decide(examples[:2], height=height))
    report, _ = swarm.verifier().verify(file.data)
    assert report.holds, report.failure
    assert len(parse_bundle(file.bundle).hops) == (height - 1) // 4 // 2


def test_missing_superfluous_and_misplaced_hops_are_refused(swarm, examples, reseal):
    (file,) = build_shard(swarm.decide(examples[:2], height=18))
    bundle = parse_bundle(file.bundle)
    assert len(bundle.hops) == len(hops_needed(MINIMAL, 18)) == 2
    for hops in ((), bundle.hops[:1], bundle.hops[::-1], (*bundle.hops, bundle.hops[1]), swarm.hops(22)[:2][::-1]):
        forged = dataclasses.replace(bundle, hops=hops)
        assert refused_at(swarm.verifier(), with_bundle(file, reseal, forged))[0] is Step.EPOCH_HOPS


def test_a_snapshot_that_the_hop_does_not_name_is_refused(swarm, shard, bundle, reseal):
    (hop,) = bundle.hops
    usurped = EpochHop(hop.certificate, dataclasses.replace(hop.snapshot, seats=swarm.seats[:1]))
    forged = dataclasses.replace(bundle, hops=(usurped,))
    step, reason = refused_at(swarm.verifier(), with_bundle(shard, reseal, forged))
    assert (step, "snapshot" in reason) == (Step.EPOCH_HOPS, True)


def test_an_anchored_snapshot_is_a_trust_root_too(swarm, examples):
    (file,) = build_shard(swarm.decide(examples[:2], height=18))
    anchored = ShardVerifier(swarm.header(1).network, (swarm.snapshot(4), swarm.snapshot(5)), MINIMAL)
    assert anchored.verify(file.data)[0].holds


def test_a_second_certified_header_is_a_fork_and_named_as_such(swarm, examples):
    """Somebody's weight signed both. Whichever comes second is refused, and both are on record."""
    (first,) = build_shard(swarm.decide(examples))
    (second,) = build_shard(swarm.decide(examples[:5], signers=(1, 2, 3), ledger_head=Hash(bytes([1] * 32))))
    verifier = swarm.verifier()
    assert verifier.verify(first.data)[0].holds
    step, reason = refused_at(verifier, second.data)
    assert (step, "two headers of height 10" in reason) == (Step.SINGLE_HEADER, True)
    assert verifier.verify(first.data)[0].holds


def test_other_signatures_on_the_same_header_are_no_fork(swarm, examples):
    verifier = swarm.verifier()
    for signers in ((0, 1, 2), (1, 2, 3), (0, 1, 2, 3)):
        (file,) = build_shard(swarm.decide(examples, signers=signers))
        assert verifier.verify(file.data)[0].holds


def test_a_bundle_is_verified_without_its_file(swarm, shard, bundle):
    assert swarm.verifier().verify_bundle(shard.bundle) == bundle
    with pytest.raises(StepError, match="not a certificate bundle"):
        swarm.verifier().verify_bundle(shard.bundle[:-1])


# Files and folders


def test_a_file_must_hold_what_its_name_says(swarm, shard, tmp_path):
    honest = tmp_path / "data" / f"{shard.name}.parquet"
    renamed = tmp_path / "data" / f"{dataclasses.replace(shard.name, height=11)}.parquet"
    anything = tmp_path / "anything.parquet"
    honest.parent.mkdir()
    for path in (honest, renamed, anything):
        path.write_bytes(shard.data)
    verifier = swarm.verifier()
    assert verifier.verify_file(honest).holds
    assert verifier.verify_file(anything).holds
    assert "is named train-" in verifier.verify_file(renamed).failure


@pytest.mark.parametrize("flat", [True, False])
def test_the_certificate_beside_a_file_must_be_the_one_inside(swarm, shard, tmp_path, flat):
    beside = tmp_path if flat else tmp_path / "certificates"
    data = tmp_path if flat else tmp_path / "data"
    for folder in (beside, data):
        folder.mkdir(exist_ok=True)
    (data / f"{shard.name}.parquet").write_bytes(shard.data)
    (beside / f"{shard.name}.certificate.json").write_bytes(shard.bundle + b" ")
    report = swarm.verifier().verify_file(data / f"{shard.name}.parquet")
    assert "beside the file" in report.failure


def test_a_file_that_is_not_there_is_the_users_turn(swarm, tmp_path):
    with pytest.raises(OperatorError) as refusal:
        swarm.verifier().verify_file(tmp_path / "none.parquet")
    assert refusal.value.hint


def test_a_folder_is_verified_with_its_manifest(swarm, examples, tmp_path):
    assert not verify_dataset(tmp_path, swarm.verifier()).holds
    for height in (6, 10):
        publish_shard(swarm.decide(examples, height=height), tmp_path)
    refresh_catalog(tmp_path)
    report = verify_dataset(tmp_path, swarm.verifier())
    assert report.holds
    assert [shard.rows for shard in report.shards] == [12, 12]
    manifest = tmp_path / "manifest.json"
    honest = manifest.read_bytes()
    for position in range(0, len(honest), 97):
        manifest.write_bytes(honest[:position] + bytes([honest[position] ^ 2]) + honest[position + 1 :])
        assert "manifest.json is not what the 2 shards" in verify_dataset(tmp_path, swarm.verifier()).manifest
    manifest.unlink()
    assert verify_dataset(tmp_path, swarm.verifier()).holds


def test_a_shard_taken_out_of_a_folder_is_missed(swarm, examples, tmp_path):
    names = [path.stem for h in (6, 10) for path in publish_shard(swarm.decide(examples, height=h), tmp_path)]
    refresh_catalog(tmp_path)
    (tmp_path / "data" / f"{names[0]}.parquet").unlink()
    assert "not what the 1 shards" in verify_dataset(tmp_path, swarm.verifier()).manifest


def test_splits_are_by_crate_and_complete_each_other(swarm, examples, tmp_path):
    terms = dataclasses.replace(swarm.terms, crates=(*swarm.terms.crates, "roman@0.1.0", "roman@0.2.0"))
    mixed = dataclasses.replace(swarm, terms=terms)
    others = [
        dataclasses.replace(example, crate_name="roman", crate_version=version, test=version)
        for example, version in zip(examples, ("0.1.0", "0.2.0") * 6, strict=True)
    ]
    files = build_shard(mixed.decide([*examples, *others]))
    assert [file.name.split for file in files] == ["train", "test"] == [split_of("itoa"), split_of("roman")]
    verifier = mixed.verifier()
    found = [verifier.verify(file.data)[1] for file in files]
    assert [len(rows) for rows in found] == [12, 12]
    assert {row.example.crate_name for row in found[0]} == {"itoa"}
    assert {row.example.crate_name for row in found[1]} == {"roman"}


def test_the_split_of_a_crate_never_changes():
    assert split_of("arrayvec") == "test"
    assert split_of("Cfg-If") == split_of("cfg_if") == "train"
    counts = [split_of(f"crate{number}") for number in range(2000)]
    assert counts.count("train") > 1700
    assert counts.count("validation") > 50
    assert counts.count("test") > 50


def test_paths_of_a_shard_stay_inside_the_folder(tmp_path, shard):
    assert data_path(tmp_path, shard.name).parent == tmp_path / "data"
    assert certificate_path(tmp_path, shard.name).parent == tmp_path / "certificates"
    assert ZERO_HASH.hex() not in str(shard.name)
