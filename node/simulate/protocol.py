"""Whole members against hostile ones over a bad network: rounds, agreement, certificates, reputation, all from a seed.

Every honest member drives the shipped `node.pipeline` and nothing else decides anything. The run ends when all honest
members have decided the rounds asked for; what they decided is judged by the planted truth.
"""

from __future__ import annotations

import hashlib
import math
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from random import Random

import numpy as np

from consensus.genesis import Founder, Genesis
from consensus.params import MAINNET, Preset
from consensus.types import CandidateState, ChainState, Hash, Kind, Member, NodeId, Proposal
from node.identity import NodeKey
from node.pipeline.effects import Decided, Message
from node.simulate.clockwork import CONDITIONS, Clockwork, SimulatedNetwork
from node.simulate.faults import BEHAVIOURS
from node.simulate.figures import area
from node.simulate.members import SimulatedMember
from node.simulate.opinions import Truth
from node.simulate.surroundings import Peer
from node.simulate.transitions import SharedTransitions
from node.simulate.worlds import World
from node.values.crate import CratePin
from node.values.example import CATEGORIES
from node.values.job import JobSpec, Sampling
from node.wire import Domain, decode_message, seal_message
from reputation import Reason, ReasonKind, Role, role_of, standing_of

HOUR_MS = 3_600_000
NEWCOMERS_AFTER_MS = 600_000
"""Between the start of the swarm and the first newcomer's, and between two newcomers'."""
PRESET = replace(MAINNET, name="SIMULATED", epoch_rounds=4)
"""MAINNET with epochs that a short run sees several of."""

SOFT = {ReasonKind.NO_SHOW, ReasonKind.UNREVEALED}
"""What absence costs: maturity, earned back by rating (R33). Not to reveal by habit suspends: that is hard."""


@dataclass(frozen=True)
class Setting:
    """What a run is, but for its seed."""

    nodes: int = 7
    rounds: int = 20
    behaviour: str = "none"
    """Of the adversaries; a key of `faults.BEHAVIOURS`, or `none`."""
    adversaries: float = 0.28
    """Share of the nodes, rounded down: below one third, or safety is not promised."""
    tasks: int = 4
    """Of a round."""
    network: str = "calm"
    crashes: bool = False
    """Whether honest members die now and then, and come back with their disks."""
    newcomers: int = 0
    """Beside the nodes, which are founders: they start later and ask to become members."""
    newcomer_behaviour: str = "none"
    """As `behaviour`, of the newcomers."""
    world: World = field(default_factory=World)

    @property
    def hostile(self) -> int:
        """How many of the nodes are adversaries."""
        return math.floor(self.nodes * self.adversaries) if self.behaviour != "none" else 0


@dataclass
class Findings:
    """What a run showed."""

    setting: Setting
    seed: int
    rounds: int = 0
    """Decided by every honest member."""
    hours: float = 0.0
    """Simulated."""
    fingerprint: str = ""
    """Of every decided header, in order: two runs of one seed have the same."""
    violations: list[str] = field(default_factory=list)
    """Of agreement: two headers of one height decided by honest members, a member halted."""
    right: int = 0
    accepted: int = 0
    good: int = 0
    """Good candidates that were rated."""
    decided: int = 0
    made: int = 0
    """Candidates of honest members, probes left out."""
    lost: int = 0
    """Of these, what was never judged: it came too late, was unavailable, or never opened."""
    penalties: dict[str, int] = field(default_factory=dict)
    """Of honest members, by reason: suspensions, false facts, equivocations. None is deserved."""
    honest_rounds: int = 0
    """Honest members times rounds."""
    soft: int = 0
    """Rounds in which an honest member lost some maturity for being away."""
    detect_rounds: dict[int, int] = field(default_factory=dict)
    """By adversary: the round after which it had lost its standing or its seat."""
    admitted: dict[int, int] = field(default_factory=dict)
    """By newcomer: the round from which it has seats. Likewise after which round it was dropped."""
    dropped: dict[int, int] = field(default_factory=dict)
    reputation_auc: float = math.nan
    adversary_share: float = math.nan
    """Of the voting weight to come."""
    messages: int = 0
    refused: dict[str, int] = field(default_factory=dict)

    @property
    def unfinished(self) -> int:
        """Rounds asked for that some honest member did not decide."""
        return max(0, self.setting.rounds - self.rounds)

    @property
    def precision(self) -> float:
        """Of what was accepted, what is good."""
        return self.right / self.accepted if self.accepted else math.nan

    @property
    def recall(self) -> float:
        """Of the good candidates that were decided, what was accepted or surplus."""
        return self.right / self.good if self.good else math.nan

    @property
    def f1(self) -> float:
        """Harmonic mean of both."""
        return 2 * self.precision * self.recall / (self.precision + self.recall) if self.right else math.nan


class Swarm:
    """All members, the network between them, and what an onlooker sees.

    Args:
        setting: What to play.
        seed: Everything else.
        tell: Given a line for a person when something happens.
    """

    def __init__(self, setting: Setting, seed: int, tell: Callable[[str], None] | None = None) -> None:
        self.setting, self.seed = setting, seed
        self.preset = replace(PRESET, tasks_per_round=setting.tasks)
        self._tell = tell
        self.clockwork = Clockwork()
        self.network = SimulatedNetwork(
            self.clockwork, self.fork("network"), setting.nodes + setting.newcomers, CONDITIONS[setting.network]
        )
        self.truth = Truth(seed, setting.world)
        numbers = range(setting.nodes + setting.newcomers)
        keys = [NodeKey(hashlib.sha256(f"{seed}/key/{n}".encode()).digest()) for n in numbers]
        coordinator = NodeKey(hashlib.sha256(f"{seed}/coordinator".encode()).digest())
        self.genesis = _genesis(keys[: setting.nodes], coordinator, self.preset, seed)
        self.domain = Domain(self.genesis.network)
        self.refused: dict[str, int] = {}
        self.findings = Findings(setting, seed, refused=self.refused)
        self.transitions = SharedTransitions(self.violate)
        self.sent_bytes: Counter[Kind] = Counter()
        """Of all members to all others, by kind of message; contents and answers to questions are not in it."""
        self.proposed_ms: dict[int, int] = {}
        """By height, when its first header was proposed; and when the last honest member decided."""
        self.decided_ms: dict[int, int] = {}
        self._decoded: dict[bytes, Message] = {}
        self._headers: dict[int, Hash] = {}
        self._behind = setting.rounds
        """Rounds that the last honest member has yet to decide."""
        hostile = set(self.fork("who").sample(range(setting.nodes), setting.hostile))
        kinds = {n: BEHAVIOURS[setting.behaviour] if n in hostile else SimulatedMember for n in range(setting.nodes)}
        if setting.newcomer_behaviour != "none":
            hostile.update(numbers[setting.nodes :])
        kinds |= {n: BEHAVIOURS.get(setting.newcomer_behaviour, SimulatedMember) for n in numbers[setting.nodes :]}
        self.friends = frozenset(keys[n].node for n in hostile)
        self.members = [kinds[n](self, n, keys[n]) for n in numbers]
        self.founders = self.members[: setting.nodes]
        self.honest = [member for member in self.members if member.node not in self.friends]
        self._job = seal_message(self.domain, _job(self.preset, setting), coordinator)

    def fork(self, purpose: str) -> Random:
        """Chance of its own for a purpose, so that one part's draws do not shift another's."""
        return Random(f"{self.seed}/{purpose}")

    def decode(self, envelope: bytes) -> Message:
        """A verified message; each envelope is verified once for all members."""
        name = hashlib.sha256(envelope).digest()
        if name not in self._decoded:
            self._decoded[name] = decode_message(self.domain, envelope)
        return self._decoded[name]

    def run(self) -> Findings:
        """Play until every honest member has decided all rounds, or three simulated hours a round are over."""
        job = self.decode(self._job)
        for member in self.founders:
            member.start()
            member.receive(job, self._job)
        for place, member in enumerate(self.members[self.setting.nodes :]):
            self.clockwork.after((place + 1) * NEWCOMERS_AFTER_MS, member.start)
        if self.setting.crashes:
            for member in self.honest:
                self._plan_crash(member)
        self.clockwork.run(self._is_over, self.setting.rounds * 3 * HOUR_MS)
        return self._close()

    def _is_over(self) -> bool:
        return self._behind <= 0

    def _height(self, member: SimulatedMember) -> int:
        return 0 if member.disk.state is None else member.disk.state.height

    def _plan_crash(self, member: SimulatedMember) -> None:
        """Dies some time, for up to five minutes; never with so many that nothing can be decided."""

        def crash() -> None:
            down = sum(not other.up for other in self.founders)
            down += sum(other.node in self.friends for other in self.founders)
            if member.up and 3 * (down + 1) < len(self.founders):
                member.kill(member.chance.randrange(1_000, 300_000))
            self._plan_crash(member)

        self.clockwork.after(member.chance.randrange(60_000, 3_000_000), crash)

    # What an onlooker sees

    def tell(self, line: str) -> None:
        """Add a line to the transcript."""
        if self._tell is not None:
            seconds = self.clockwork.now_ms // 1000
            self._tell(f"{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}  {line}")

    def note_sent(self, message: Message, size: int) -> None:
        """A member sends so many bytes to one other."""
        self.sent_bytes[message.kind] += size
        if isinstance(message.body, Proposal):
            self.proposed_ms.setdefault(message.body.header.height, self.clockwork.now_ms)

    def violate(self, what: str) -> None:
        """Something happened that must not."""
        self.findings.violations.append(what)
        self.tell(f"VIOLATION: {what}")

    def decided(self, member: Peer, decided: Decided) -> None:
        """A member has decided a round. The first honest one's is judged, all others' have to be the same."""
        if member.node in self.friends:
            return
        header = decided.transition.header
        self._behind = self.setting.rounds - min(self._height(honest) for honest in self.honest)
        self.decided_ms[header.height] = self.clockwork.now_ms
        if header.height not in self._headers:
            self._headers[header.height] = decided.transition.state.previous
            self._judge(decided)
        elif self._headers[header.height] != decided.transition.state.previous:
            self.violate(f"two headers are decided at height {header.height}")

    def _judge(self, decided: Decided) -> None:
        found, outcome = self.findings, decided.transition.outcome
        counts: dict[str, int] = {}
        for decision in outcome.decisions:
            counts[decision.state.value] = counts.get(decision.state.value, 0) + 1
            if decision.generator not in self.friends and decision.slot >= 0:
                found.made += decision.state is not CandidateState.PROBE
                found.lost += decision.state in _LOST
            if decision.state in _JUDGED:
                good = self.truth.planted[decision.content].good
                passed = decision.state in _PASSED
                found.decided += 1
                found.accepted += passed
                found.good += good
                found.right += passed and good
                if passed and not good:
                    self.tell(
                        f"  {decision.content.hex()[:8]} is accepted, and bad: score {decision.score_bp / 1e4:.3f}"
                    )
        height, view = decided.transition.header.height, decided.certificate.view
        listed = ", ".join(f"{count} {state}" for state, count in sorted(counts.items())) or "no candidates"
        self.tell(f"round {height} decided in view {view}: {listed}")
        self._judge_members(decided)

    def _judge_members(self, decided: Decided) -> None:
        found, height = self.findings, decided.transition.header.height
        numbers = {member.node: member for member in self.members}
        found.honest_rounds += sum(member.node not in self.friends for member in decided.transition.state.members)
        for event in decided.transition.events:
            for reason in event.reasons:
                self._note_reason(numbers[event.node], reason)
        for member in decided.transition.state.members:
            role = role_of(member, height + 1, self.preset)
            index = numbers[member.node].index
            if (
                member.node in self.friends
                and role in {Role.OBSERVER, Role.BARRED}
                and index not in found.detect_rounds
            ):
                found.detect_rounds[index] = height
                self.tell(f"  {numbers[member.node].name} is {role.value}: {_told(member, self.preset)}")

    def _note_reason(self, member: SimulatedMember, reason: Reason) -> None:
        kind = reason.kind
        hard = kind in {ReasonKind.FALSE_FACT, ReasonKind.EQUIVOCATED} or (kind in SOFT and self._suspends(reason))
        if kind in _JOINING:
            self._note_joining(member, reason)
        if hard or kind is ReasonKind.UNREVEALED:
            self.tell(f"  {member.name}: {kind.name.lower()}{', suspended' if self._suspends(reason) else ''}")
        if member.node in self.friends:
            return
        if hard:
            self.findings.penalties[kind.name.lower()] = self.findings.penalties.get(kind.name.lower(), 0) + 1
        elif kind in SOFT:
            self.findings.soft += 1

    def _note_joining(self, member: SimulatedMember, reason: Reason) -> None:
        found = self.findings
        self.tell(f"  {member.name}: {reason.kind.name.lower()}{f', round {reason.amount}' if reason.amount else ''}")
        if reason.kind is ReasonKind.ADMITTED:
            found.admitted[member.index] = reason.amount
        elif reason.kind is ReasonKind.DROPPED:
            found.dropped[member.index] = max(self._headers)

    @staticmethod
    def _suspends(reason: Reason) -> bool:
        return reason.kind is not ReasonKind.NO_SHOW and reason.kind is not ReasonKind.FALSE_FACT and reason.amount > 0

    def _close(self) -> Findings:
        found = self.findings
        found.rounds = min(self._height(member) for member in self.honest)
        found.hours = self.clockwork.now_ms / HOUR_MS
        found.fingerprint = hashlib.sha256(
            b"".join(self._headers[height] for height in sorted(self._headers))
        ).hexdigest()
        found.messages = self.network.sent
        state = max((m.disk.state for m in self.honest if m.disk.state), key=lambda item: item.height, default=None)
        if state is not None and self.friends:
            found.reputation_auc, found.adversary_share = _standing_of_adversaries(state, self.friends, self.preset)
        return found


_JOINING = {ReasonKind.APPLIED, ReasonKind.ADMITTED, ReasonKind.NOT_ADMITTED, ReasonKind.DROPPED}
_PASSED = {CandidateState.ACCEPTED, CandidateState.SURPLUS}
_LOST = {CandidateState.LATE, CandidateState.UNAVAILABLE, CandidateState.VOID, CandidateState.DUPLICATE}
_JUDGED = _PASSED | {CandidateState.REJECTED_SCORE, CandidateState.REJECTED_CHECK}


def run_protocol(setting: Setting, seed: int, tell: Callable[[str], None] | None = None) -> Findings:
    """Play one run."""
    return Swarm(setting, seed, tell).run()


def _standing_of_adversaries(state: ChainState, bad: frozenset[NodeId], preset: Preset) -> tuple[float, float]:
    """How well reputation tells them from honest members, and their share of the weight to come."""
    points = np.array([standing_of(m.table, preset).reputation_bp for m in state.members], dtype=np.float64)
    honest = np.array([member.node not in bad for member in state.members])
    weights: Mapping[NodeId, int] = {seat.node: seat.weight for seat in state.snapshots[-1].seats}
    share = sum(weight for node, weight in weights.items() if node in bad) / max(1, sum(weights.values()))
    return area(points, honest), share


def _told(member: Member, preset: Preset) -> str:
    return f"reputation {standing_of(member.table, preset).reputation_bp / 1e4:.3f}, {member.offences} offences"


def _genesis(keys: list[NodeKey], coordinator: NodeKey, preset: Preset, seed: int) -> Genesis:
    founders = sorted((Founder(key.node, f"owner-{n}") for n, key in enumerate(keys)), key=lambda item: item.node)
    chain_seed = Hash(hashlib.sha256(f"{seed}/chain".encode()).digest())
    return Genesis("simulated", preset.hash(), chain_seed, tuple(founders), (coordinator.node,))


def _job(preset: Preset, setting: Setting) -> JobSpec:
    """A job that lasts longer than the run."""
    crates = max(1, setting.rounds * preset.tasks_per_round // len(CATEGORIES) + 1)
    pins = tuple(
        CratePin(f"crate-{n}", "1.0.0", hashlib.sha256(b"%d" % n).digest(), bytes(32), "MIT", "2021")
        for n in range(crates)
    )
    return JobSpec(
        title="simulated",
        crates=pins,
        categories=CATEGORIES,
        quota=100,
        generators=2,
        candidates=4,
        raters=setting.world.committee,
        accept_bp=7000,
        review_bp=5000,
        budget=1_000_000,
        deadline_unix_s=1 << 40,
        preset_hash=preset.hash(),
        sampling=Sampling(),
        prompt_set_digest=bytes(32),
    )
