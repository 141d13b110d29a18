"""`shard verify` and `shard pull`: nothing is believed but the genesis; a changed byte anywhere is refused by name."""

import asyncio
import hashlib
import json
import shutil
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from consensus.params import LOCAL
from consensus.types import JobId, JobStatus
from node.cli import peer_source
from node.config import NodeConfig, render_config
from node.errors import OperatorError, TransientError
from node.home import NodeHome, render_genesis
from node.shards import FolderSource, data_path, parse_bundle, shard_names
from node.values import views
from tests.support.rows import RowWorkshop
from tests.support.swarm import Swarm, make_job
from tests.unit.cli.conftest import files_below, run
from tests.unit.cli.test_cli_node import Answering
from tests.unit.desks.conftest import open_front

PIECE = 4096


@dataclass
class Certified:
    """A data set that a swarm of five has certified, and the genesis that proves it."""

    folder: Path
    genesis: Path
    rows: int


@pytest.fixture(scope="session")
def original(tmp_path_factory):
    folder = tmp_path_factory.mktemp("certified")

    async def work():
        async with Swarm(folder / "nodes", 5, preset=LOCAL, workshop=RowWorkshop) as swarm:
            job = await swarm.submit(make_job(LOCAL, crates=3, categories=6))
            await swarm.until(lambda: swarm.job(job) and swarm.job(job).status is not JobStatus.OPEN, within_s=600)
            _, publisher = open_front(swarm, [])
            await publisher.publish_due()
            rows = sum(task.accepted for task in swarm.job(job).tasks)
            return NodeHome(swarm.nodes[0].folder).shards, swarm.genesis, rows

    shards, genesis, rows = asyncio.run(work())
    path = folder / "genesis.json"
    path.write_bytes(render_genesis(genesis, LOCAL))
    return Certified(shards, path, rows)


@pytest.fixture
def certified(original, tmp_path):
    """A copy to spoil."""
    shutil.copytree(original.folder, tmp_path / "out")
    return Certified(tmp_path / "out", original.genesis, original.rows)


def verify(certified, *words):
    return run("shard", "verify", certified.folder, "--genesis", certified.genesis, *words)


def first_file(certified):
    return data_path(certified.folder, shard_names(certified.folder)[0])


def test_a_stopped_node_publishes_the_same_bytes_from_its_store_alone(original, tmp_path):
    home = tmp_path / "home"
    shutil.copytree(original.folder.parent, home / "store")
    (home / "config.toml").write_text(render_config(NodeConfig()))
    shutil.copy(original.genesis, home / "genesis.json")
    out = tmp_path / "again"
    assert run("shard", "publish", "--data", home, "--out", out).code == 0
    files = {path.relative_to(original.folder): path.read_bytes() for path in original.folder.rglob("*.parquet")}
    assert files == {path.relative_to(out): path.read_bytes() for path in out.rglob("*.parquet")}
    assert run("shard", "verify", out, "--genesis", original.genesis).code == 0
    assert "0 files written" in run("shard", "publish", "--data", home, "--out", out).out
    verified = run("reputation", "verify", "--data", home)
    assert (verified.code, "ledger events recomputed" in verified.out) == (0, True)


def test_a_folder_and_a_single_file_hold_offline(certified):
    ended = verify(certified, "--steps")
    assert ended.code == 0
    assert f"{certified.rows} rows in {len(shard_names(certified.folder))} files hold" in ended.out
    assert "ok  merkle root" in ended.out
    alone = certified.folder.parent / "alone.parquet"
    shutil.copy(first_file(certified), alone)
    assert run("shard", "verify", alone, "--genesis", certified.genesis).code == 0


def test_json_names_every_step(certified):
    told = json.loads(verify(certified, "--json").out)
    assert told["holds"] is True
    assert [finding["step"] for finding in told["shards"][0]["findings"]] == [
        "file", "bundle", "trust_root", "epoch_hops", "certificate", "single_header", "content", "merkle_root",
        "row_form",
    ]  # fmt: skip


@pytest.mark.parametrize("part", range(12))
def test_one_changed_byte_of_a_file_is_refused(certified, part):
    path = first_file(certified)
    data = bytearray(path.read_bytes())
    data[len(data) * part // 12] ^= 1
    path.write_bytes(data)
    ended = verify(certified)
    assert ended.code == 1
    assert ended.error.startswith(f"refused: {path.stem}: file: ")
    assert "REFUSED" in ended.out


def test_one_changed_byte_of_a_certificate_is_refused(certified):
    path = next((certified.folder / "certificates").iterdir())
    text = path.read_bytes()
    path.write_bytes(text.replace(b"a", b"b", 1))
    ended = verify(certified)
    assert ended.code == 1
    assert "bundle: the certificate beside the file is not the one inside it" in ended.error


def test_a_changed_row_in_a_well_made_file_is_refused_by_its_hash(certified, monkeypatch):
    path = first_file(certified)
    table = pq.read_table(path)
    names = table.column("output_data").to_pylist()
    names[0] = names[0].replace("answer", "poison")
    changed = table.set_column(table.schema.get_field_index("output_data"), "output_data", pa.array(names))
    pq.write_table(changed.replace_schema_metadata(table.schema.metadata), path)
    ended = verify(certified)
    assert ended.code == 1
    assert path.stem in ended.error


def test_a_missing_file_and_a_stranger_among_them_are_refused(certified):
    stranger = certified.folder / "data" / "train-extra.parquet"
    shutil.copy(first_file(certified), stranger)
    ended = verify(certified)
    assert (ended.code, "data/train-extra.parquet is no shard" in ended.error) == (1, True)
    stranger.unlink()
    first_file(certified).unlink()
    ended = verify(certified)
    assert (ended.code, "manifest.json is not what" in ended.error) == (1, True)


def test_another_swarms_genesis_proves_nothing(certified, home):
    ended = run("shard", "verify", certified.folder, "--genesis", home / "genesis.json")
    assert ended.code == 1
    assert "trust root: made in network" in ended.error


def test_a_genesis_beside_the_rows_is_not_taken_by_itself(certified, tmp_path):
    shutil.copy(certified.genesis, certified.folder / "genesis.json")
    ended = run("shard", "verify", certified.folder, "--data", tmp_path / "no-node")
    assert ended.code == 2
    assert "nothing to trust" in ended.error
    assert "--genesis" in ended.hint


def test_what_is_not_there_or_empty_is_said(certified, tmp_path):
    ended = run("shard", "verify", tmp_path / "nothing", "--genesis", certified.genesis)
    assert (ended.code, ended.error) == (2, f"{tmp_path / 'nothing'} cannot be read: No such file or directory")
    (tmp_path / "empty").mkdir()
    ended = run("shard", "verify", tmp_path / "empty", "--genesis", certified.genesis)
    assert (ended.code, ended.error) == (1, f"refused: {tmp_path / 'empty'} holds no shards")


# Pulling


class FolderDesk:
    """Serves a folder's files; may break off after some pieces, and spoil what it gives."""

    def __init__(self, folder, *, pieces=10**9, spoil=False):
        self._source = FolderSource(folder)
        self._pieces, self._spoil = pieces, spoil
        self.given = 0
        self.breaks = 0

    async def list_shards(self, job, limit):
        found = []
        for listing in await self._source.list_shards(job):
            data = await self._source.read_certificate(listing.name)
            bundle = parse_bundle(data)
            found.append(
                views.ShardView(
                    root=bundle.head.root,
                    job=JobId(bundle.job),
                    height=bundle.height,
                    header=bundle.head.root,
                    rows=len(bundle.leaves) - len(bundle.absent),
                    file_bytes=listing.size,
                    file_sha256=listing.sha256,
                    split=bundle.split,
                    certificate_bytes=len(data),
                    certificate_sha256=hashlib.sha256(data).digest(),
                )
            )
        return tuple(found[:limit])

    async def pull(self, root, offset, file_sha256):
        data = await self._bytes_of(file_sha256)
        while offset < len(data):
            if self._pieces <= 0:
                self._pieces, self.breaks = 10**9, self.breaks + 1
                raise TransientError("the cable was cut", waits_for="a cable")
            piece = data[offset : offset + PIECE]
            self._pieces -= 1
            self.given += len(piece)
            yield views.ShardPiece(offset, piece)
            offset += len(piece)

    async def _bytes_of(self, sha256):
        for listing in await self._source.list_shards(None):
            certificate = await self._source.read_certificate(listing.name)
            if hashlib.sha256(certificate).digest() == sha256:
                return certificate
            if listing.sha256 == sha256:
                data = await self._source.read_range(listing.name, sha256, 0, 1 << 20)
                return data[:-9] + b"x" + data[-8:] if self._spoil else data
        raise OperatorError("no such file", hint="List them.")


def pull(desk, certified, out, *words):
    with Answering() as node:
        object.__setattr__(node.desks, "shards", desk)
        return run("shard", "pull", "--node", node.address, "--genesis", certified.genesis, "--out", out, *words)


def test_a_pull_brings_rows_proof_and_genesis_and_repeating_it_brings_nothing(certified, tmp_path):
    desk, out = FolderDesk(certified.folder), tmp_path / "pulled"
    ended = pull(desk, certified, out)
    assert ended.code == 0
    assert f"{certified.rows} rows verified" in ended.out
    assert (out / "genesis.json").read_bytes() == certified.genesis.read_bytes()
    assert run("shard", "verify", out, "--genesis", certified.genesis).code == 0
    before = files_below(out)
    given = desk.given
    assert "0 files pulled" in pull(desk, certified, out).out
    assert desk.given == given
    assert files_below(out) == before


def test_a_pull_that_is_cut_off_goes_on_where_it_stopped(certified, tmp_path, monkeypatch):
    monkeypatch.setattr(peer_source, "RETRY_S", 0.0)
    monkeypatch.setattr("tests.unit.cli.test_cli_shard.PIECE", 1000)
    size = first_file(certified).stat().st_size
    certificate = next((certified.folder / "certificates").glob(f"{first_file(certified).stem}*")).stat().st_size
    cut_after = certificate // 1000 + 1 + size // 2000  # in the middle of the first file
    desk = FolderDesk(certified.folder, pieces=cut_after)
    ended = pull(desk, certified, tmp_path / "pulled")
    assert ended.code == 0
    assert desk.breaks == 1
    assert f"{certified.rows} rows verified" in ended.out


def test_spoiled_bytes_are_refused_and_none_of_their_rows_is_kept(certified, tmp_path):
    out = tmp_path / "pulled"
    ended = pull(FolderDesk(certified.folder, spoil=True), certified, out)
    assert ended.code == 1
    assert "the bytes fetched do not have the listed hash" in ended.out
    assert not list(out.rglob("*.parquet"))


def test_another_swarms_folder_is_not_mixed_with(certified, home, tmp_path):
    out = tmp_path / "pulled"
    out.mkdir()
    shutil.copy(home / "genesis.json", out)
    before = files_below(out)
    ended = pull(FolderDesk(certified.folder), certified, out)
    assert ended.code == 2
    assert "holds shards of swarm" in ended.error
    assert "--out" in ended.hint
    assert files_below(out) == before
