"""Pulling: verified before use, resumed where it stopped, and without effect when repeated."""

import asyncio
import dataclasses
import hashlib
from collections import namedtuple

import pytest

from consensus.types import JobId
from node.errors import OperatorError, PeerFaultError, TransientError
from node.shards import pull as pull_module
from node.shards.bundle import dump_bundle, parse_bundle
from node.shards.names import CARD, MANIFEST
from node.shards.publish import publish_shard
from node.shards.pull import PARTIAL_FOLDER, PullLimits, ShardPuller
from node.shards.report import Step
from node.shards.source import FolderSource, ShardListing, UnknownShardError

PIECE = 1000


@pytest.fixture(autouse=True)
def _small_pieces(monkeypatch):
    monkeypatch.setattr(pull_module, "RANGE_BYTES_MAX", PIECE)


@pytest.fixture(scope="module")
def published(swarm, examples, tmp_path_factory):
    """Three rounds of one job."""
    folder = tmp_path_factory.mktemp("published")
    for height in (2, 6, 10):
        publish_shard(swarm.decide(examples[: height + 1], height=height), folder)
    return folder


class Peer:
    """A source that counts what it gives, and lies or fails as told."""

    def __init__(self, folder, *, fails_after=None, listings=None, certificate=None, piece=None):
        self._honest = FolderSource(folder)
        self._fails_after = fails_after
        self._listings = listings
        self._certificate = certificate
        self._piece = piece
        self.given = 0
        self.asked = []

    async def list_shards(self, job):
        return self._listings if self._listings is not None else await self._honest.list_shards(job)

    async def read_certificate(self, name):
        honest = await self._honest.read_certificate(name)
        return honest if self._certificate is None else self._certificate(honest)

    async def read_range(self, name, sha256, offset, length):
        self.asked.append((name, offset))
        if self._fails_after is not None and len(self.asked) > self._fails_after:
            raise TransientError("the line went dead", waits_for="peer")
        piece = await self._honest.read_range(name, sha256, offset, length)
        self.given += len(piece)
        return piece if self._piece is None else self._piece(piece)


def pull(swarm, source, folder, job=None, **options):
    return asyncio.run(ShardPuller(source, swarm.verifier(), folder, **options).pull(job))


def contents(folder):
    return {
        str(path.relative_to(folder)): (path.read_bytes(), path.stat().st_mtime_ns)
        for path in sorted(folder.rglob("*"))
        if path.is_file() and PARTIAL_FOLDER not in path.parts
    }


def bytes_of(folder):
    return {name: data for name, (data, _) in contents(folder).items()}


def test_everything_offered_comes_verified_and_described(swarm, published, tmp_path):
    seen = []
    report = pull(swarm, Peer(published), tmp_path, on_progress=seen.append)
    assert [shard.rows for shard in report.pulled] == [3, 7, 11]
    assert (report.present, report.refused) == ((), ())
    found = bytes_of(tmp_path)
    assert {MANIFEST, CARD} <= set(found)
    assert {name: data for name, data in found.items() if "/" in name} == bytes_of(published)
    assert [progress.number for progress in seen if progress.done == progress.size] == [1, 2, 3]
    assert all(progress.count == 3 for progress in seen)


def test_pulling_again_changes_nothing_and_fetches_nothing(swarm, published, tmp_path):
    pull(swarm, Peer(published), tmp_path)
    before = contents(tmp_path)
    peer = Peer(published)
    report = pull(swarm, peer, tmp_path)
    assert contents(tmp_path) == before
    assert (len(report.present), report.pulled, peer.given) == (3, (), 0)


def test_a_file_with_other_signatures_is_not_fetched_again(swarm, examples, published, tmp_path):
    """Two nodes hold different certificates of a round, so their files differ; the rows do not."""
    pull(swarm, Peer(published), tmp_path)
    other = tmp_path / "other"
    publish_shard(swarm.decide(examples[:11], signers=(1, 2, 3)), other)
    assert bytes_of(other) != bytes_of(published)
    peer = Peer(other)
    assert len(pull(swarm, peer, tmp_path).present) == 1
    assert peer.given == 0


def test_only_the_job_asked_for_is_pulled(swarm, published, tmp_path):
    assert len(pull(swarm, Peer(published), tmp_path, swarm.terms.job).pulled) == 3
    assert pull(swarm, Peer(published), tmp_path, JobId(bytes(32))).pulled == ()


@pytest.mark.parametrize("fails_after", [0, 1, 7, 20])
def test_an_interrupted_pull_goes_on_where_it_stopped(swarm, published, tmp_path, fails_after):
    with pytest.raises(TransientError, match="line went dead"):
        pull(swarm, Peer(published, fails_after=fails_after), tmp_path)
    peer = Peer(published)
    report = pull(swarm, peer, tmp_path)
    assert len(report.pulled) + len(report.present) == 3
    total = sum(len(data) for name, data in bytes_of(published).items() if name.endswith(".parquet"))
    assert peer.given == total - fails_after * PIECE + sum(
        PIECE - len(data) % PIECE for data in parquet_before(published, fails_after)
    )
    assert {name: data for name, data in bytes_of(tmp_path).items() if "/" in name} == bytes_of(published)


def parquet_before(folder, pieces):
    """Files whose last, shorter piece was given within the first `pieces` requests."""
    for name, data in sorted(bytes_of(folder).items()):
        if name.endswith(".parquet"):
            pieces -= -(-len(data) // PIECE)
            if pieces < 0:
                return
            yield data


def test_while_a_pull_is_unfinished_no_row_of_the_file_can_be_loaded(swarm, published, tmp_path):
    with pytest.raises(TransientError):
        pull(swarm, Peer(published, fails_after=3), tmp_path)
    assert not any(name.endswith((".parquet", ".part")) for name in bytes_of(tmp_path))
    (partial,) = (tmp_path / PARTIAL_FOLDER).iterdir()
    assert partial.stat().st_size == 3 * PIECE


@pytest.mark.parametrize("spoil", [lambda data: b"x" + data[1:], lambda data: data + b"x" * 100_000])
def test_a_spoiled_partial_file_is_started_again(swarm, published, tmp_path, spoil):
    with pytest.raises(TransientError):
        pull(swarm, Peer(published, fails_after=3), tmp_path)
    (partial,) = (tmp_path / PARTIAL_FOLDER).iterdir()
    partial.write_bytes(spoil(partial.read_bytes()))
    assert len(pull(swarm, Peer(published), tmp_path).pulled) == 3


def test_a_file_spoiled_on_our_disk_is_set_aside_and_fetched_again(swarm, published, tmp_path):
    pull(swarm, Peer(published), tmp_path)
    path = sorted((tmp_path / "data").iterdir())[1]
    data = bytearray(path.read_bytes())
    data[200] ^= 1
    path.write_bytes(data)
    report = pull(swarm, Peer(published), tmp_path)
    assert [shard.name for shard in report.pulled] == [path.stem]
    assert bytes_of(tmp_path)[f"data/{path.name}"] == bytes_of(published)[f"data/{path.name}"]
    assert (tmp_path / PARTIAL_FOLDER / f"{path.stem}.refused").read_bytes() == data


# Sources that lie


def test_a_bad_certificate_is_refused_before_any_byte_of_the_file_is_asked_for(swarm, published, tmp_path):
    def forged(data):
        bundle = parse_bundle(data)
        return dump_bundle(dataclasses.replace(bundle, certificate=dataclasses.replace(bundle.certificate, view=1)))

    peer = Peer(published, certificate=forged)
    report = pull(swarm, peer, tmp_path)
    assert (report.pulled, peer.asked) == ((), [])
    assert [refused.findings[0].step for refused in report.refused] == [Step.CERTIFICATE] * 3
    assert bytes_of(tmp_path) == {}


def test_a_certificate_of_another_shard_is_refused(swarm, published, tmp_path):
    other = min((published / "certificates").iterdir()).read_bytes()
    report = pull(swarm, Peer(published, certificate=lambda _: other), tmp_path)
    assert len(report.pulled) == 1
    assert all("listed as train-" in refused.failure for refused in report.refused)


def test_a_valid_certificate_with_another_file_is_refused_and_nothing_is_kept(swarm, published, tmp_path):
    def flipped(piece):
        return bytes([piece[0] ^ 1]) + piece[1:]

    report = pull(swarm, Peer(published, piece=flipped), tmp_path)
    assert [refused.failure for refused in report.refused] == [
        "file: the bytes fetched do not have the listed hash"
    ] * 3
    assert bytes_of(tmp_path) == {}
    assert list((tmp_path / PARTIAL_FOLDER).iterdir()) == []


def test_a_file_that_hashes_as_listed_but_does_not_verify_is_refused(swarm, examples, published, tmp_path):
    wrong = tmp_path / "wrong"
    for path in publish_shard(swarm.decide(examples[:11]), wrong):
        path.write_bytes(path.read_bytes()[:-1] + b"X")
    report = pull(swarm, Peer(wrong), tmp_path / "out")
    assert [refused.findings[-1].step for refused in report.refused] == [Step.FILE]
    assert bytes_of(tmp_path / "out") == {}


@pytest.mark.parametrize("piece", [lambda _: b"", lambda piece: piece * 2])
def test_empty_and_oversized_pieces_end_the_file(swarm, published, tmp_path, piece):
    report = pull(swarm, Peer(published, piece=piece), tmp_path)
    assert len(report.refused) == 3
    assert bytes_of(tmp_path) == {}


@pytest.mark.parametrize(
    "listing",
    [
        ShardListing("../../etc/passwd", 10, bytes(32)),
        ShardListing("train-0000000000000000-r000001/../x", 10, bytes(32)),
        ShardListing("train-0000000000000000-r0000001", 10, bytes(32)),
        ShardListing("TRAIN-0000000000000000-r000001", 10, bytes(32)),
        ShardListing("train-0000000000000000-r000001", 0, bytes(32)),
        ShardListing("train-0000000000000000-r000001", 1 << 40, bytes(32)),
        ShardListing("train-0000000000000000-r000001", 10, bytes(31)),
    ],
)
def test_a_list_of_anything_but_shards_is_the_peers_fault(swarm, published, tmp_path, listing):
    with pytest.raises(PeerFaultError) as fault:
        pull(swarm, Peer(published, listings=[listing]), tmp_path)
    assert fault.value.rule == "shard-list"
    assert list(tmp_path.iterdir()) == []


def test_more_than_the_limits_allow_is_the_peers_fault(swarm, published, tmp_path):
    for limits in (PullLimits(shards_max=2), PullLimits(total_bytes_max=20_000)):
        with pytest.raises(PeerFaultError, match="beyond the limits"):
            pull(swarm, Peer(published), tmp_path, limits=limits)


# Our own machine


def test_a_pull_does_not_begin_what_the_disk_cannot_hold(swarm, published, tmp_path, monkeypatch):
    usage = namedtuple("usage", "total used free")  # noqa: PYI024  (stands in for the standard library's own)
    monkeypatch.setattr("shutil.disk_usage", lambda _: usage(0, 0, 1 << 20))
    peer = Peer(published)
    with pytest.raises(OperatorError, match="bytes free") as refusal:
        pull(swarm, peer, tmp_path)
    assert "Free disk space" in refusal.value.hint
    assert peer.asked == []


def test_two_pulls_into_one_folder_do_not_mix(swarm, published, tmp_path):
    async def both():
        inner = []

        class Meanwhile(Peer):
            async def read_range(self, *arguments):
                if not inner:
                    inner.append(await asyncio.gather(start(), return_exceptions=True))
                return await super().read_range(*arguments)

        def start():
            return ShardPuller(Peer(published), swarm.verifier(), tmp_path).pull()

        report = await ShardPuller(Meanwhile(published), swarm.verifier(), tmp_path).pull()
        return report, inner[0][0]

    report, refusal = asyncio.run(both())
    assert len(report.pulled) == 3
    assert isinstance(refusal, OperatorError)
    assert "another pull" in str(refusal)


def test_a_folder_that_cannot_be_made_is_the_users_turn(swarm, published, tmp_path):
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(OperatorError, match="cannot be written"):
        pull(swarm, Peer(published), tmp_path / "file")


# The honest source


def test_a_folder_offers_its_shards_and_nothing_else(published, tmp_path):
    source = FolderSource(published)
    listings = asyncio.run(source.list_shards(None))
    assert [listing.name[-3:] for listing in listings] == ["002", "006", "010"]
    for listing in listings:
        data = (published / "data" / f"{listing.name}.parquet").read_bytes()
        assert (listing.size, listing.sha256) == (len(data), hashlib.sha256(data).digest())
    for name in ("../README", "train-0000000000000000-r000001", "", "a" * 10_000):
        with pytest.raises(UnknownShardError):
            asyncio.run(source.read_certificate(name))
    first = listings[0]
    for offset, length in ((-1, 10), (0, 0), (0, 1 << 30)):
        with pytest.raises(UnknownShardError, match="not a range"):
            asyncio.run(source.read_range(first.name, first.sha256, offset, length))
    with pytest.raises(UnknownShardError, match="another file"):
        asyncio.run(source.read_range(first.name, bytes(32), 0, 10))
    assert asyncio.run(source.read_range(first.name, first.sha256, first.size, 10)) == b""
    assert asyncio.run(FolderSource(tmp_path).list_shards(None)) == ()
