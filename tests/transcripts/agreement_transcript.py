"""Agreement as a conversation: what happens to one member, line by line, and under a rule what it wishes done.

A transcript is a list of blocks, `what happens`, `----`, `what the machine answers`, with comments between them. After
a change of the machine

    python -m tests.transcripts.agreement_transcript

writes the answers anew. Commit the difference only if you understand each line of it.

    members a 10, b 10, c 10     the committee in the order of its seats, and their weights
    turns b a                    whose turns views 0, 1, .. are (the seed is searched for)
    me b                         this member, or `nobody`: an observer; builds the machine
    start                        the height begins
    proposal a 0 X               a proposes header X in view 0; `since 2`: as valid since view 2
    prevote a 0 X                a's prevote in view 0 for X, or for nil; likewise precommit
    certificate 0 X by a b c     X is certified in view 0
    checked X valid              the answer to `check`; or invalid
    built 0 X                    the answer to `build`
    timeout propose 0            a timer fires
    absent a b                   nothing has been heard of these for a while, and of all others something
    killed                       kill -9, and a new process with what was stored

What the member signs comes back to it at once, as the driver must see to.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from itertools import count
from pathlib import Path

from consensus.agreement import (
    Accuse,
    Agreement,
    BuildHeader,
    CertificateReceived,
    CheckHeader,
    Decide,
    Effect,
    Event,
    HeaderBuilt,
    HeaderChecked,
    MembersAbsent,
    ProposalReceived,
    ReportFork,
    SendAgain,
    SetTimer,
    SignProposal,
    SignVote,
    Started,
    Step,
    Timer,
    TimerFired,
    VoteReceived,
)
from consensus.certificate import build_certificate, header_hash, precommit_bytes
from consensus.committee import Committee
from consensus.draw import proposer
from consensus.errors import RefusedError
from consensus.params import MAINNET
from consensus.types import Certificate, Hash, Header, NodeId, Proposal, RoundPlan, Signed, Vote, VotePhase
from tests.support.agreement import (
    ATTESTATIONS,
    NETWORK,
    cheap_sign,
    cheap_verify,
    make_header,
    make_plan,
    propose,
    sign_proposal,
    sign_vote,
)

FOLDER = Path(__file__).parent / "agreement"
RULE = "----"


class Conversation:
    """Plays the lines of one transcript."""

    def __init__(self) -> None:
        self._weights: dict[str, int] = {}
        self._plan: RoundPlan
        self._turns: list[str] = []
        self._me: NodeId | None = None
        self._machine: Agreement
        self._disk: list[Signed[Proposal] | Signed[Vote]] = []
        self._headers: dict[Hash, str] = {}

    def play(self, line: str) -> list[str]:
        """Let one thing happen; return the answers."""
        command, *words = line.replace(",", "").split()
        match command:
            case "members":
                self._weights = {name: int(weight) for name, weight in zip(words[::2], words[1::2], strict=True)}
                return []
            case "turns":
                self._turns = words
                return []
            case "me":
                return self._open(words[0])
            case "killed":
                return ["(a new process)", *self._reopen(), *self._handle(Started())]
        return self._handle(self._event(command, words))

    def _event(self, command: str, words: list[str]) -> Event:
        match command, words:
            case "start", []:
                return Started()
            case "proposal", [who, view, mark]:
                return ProposalReceived(propose(self._node(who), int(view), self._header(mark)))
            case "proposal", [who, view, mark, "since", since]:
                message = propose(self._node(who), int(view), self._header(mark), valid_view=int(since))
                return ProposalReceived(message)
            case (("prevote" | "precommit"), [who, view, mark]):
                vote = Vote(1, int(view), VotePhase[command.upper()], self._name(mark))
                return VoteReceived(sign_vote(self._node(who), vote))
            case "certificate", [view, mark, "by", *signers]:
                return CertificateReceived(self._certificate(int(view), mark, signers))
            case "checked", [mark, verdict]:
                return HeaderChecked(header_hash(self._header(mark)), valid={"valid": True, "invalid": False}[verdict])
            case "built", [view, mark]:
                return HeaderBuilt(int(view), self._header(mark, int(view)), ATTESTATIONS)
            case "absent", names:
                return MembersAbsent(frozenset(map(self._node, names)))
            case "timeout", [step, view]:
                return TimerFired(Timer(Step[step.upper()], int(view)))
        raise ValueError(f"not a line of a transcript: {command} {' '.join(words)}")

    def _open(self, me: str) -> list[str]:
        names = list(self._weights)
        for seed in count():
            self._plan = make_plan(self._weights.values(), seed=seed)
            committee = Committee(self._plan.committee)
            turns = [proposer(committee, self._plan.seed, view) for view in range(len(self._turns))]
            if turns == [self._plan.committee[names.index(name)].node for name in self._turns]:
                break
        self._me = None if me == "nobody" else self._node(me)
        return self._reopen()

    def _reopen(self) -> list[str]:
        self._machine = Agreement(
            network=NETWORK, plan=self._plan, preset=MAINNET, me=self._me, stored=self._disk, verify=cheap_verify
        )
        return []

    def _handle(self, event: Event) -> list[str]:
        try:
            effects = self._machine.handle(event)
        except RefusedError as error:
            return [f"refused: {error.rule}{'' if error.fault else ', nobody is at fault'}"]
        if isinstance(event, (ProposalReceived, VoteReceived)):
            self._disk.append(event.message)
        said = [self._say(effect) for effect in effects]
        for effect in effects:
            if isinstance(effect, SignVote):
                assert self._me is not None
                said += self._handle(VoteReceived(sign_vote(self._me, effect.vote)))
            elif isinstance(effect, SignProposal):
                assert self._me is not None
                said += self._handle(ProposalReceived(sign_proposal(self._me, effect.proposal)))
        return said

    def _say(self, effect: Effect) -> str:
        match effect:
            case SignProposal(proposal):
                return f"sign {self._say_body(proposal)}"
            case SignVote(vote):
                return f"sign {self._say_body(vote)}"
            case SendAgain(message):
                return f"send again {self._say_body(message.body)}"
            case SetTimer(timer, after_ms):
                return f"timer {timer.step.name.lower()} {timer.view} in {after_ms} ms"
            case CheckHeader(proposal):
                return f"check {self._mark(header_hash(proposal.header))}"
            case BuildHeader(view):
                return f"build {view}"
            case Decide(certificate):
                return f"decide {self._say_certificate(certificate)}"
            case Accuse(first, second):
                deeds = f"{self._say_body(first.body)} and {self._say_body(second.body)}"
                return f"accuse {self._letter(first.sender)} of {deeds}"
            case ReportFork(ours, other):
                return f"report fork: {self._say_certificate(ours)} and {self._say_certificate(other)}"

    def _say_body(self, body: Proposal | Vote) -> str:
        if isinstance(body, Vote):
            return f"{body.phase.name.lower()} {body.view} {self._mark(body.header)}"
        since = f" since {body.valid_view}" if body.valid_view >= 0 else ""
        return f"proposal {body.view} {self._mark(header_hash(body.header))}{since}"

    def _say_certificate(self, certificate: Certificate) -> str:
        bits = int.from_bytes(certificate.signers, "little")
        names = [name for position, name in enumerate(self._weights) if bits >> position & 1]
        return f"{self._mark(header_hash(certificate.header))} in view {certificate.view} by {' '.join(names)}"

    def _certificate(self, view: int, mark: str, signers: list[str]) -> Certificate:
        header = self._header(mark)
        message = precommit_bytes(NETWORK, 1, view, header_hash(header))
        signed = {self._node(who): cheap_sign(self._node(who), message) for who in signers}
        return build_certificate(Committee(self._plan.committee), header, view, signed)

    def _node(self, name: str) -> NodeId:
        """A member by its letter; any other word is somebody without a seat."""
        if name not in self._weights:
            return NodeId(name.encode().ljust(32, b"\0"))
        return self._plan.committee[list(self._weights).index(name)].node

    def _letter(self, node: NodeId) -> str:
        return next(name for name in self._weights if self._node(name) == node)

    def _header(self, mark: str, view: int = 0) -> Header:
        header = make_header(self._node("a"), view, mark)
        self._headers[header_hash(header)] = mark
        return header

    def _name(self, mark: str) -> Hash | None:
        return None if mark == "nil" else header_hash(self._header(mark))

    def _mark(self, header: Hash | None) -> str:
        return "nil" if header is None else self._headers.get(header, "its own header")


def replay(text: str) -> str:
    """The transcript with the answers that the machine gives today."""
    conversation = Conversation()
    blocks = [_replay_block(conversation, block) for block in text.strip().split("\n\n")]
    return "\n\n".join(blocks) + "\n"


def _replay_block(conversation: Conversation, block: str) -> str:
    lines = list(_lines_before_rule(block))
    commands = [line for line in lines if not line.startswith("#")]
    if not commands:
        return block
    answers = [answer for command in commands for answer in conversation.play(command)]
    if commands[-1].startswith("me "):
        return block
    return "\n".join([*lines, RULE, *(answers or ["nothing"])])


def _lines_before_rule(block: str) -> Iterator[str]:
    for line in block.splitlines():
        if line == RULE:
            return
        yield line


def main() -> int:
    for path in sorted(FOLDER.glob("*.txt")):
        before = path.read_text(encoding="utf-8")
        after = replay(before)
        if after != before:
            path.write_text(after, encoding="utf-8")
            print(f"rewritten: {path.name}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
