"""Desks with fixed answers, and a server around them on a port of its own."""

import asyncio
import contextlib
import hashlib

from consensus.types import Certificate, Hash, Header, JobId, JobStatus, NodeId, Seat, Snapshot
from node.errors import ExitCode, OperatorError, PeerFaultError, TransientError
from node.identity import NodeKey
from node.rpc.client import NodeClient
from node.rpc.desks import Desks
from node.rpc.server import RpcServer, RpcSettings
from node.values import views
from node.wire.envelope import Domain

NODE = NodeKey(b"\x01" * 32)
CALLER = NodeKey(b"\x02" * 32)
FRIEND = NodeKey(b"\x03" * 32)
DOMAIN = Domain(Hash(bytes(range(32))))
ROOT = Hash(b"\x0a" * 32)
JOB = JobId(b"\x0b" * 32)
FILE = bytes(range(256)) * 3000

JOB_VIEW = views.JobView(
    job=JOB,
    coordinator=CALLER.node,
    title="three crates",
    status=JobStatus.OPEN,
    admitted=4,
    deadline_unix_s=1_800_000_000,
    budget=900,
    issued=30,
    rows=12,
    tasks=(views.TaskView("strsim@0.11.1", "code_generation", 3, 2, 1, 1, exhausted=False, note=""),),
    states=(views.StateCount("accepted", 12), views.StateCount("rejected_check", 3)),
)
HEADER = Header(
    network=DOMAIN.network,
    height=9,
    epoch=1,
    previous=ROOT,
    builder=NODE.node,
    builder_view=0,
    vrf_proof=bytes(80),
    attestation_root=ROOT,
    input_root=ROOT,
    outcome_root=ROOT,
    pending_root=ROOT,
    state_root=ROOT,
    snapshot_root=ROOT,
    ledger_head=ROOT,
    shards=(),
    admitted=(JOB,),
    counts=(1,) * 12,
)
CERTIFIED = views.CertifiedRound(
    Certificate(HEADER, 0, b"\x01", (bytes(64),)), Snapshot(3, (Seat(NODE.node, 10_000),), ROOT)
)
SHARD = views.ShardView(
    ROOT, JOB, 9, ROOT, 12, len(FILE), hashlib.sha256(FILE).digest(), "train", 3, hashlib.sha256(b"{}\n").digest()
)
NODE_VIEW = views.NodeView(
    node=NODE.node,
    owner="alice",
    software="swarm-node 0.1.0",
    protocol=1,
    network=DOMAIN.network,
    preset="LOCAL",
    preset_hash=ROOT,
    height=9,
    epoch=1,
    started_unix_s=1_700_000_000,
    engine="source",
    activity="waits for a job",
    components=(views.ComponentView("gossip", well=False, text="no peers yet", waits_for="peers"),),
    counters=(views.Counter("rows", 12),),
)
PEERS = (views.PeerView(FRIEND.node, ("grpc://127.0.0.1:7001",), connected=True, via="rpc", source="bootstrap"),)
STANDING = views.ReputationView(
    NODE.node,
    "alice",
    8200,
    8200,
    8100,
    10_000,
    9000,
    8800,
    9900,
    7000,
    0,
    (views.ReputationChange(9, ROOT, "R31", 1, 2),),
)
EVENTS = tuple(
    views.JobEvent(number, 1_700_000_000_000, number, "RoundCertified", f"round {number}", final=number == 3)
    for number in (1, 2, 3)
)
EXPLANATION = views.Explanation("0a0a0a0a", "It was accepted.", (views.ExplainedStep("R24", "evidence 3.1", ROOT),))
GENERATION = views.Generation("fn main() {}\n", "stop", 10, 5, "test-model")
MODEL = views.ModelView("test-model", "openai", 32_768, schema_enforced=True)


class FixedJobs:
    def __init__(self):
        self.submitted = []
        self.cancelled = []

    async def submit(self, job, envelope):
        known = envelope in self.submitted
        self.submitted.append(envelope)
        return views.Receipt(JobId(job.digest), known)

    async def cancel(self, cancel, envelope):
        self.cancelled.append((cancel.sender, cancel.body.job))
        return False

    async def get(self, job):
        if job != JOB:
            raise OperatorError(
                f"no job {job.hex()[:8]}", hint="List them: swarm-node job list.", exit_code=ExitCode.NOT_SO
            )
        return JOB_VIEW

    async def list_jobs(self, limit):
        return (JOB_VIEW,) * min(limit, 2)

    async def watch(self, job, after):
        for event in EVENTS[after:]:
            yield event

    async def explain(self, subject):
        if subject == "deadbeef":
            raise ZeroDivisionError("a bug with a secret in its text")
        return EXPLANATION


class FixedShards:
    async def list_shards(self, job, limit):
        return (SHARD,) if job in {None, JOB} else ()

    async def certificate(self, height):
        if height not in {0, 9}:
            raise TransientError(f"round {height} is not certified yet", waits_for=f"round {height}")
        return CERTIFIED

    async def pull(self, root, offset, file_sha256):
        if file_sha256 not in {b"", SHARD.file_sha256}:
            raise OperatorError("the file is another one now", hint="Start the pull again from the beginning.")
        for start in range(offset, len(FILE), 100_000):
            yield views.ShardPiece(start, FILE[start : start + 100_000])


class FixedModel:
    async def describe(self):
        return MODEL

    async def generate(self, prompt, settings):
        return GENERATION

    async def generate_stream(self, prompt, settings):
        for word in ("fn ", "main() ", "{}\n"):
            yield word
        yield GENERATION

    async def score(self, prompt, choices):
        return views.ChoiceScores(tuple(-float(len(choice)) for choice in choices), "test-model", "logprobs")


class FixedNode:
    def __init__(self):
        self.stopped_by = []

    async def status(self):
        return NODE_VIEW

    async def peers(self):
        return PEERS

    async def shutdown(self, reason, by):
        self.stopped_by.append((reason, by))

    async def reputation(self, node, changes):
        return (STANDING,) if node in {None, NODE.node} else ()


class FixedExchange:
    def __init__(self):
        self.delivered = []
        self.entered = asyncio.Event()
        self.ended = asyncio.Event()

    async def request(self, caller, protocol, data):
        if protocol == "wait/1":
            try:
                self.entered.set()
                await asyncio.Event().wait()
            finally:
                self.ended.set()
        if protocol == "accuse/1":
            raise PeerFaultError("bad-request", "this is not how it is asked")
        if protocol == "person/1":
            raise OperatorError("the disk is full", hint="Make room.")
        return caller + data

    async def deliver(self, caller, topic, data):
        self.delivered.append((caller, topic, data))


def fixed_desks(*, model=True):
    return Desks(FixedJobs(), FixedShards(), FixedNode(), FixedExchange(), FixedModel() if model else None)


@contextlib.asynccontextmanager
async def serving(*, key=NODE, desks=None, clock=lambda: 1_700_000_000.0, **settings):
    server = RpcServer(
        key=key,
        domain=DOMAIN,
        desks=desks or fixed_desks(),
        settings=RpcSettings(**settings),
        is_operator=lambda node: node == FRIEND.node,
        clock=clock,
    )
    await server.start()
    try:
        yield server
    finally:
        await server.stop(grace_s=0)


def client_of(server, key=CALLER, *, node: NodeId | None = NODE.node, clock=lambda: 1_700_000_000.0):
    return NodeClient.connect(f"127.0.0.1:{server.port}", key, node=node, clock=clock)
