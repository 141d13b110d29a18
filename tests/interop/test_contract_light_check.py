"""The light check of the contracts' README, its exact text, by a process of its own over JSON-RPC."""

import json
import re
import runpy
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from consensus.certificate import header_hash
from consensus.merkle import merkle_path, merkle_root
from consensus.shard import ShardLeaf, shard_root
from consensus.types import ZERO_HASH, Hash, Header, JobId, NodeId, Scores, ShardHead
from tests.support.contract_chain import deploy_all, job, keccak, lefts, score_leaf, shard_vote

pytest.importorskip("web3", reason="needs the extra `chain`")

README = Path(__file__).parents[2] / "contracts" / "README.md"


def script():
    (text,) = re.findall(r"```python\n(.*?)```", README.read_text(), re.DOTALL)
    return text


def serve(evm):
    """As much of JSON-RPC over HTTP as a reader of a chain needs."""

    class Endpoint(BaseHTTPRequestHandler):
        def do_POST(self):
            request = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            result = self.methods()[request["method"]](*request["params"])
            body = json.dumps({"jsonrpc": "2.0", "id": request["id"], "result": result}).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def methods(self):
            return {"eth_chainId": lambda: hex(evm.chain_id), "eth_call": self.call}

        def call(self, transaction, _block):
            known = {"from": evm.accounts[0].address, "gas": 5_000_000}
            return evm.tester.call({**known, "to": transaction["to"], "data": transaction["data"]})

        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Endpoint)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server


def leaf_of(number):
    return ShardLeaf(
        content=Hash(keccak(text=f"content {number}")),
        job=JobId(job(0)),
        height=97,
        crate="itoa@1.0.11",
        category="explain",
        score_bp=8_000 + number,
        criteria_bp=Scores((8_000, 8_000, 8_000, 8_000)),
        spread_bp=300,
        raters=5,
        generator=NodeId(keccak(text="generator")),
    )


def header_of(head):
    roots = dict.fromkeys(
        (
            "attestation_root",
            "input_root",
            "outcome_root",
            "pending_root",
            "state_root",
            "snapshot_root",
            "ledger_head",
        ),
        ZERO_HASH,
    )
    return Header(
        network=Hash(keccak(text="network")), height=97, epoch=3, previous=ZERO_HASH, builder=NodeId(bytes(32)),
        builder_view=0, vrf_proof=b"", shards=(head,), admitted=(), counts=(), **roots,
    )  # fmt: skip


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    """A chain with an anchored epoch and a final shard, its endpoint, and the claim that holds for them."""
    swarm = deploy_all(first=3)
    scores = sorted((keccak(text=f"node {number}"), 0, 5_000 + number) for number in range(21))
    score_leaves = [score_leaf(*score) for score in scores]
    swarm.anchor_epoch(swarm.vote(3, score=merkle_root(score_leaves)))
    rows = sorted((leaf_of(number) for number in range(41)), key=lambda leaf: leaf.content)
    root, digests = shard_root(rows), [row.digest() for row in rows]
    header = header_hash(header_of(ShardHead(JobId(job(0)), root, len(rows))))
    swarm.commit_shard(shard_vote(round=97, root=root, rows=len(rows), certificate=header), 4)
    node, category, value = scores[10]
    claim = {
        "anchor": swarm.anchor.address,
        "shards": swarm.shards.address,
        "score": {"epoch": 3, "node": node.hex(), "category": category, "value": value, **proof(score_leaves, 10)},
        "shard": {"job": job(0).hex(), "round": 97, "root": root.hex(), "rows": len(rows), "header": header.hex()},
        "row": {"leaf": digests[40].hex(), **proof(digests, 40)},
    }
    folder = tmp_path_factory.mktemp("light")
    (folder / "light_check.py").write_text(script())
    server = serve(swarm.evm)
    yield folder, f"http://127.0.0.1:{server.server_port}", claim
    server.shutdown()
    server.server_close()


def proof(leaves, index):
    return {"path": [one.hex() for one in merkle_path(leaves, index)], "lefts": lefts(len(leaves), index)}


def test_a_true_claim_is_proved_by_the_script_alone(world):
    folder, url, claim = world
    (folder / "claim.json").write_text(json.dumps(claim))
    command = [sys.executable, "-I", "light_check.py", url, "claim.json"]  # isolated: nothing of ours can be imported
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=600, check=False)
    assert done.returncode == 0, done.stderr
    assert f"had {claim['score']['value']} in category 0, epoch 3" in done.stdout
    assert f"shard {claim['shard']['root']} of job {claim['shard']['job']}, round 97, is final" in done.stdout


@pytest.mark.parametrize(
    ("part", "change", "reason"),
    [
        ("score", {"value": 9_999}, "this score does not lead to the epoch's root"),
        ("shard", {"rows": 42}, "the shard's status is none"),
        ("shard", {"header": "00" * 32}, "the shard's status is none"),
        ("row", {"leaf": "00" * 32}, "this row does not lead to the shard's root"),
    ],
    ids=["a higher score", "another row count", "another header", "another row"],
)
def test_a_false_claim_is_not(world, monkeypatch, part, change, reason):
    folder, url, claim = world
    false = folder / "false.json"
    false.write_text(json.dumps({**claim, part: claim[part] | change}))
    monkeypatch.setattr(sys, "argv", ["light_check.py", url, str(false)])
    with pytest.raises(SystemExit, match=f"^NOT PROVED: {reason}$"):
        runpy.run_path(str(folder / "light_check.py"), run_name="__main__")
