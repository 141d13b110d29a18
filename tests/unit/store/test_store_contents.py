"""Blobs, envelopes and everything local: what is put comes back, and nothing grows without bound."""

import asyncio
import hashlib
import logging

import pytest
from sqlalchemy import text

from consensus.encoding import hash_bytes
from consensus.types import Hash, JobId, JobStatus, Kind, NodeId
from node.errors import TransientError
from node.store import EXAMPLE, EnvelopeRow, StoreLimits, WorkRow, blob_name, open_store
from node.values.example import content_hash
from node.values.peer import KnownPeer

SMALL = StoreLimits(
    blob_bytes_max=10_000,
    blob_inline_bytes_max=1000,
    blob_bytes_total_max=20_000,
    envelope_bytes_per_sender_max=100,
    envelope_bytes_per_height_max=300,
    verdicts_max=16,
    peers_max=5,
    jobs_max=3,
    page_max=4,
)
INLINE, IN_FILE = b"small" * 10, b"large" * 1000


def some(number) -> bytes:
    return hashlib.sha256(b"%d" % number).digest()


@pytest.fixture
def store(place, run):
    opened = run(open_store(place.folder, url=place.url, limits=SMALL))
    yield opened
    run(opened.close())


def files(place):
    return sorted(path for path in (place.folder / "blobs").glob("*/*"))


# Blobs


@pytest.mark.parametrize("data", [INLINE, IN_FILE, b""])
def test_a_blob_comes_back_under_its_hash(store, run, data):
    name = run(store.blobs.put(data))
    assert name == hashlib.sha256(data).digest()
    assert run(store.blobs.get(name)) == data
    assert run(store.blobs.find(name)).size == len(data)
    assert run(store.blobs.get(Hash(some(0)))) is None


def test_a_tagged_blob_is_named_as_messages_name_it(store, run):
    assert run(store.blobs.put(INLINE, tag=EXAMPLE)) == content_hash(INLINE)
    assert run(store.blobs.put(INLINE, tag="knowledge")) == hash_bytes("knowledge", INLINE)
    assert run(store.blobs.get(Hash(content_hash(INLINE)))) == INLINE


def test_only_large_blobs_become_files(store, run, place):
    run(store.blobs.put(INLINE))
    assert files(place) == []
    name = run(store.blobs.put(IN_FILE))
    assert [path.name for path in files(place)] == [name.hex()]


@pytest.mark.parametrize("data", [INLINE, IN_FILE])
def test_a_blob_is_served_in_pieces(store, run, data):
    name = run(store.blobs.put(data))
    pieces = [run(store.blobs.get_range(name, offset, 7)) for offset in range(0, len(data), 7)]
    assert b"".join(pieces) == data
    assert run(store.blobs.get_range(name, len(data), 7)) == b""
    assert run(store.blobs.get_range(Hash(some(0)), 0, 7)) is None


def test_a_rotten_file_is_not_handed_out_and_can_be_put_again(store, run, place, caplog):
    name = run(store.blobs.put(IN_FILE))
    files(place)[0].write_bytes(IN_FILE[:-1] + b"?")
    with caplog.at_level(logging.ERROR):
        assert run(store.blobs.get(name)) is None
    assert name.hex() in caplog.text
    assert files(place) == []
    assert store.blobs.total_bytes == 0
    run(store.blobs.put(IN_FILE))
    assert run(store.blobs.get(name)) == IN_FILE


def test_a_rotten_row_is_not_handed_out(store, run):
    name = run(store.blobs.put(INLINE))
    run(store._database.write(lambda c: c.execute(text("UPDATE blobs SET data = :data"), {"data": b"other"})))
    assert run(store.blobs.get(name)) is None
    assert run(store.blobs.find(name)) is None


def test_a_file_that_vanished_is_not_at_hand(store, run, place):
    name = run(store.blobs.put(IN_FILE))
    files(place)[0].unlink()
    assert run(store.blobs.get(name)) is None


def test_pruning_drops_what_has_expired_and_its_files(store, run, place):
    gone = [run(store.blobs.put(b"a" + IN_FILE, expires=4)), run(store.blobs.put(b"a" + INLINE, expires=4))]
    kept = [run(store.blobs.put(b"b" + IN_FILE, expires=5)), run(store.blobs.put(b"b" + INLINE))]
    assert run(store.blobs.prune(below=5)) == 2
    assert [run(store.blobs.find(name)) for name in gone] == [None, None]
    assert all(run(store.blobs.get(name)) for name in kept)
    assert len(files(place)) == 1


def test_a_second_put_and_keep_only_lengthen_a_blobs_life(store, run):
    name = run(store.blobs.put(INLINE, expires=5))
    run(store.blobs.put(INLINE, expires=3))
    assert run(store.blobs.find(name)).expires == 5
    run(store.blobs.keep([name, Hash(some(0))], expires=9))
    assert run(store.blobs.find(name)).expires == 9
    run(store.blobs.keep([name]))
    run(store.blobs.put(INLINE, expires=100))
    assert run(store.blobs.find(name)).expires is None
    assert store.blobs.total_bytes == len(INLINE)


@pytest.mark.parametrize("size", [900, 9000])
def test_when_contents_fill_their_share_new_ones_are_refused_and_known_ones_are_not(store, run, size):
    names = [run(store.blobs.put(bytes([number]) * size)) for number in range(20_000 // size)]
    with pytest.raises(TransientError, match="of 20000 bytes"):
        run(store.blobs.put(b"\xff" * size))
    assert run(store.blobs.put(bytes(size))) == names[0]
    with pytest.raises(ValueError, match="at most 10000"):
        run(store.blobs.put(bytes(10_001)))


def test_a_killed_writers_leftovers_are_swept_and_known_files_stay(place, run):
    async def live(leave):
        async with await open_store(place.folder, url=place.url, limits=SMALL) as store:
            name = await store.blobs.put(IN_FILE)
            if leave:
                folder = place.folder / "blobs" / "ab"
                folder.mkdir(exist_ok=True)
                (folder / ("ab" * 32)).write_bytes(b"never recorded")
                (folder / ("ab" * 32 + ".part")).write_bytes(b"never finished")
            return name

    run(live(leave=True))
    assert len(files(place)) == 3
    name = run(live(leave=False))
    assert [path.name for path in files(place)] == [name.hex()]


# Envelopes


def envelope(number, *, height=3, kind=Kind.PREVOTE, own=False, size=10, sender=99) -> EnvelopeRow:
    return EnvelopeRow(Hash(some(number)), kind, height, NodeId(some(sender)), own, bytes([number]) * size)


def test_an_envelope_comes_back_and_a_copy_changes_nothing(store, run):
    assert run(store.envelopes.put(envelope(1)))
    assert not run(store.envelopes.put(envelope(1)))
    assert run(store.envelopes.get(Hash(some(1)))) == envelope(1)
    assert run(store.envelopes.get(Hash(some(2)))) is None
    assert run(store.envelopes.missing([Hash(some(2)), Hash(some(1))])) == (Hash(some(2)),)
    many = [Hash(some(number)) for number in range(40_000)]  # more than one statement takes
    assert run(store.envelopes.missing(many)) == (many[0], *many[2:])


def test_envelopes_are_listed_by_height_kind_and_owner_in_pages(store, run):
    rows = [
        *[envelope(number) for number in range(5)],
        envelope(5, kind=Kind.PRECOMMIT),
        envelope(6, own=True),
        envelope(7, height=4),
    ]
    for each in rows:
        run(store.envelopes.put(each))

    def digests(*wanted, **more):
        return {found.envelope[0] for found in run(store.envelopes.at(*wanted, **more))}

    assert digests(3, Kind.PRECOMMIT) == {5}
    assert digests(3, own=True) == {6}
    assert digests(4) == {7}
    page = run(store.envelopes.at(3, Kind.PREVOTE, own=False))
    assert len(page) == SMALL.page_max
    rest = run(store.envelopes.at(3, Kind.PREVOTE, own=False, after=page[-1].digest))
    assert {found.envelope[0] for found in (*page, *rest)} == {0, 1, 2, 3, 4}

    async def all_of(*wanted, **more):
        return [found.envelope[0] async for found in store.envelopes.each_at(*wanted, **more)]

    assert sorted(run(all_of(3))) == [0, 1, 2, 3, 4, 5, 6]
    assert run(all_of(3, Kind.PREVOTE, own=True)) == [6]


def test_what_one_fills_is_not_taken_from_others(store, run):
    run(store.envelopes.put(envelope(1, size=100)))
    with pytest.raises(TransientError):
        run(store.envelopes.put(envelope(2)))
    assert run(store.envelopes.put(envelope(3, size=100, sender=98)))
    assert run(store.envelopes.put(envelope(4, height=4)))


def test_what_a_round_cannot_be_decided_without_has_room_in_any_case(store, run):
    run(store.envelopes.put(envelope(1, size=100)))
    assert run(store.envelopes.put(envelope(2, size=100), needed=True))


def test_strangers_share_one_room_and_take_none_of_a_members(store, run):
    for number in range(3):
        assert run(store.envelopes.put(envelope(number, kind=Kind.CANDIDATE_NOTICE, size=100, sender=number)))
    with pytest.raises(TransientError):
        run(store.envelopes.put(envelope(4, kind=Kind.CANDIDATE_NOTICE, sender=4)))
    assert run(store.envelopes.put(envelope(5, size=100)))


def test_what_others_send_for_a_height_is_bounded_also_after_a_restart(place, run):
    async def live(first, last):
        async with await open_store(place.folder, url=place.url, limits=SMALL) as store:
            for number in range(first, last):
                await store.envelopes.put(envelope(number, size=40))
            await store.envelopes.put(envelope(50 + last, size=40, own=True))

    run(live(0, 2))
    with pytest.raises(TransientError, match="80 bytes of messages for height 3"):
        run(live(2, 3))
    run(live(0, 2))


def test_many_at_once_cannot_pass_the_bound_together(store, run):
    async def flood():
        puts = [store.envelopes.put(envelope(number, size=30)) for number in range(10)]
        blobs = [store.blobs.put(bytes([number]) * 900) for number in range(40)]
        return await asyncio.gather(*puts, *blobs, return_exceptions=True)

    results = run(flood())
    assert results[:10].count(True) == 3
    assert sum(isinstance(result, TransientError) for result in results[10:]) == 18
    assert store.blobs.total_bytes == 22 * 900


def test_pruned_heights_make_room_and_messages_of_no_round_stay(store, run):
    job = envelope(9, height=0, kind=Kind.JOB)
    for each in (envelope(1, size=90), envelope(2, height=5), job):
        run(store.envelopes.put(each))
    assert run(store.envelopes.prune(below=5)) == 1
    assert run(store.envelopes.get(job.digest)) == job
    assert run(store.envelopes.get(Hash(some(2)))) is not None
    assert run(store.envelopes.put(envelope(3, size=90)))


# Jobs, work, verdicts, peers, settings


def test_jobs_are_kept_once_and_their_status_follows(store, run):
    one, two = JobId(some(1)), JobId(some(2))
    assert run(store.jobs.put(two, b"two", first_seen_ms=20))
    assert run(store.jobs.put(one, b"one", first_seen_ms=10))
    assert not run(store.jobs.put(one, b"one", first_seen_ms=30))
    assert run(store.jobs.get(one)).status is None
    run(store.jobs.set_status(one, JobStatus.OPEN))
    assert run(store.jobs.get(one)).status is JobStatus.OPEN
    assert [found.envelope for found in run(store.jobs.list())] == [b"one", b"two"]
    assert [found.envelope for found in run(store.jobs.list(after=(10, one)))] == [b"two"]
    assert run(store.jobs.get(JobId(some(3)))) is None


def test_finished_jobs_make_room_for_new_ones_and_unfinished_do_not(store, run):
    for number in range(3):
        run(store.jobs.put(JobId(some(number)), b"job", first_seen_ms=number))
    with pytest.raises(TransientError, match="3 unfinished jobs"):
        run(store.jobs.put(JobId(some(3)), b"job", first_seen_ms=3))
    run(store.jobs.set_status(JobId(some(1)), JobStatus.DONE))
    assert run(store.jobs.put(JobId(some(3)), b"job", first_seen_ms=3))
    assert run(store.jobs.get(JobId(some(1)))) is None


def test_work_once_kept_is_what_a_restarted_node_goes_on_with(store, run):
    assert run(store.work.keep(4, "task-0", b"first")) == b"first"
    assert run(store.work.keep(4, "task-0", b"another try")) == b"first"
    run(store.work.keep(4, "task-1", b"second"))
    run(store.work.keep(5, "task-0", b"third"))
    assert run(store.work.get(4, "task-0")) == b"first"
    assert run(store.work.get(4, "task-9")) is None
    assert run(store.work.at(4)) == (WorkRow(4, "task-0", b"first"), WorkRow(4, "task-1", b"second"))
    assert run(store.work.prune(below=5)) == 2
    assert run(store.work.at(4)) == ()
    assert run(store.work.get(5, "task-0")) == b"third"


def test_the_verdict_cache_forgets_what_was_written_longest_ago(store, run):
    for number in range(17):
        run(store.verdicts.put(b"key %d" % number, b"%d" % number))
    kept = [number for number in range(17) if run(store.verdicts.get(b"key %d" % number)) is not None]
    assert kept == list(range(3, 17))
    run(store.verdicts.put(b"key 5", b"anew"))
    assert run(store.verdicts.get(b"key 5")) == b"anew"


def test_the_verdict_cache_stays_bounded_when_many_write_at_once(store, run):
    async def flood():
        await asyncio.gather(*[store.verdicts.put(b"%d" % number, b"v") for number in range(200)])
        found = [await store.verdicts.get(b"%d" % number) for number in range(200)]
        return sum(value is not None for value in found)

    assert 0 < run(flood()) <= SMALL.verdicts_max


def test_peers_come_back_most_recent_first_and_saving_replaces_them(store):
    known = [KnownPeer(NodeId(some(number)), (f"p2p://127.0.0.1:{number}", "é"), "mdns", number) for number in range(7)]
    store.peers.save(known)
    assert store.peers.load() == tuple(reversed(known[2:]))
    store.peers.save(known[:1])
    assert store.peers.load() == (known[0],)
    store.peers.save([])
    assert store.peers.load() == ()


def test_settings_are_replaced(store, run):
    assert run(store.settings.get("name")) is None
    run(store.settings.put("name", b"one"))
    run(store.settings.put("name", b"two"))
    assert run(store.settings.get("name")) == b"two"


def test_values_beyond_their_bound_are_refused(place, run):
    async def refuse():
        async with await open_store(place.folder, url=place.url, limits=StoreLimits(value_bytes_max=10)) as store:
            for put in (store.settings.put("name", bytes(11)), store.work.keep(1, "key", bytes(11))):
                with pytest.raises(ValueError, match="at most 10"):
                    await put
            with pytest.raises(ValueError, match="characters"):
                await store.settings.put("", b"")

    run(refuse())


def test_the_name_of_a_blob_depends_on_its_tag():
    assert len({blob_name(b"x", tag) for tag in ("", "example", "knowledge")}) == 3
