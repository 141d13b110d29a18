"""Certified shards: published whole whatever happens in between, and pulled with nothing believed but the genesis."""

import asyncio
import hashlib
import shutil
from collections import Counter

import pytest

from consensus.genesis import first_state
from consensus.types import CandidateState, Hash
from node.errors import ExitCode, OperatorError, TransientError
from node.shards import FolderSource, ShardPuller, ShardVerifier, verify_dataset
from tests.support.swarm import PATIENT


@pytest.fixture
def shards(front):
    return front.desks.shards


def verifier(front):
    genesis = front.swarm.genesis
    return ShardVerifier(genesis.network, first_state(genesis, PATIENT).snapshots, PATIENT)


async def pulled(shards, root, offset=0, sha256=b""):
    return [piece async for piece in shards.pull(root, offset, sha256)]


def test_every_accepted_row_is_published_once(front, shards):
    views = front(shards.list_shards(front.job, 100))
    rows = front(front.desks.jobs.get(front.job)).rows
    assert sum(view.rows for view in views) == rows
    assert [view.height for view in views] == sorted((view.height for view in views), reverse=True)
    assert front(shards.list_shards(front.job, 1)) == views[:1]


def test_the_folder_is_a_data_set_that_verifies_with_the_genesis_alone(front):
    report = verify_dataset(front.home.shards, verifier(front))
    assert report.holds
    assert (front.home.shards / "README.md").is_file()


def test_a_file_comes_in_pieces_from_any_byte_on_and_has_the_hash_that_was_listed(front, shards):
    view = front(shards.list_shards(front.job, 1))[0]
    pieces = front(pulled(shards, view.root, 0, view.file_sha256))
    whole = b"".join(piece.data for piece in pieces)
    assert len(whole) == view.file_bytes
    assert hashlib.sha256(whole).digest() == view.file_sha256
    rest = front(pulled(shards, view.root, 1000, view.file_sha256))
    assert b"".join(piece.data for piece in rest) == whole[1000:]
    assert front(pulled(shards, view.root, view.file_bytes, view.file_sha256)) == []


def test_the_certificate_is_pulled_by_its_own_hash(front, shards):
    view = front(shards.list_shards(front.job, 1))[0]
    bundle = b"".join(piece.data for piece in front(pulled(shards, view.root, 0, view.certificate_sha256)))
    assert len(bundle) == view.certificate_bytes
    assert verifier(front).verify_bundle(bundle).head.root == view.root


def test_of_a_shard_with_two_files_one_has_to_be_named(front, shards):
    views = front(shards.list_shards(front.job, 100))
    roots = Counter(view.root for view in views)
    root = next(root for root, count in roots.items() if count == 2)
    assert {view.split for view in views if view.root == root} == {"train", "validation"}
    with pytest.raises(OperatorError, match="2 files"):
        front(pulled(shards, root))


def test_another_file_another_root_and_a_byte_beyond_the_end_are_refused(front, shards):
    view = front(shards.list_shards(front.job, 1))[0]
    with pytest.raises(OperatorError, match="another one now"):
        front(pulled(shards, view.root, 0, bytes(32)))
    with pytest.raises(OperatorError, match="no shard") as caught:
        front(pulled(shards, Hash(bytes(32))))
    assert caught.value.exit_code is ExitCode.NOT_SO
    with pytest.raises(OperatorError, match="byte 99999999"):
        front(pulled(shards, view.root, 99_999_999, view.file_sha256))


def test_certificates_come_by_height_with_the_snapshot_that_ends_an_epoch(front, shards):
    assert front(shards.certificate(3)).snapshot is None
    ends = front(shards.certificate(PATIENT.epoch_rounds))
    assert ends.snapshot.epoch == 2
    before = front.swarm.state().height
    tip = front(shards.certificate(0)).certificate.header.height
    assert before <= tip <= front.swarm.state().height + 1, "rounds may be decided meanwhile; what is kept is told"
    with pytest.raises(TransientError, match="not certified yet"):
        front(shards.certificate(10_000))


def test_a_restarted_node_publishes_what_is_missing_and_leaves_the_rest_alone(front):
    front(front.publisher.publish_due())
    files = sorted((front.home.shards / "data").glob("*.parquet"))
    kept = {path.name: path.read_bytes() for path in files}
    files[0].unlink()
    before = files[1].stat().st_mtime_ns
    _, publisher = front.reopened()
    front(publisher.publish_due())
    assert publisher.waits_for == ""
    assert {path.name: path.read_bytes() for path in sorted((front.home.shards / "data").glob("*.parquet"))} == kept
    assert files[1].stat().st_mtime_ns == before


def test_a_content_that_nobody_gives_yet_is_waited_for_by_name_and_published_when_it_is_there(front, monkeypatch):
    shutil.rmtree(front.home.shards)
    store = front.swarm.nodes[0].store
    missing = front(store.decisions.find(job=front.job, state=CandidateState.ACCEPTED))[0].decision.content
    real = front.swarm.nodes[0].driver.contents.obtain
    gone = {missing}

    async def obtain(name):
        return None if name in gone else await real(name)

    monkeypatch.setattr(front.swarm.nodes[0].driver.contents, "obtain", obtain)
    _, publisher = front.reopened()
    front(publisher.publish_due())
    assert publisher.waits_for == f"example {missing.hex()[:16]}"
    assert publisher.published >= 1, "the others are not held up"
    gone.clear()
    front(publisher.publish_due())
    assert publisher.waits_for == ""
    assert verify_dataset(front.home.shards, verifier(front)).holds


def test_the_publisher_wakes_with_every_decided_round_and_ends_when_told(front, monkeypatch):
    async def scenario():
        _, publisher = front.reopened()
        calls = []

        async def note():
            calls.append(True)

        monkeypatch.setattr(publisher, "publish_due", note)
        running = asyncio.create_task(publisher.run())
        await front.swarm.until(lambda: len(calls) == 1)
        member = front.swarm.nodes[0].driver.member
        event, member.decided = member.decided, asyncio.Event()
        event.set()
        await front.swarm.until(lambda: len(calls) == 2)
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running

    front(scenario())


def test_a_whole_pull_from_the_folder_verifies_every_row(front, tmp_path):
    report = front(ShardPuller(FolderSource(front.home.shards), verifier(front), tmp_path / "out").pull(front.job))
    assert not report.refused
    assert sum(item.rows for item in report.pulled) == front(front.desks.jobs.get(front.job)).rows
