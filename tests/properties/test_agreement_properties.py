"""What holds of one member whatever happens to it: events in any order, twice, hostile, and kill -9 between them."""

import pickle
from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st

from consensus.agreement import (
    Accuse,
    Agreement,
    CertificateReceived,
    Decide,
    HeaderBuilt,
    HeaderChecked,
    MembersAbsent,
    ProposalReceived,
    SendAgain,
    SignProposal,
    SignVote,
    Started,
    Step,
    Timer,
    TimerFired,
    VoteReceived,
)
from consensus.certificate import build_certificate, header_hash, precommit_bytes, verify_certificate
from consensus.committee import Committee
from consensus.draw import proposer
from consensus.errors import RefusedError
from consensus.params import MAINNET
from consensus.types import Kind, NodeId, VotePhase
from tests.support.agreement import (
    ATTESTATIONS,
    NETWORK,
    cheap_sign,
    cheap_verify,
    make_header,
    make_plan,
    precommit,
    prevote,
    propose,
    sign_proposal,
    sign_vote,
)

PLAN = make_plan((10, 10, 10, 10), seed=3)
COMMITTEE = Committee(PLAN.committee)
NODES = [seat.node for seat in PLAN.committee]
ME, HONEST, *HOSTILE = range(4)
"""Members 2 and 3 sign anything, 1 signs once per slot: more dishonest weight than can be survived, on purpose."""

HEADERS = [make_header(NODES[0], 0, mark) for mark in "XY"]
NAMES = [header_hash(header) for header in HEADERS]

# What happens is told relative to the view that the member is in, or nearly nothing of it would matter.
offsets = st.sampled_from([0, 0, 0, 0, -1, 1])
marks = st.sampled_from([0, 0, 1])
steps = st.one_of(
    st.tuples(st.just("polka"), marks, st.sampled_from([None, None, 1, 2])),
    st.tuples(st.just("pass")),
    st.tuples(st.just("proposal"), offsets, marks, st.sampled_from([None, None, 1, 2])),
    st.tuples(st.sampled_from(["prevotes", "prevotes", "precommits"]), offsets, marks | st.none()),
    st.tuples(st.sampled_from(["prevote", "precommit"]), offsets, marks | st.none(), st.sampled_from([1, 2, 3])),
    st.tuples(st.just("timer"), st.sampled_from(Step)),
    st.tuples(st.just("checked"), marks),
    st.tuples(st.just("absent"), st.sampled_from([(), (1,), (2,), (2, 3)])),
    st.just(("killed",)),
    st.just(("build",)),
)
histories = st.lists(steps, min_size=3, max_size=30)


class Member:
    """A driver with a disk, that hands own messages back at once, and remembers all it ever signed."""

    def __init__(self):
        self.disk = []
        self.signed = {}
        self.said = []
        self.lives = 0
        self.honest = {}
        self.restart()

    def restart(self):
        self.lives += 1
        self.machine = Agreement(
            network=NETWORK, plan=PLAN, preset=MAINNET, me=NODES[ME], stored=self.disk, verify=cheap_verify
        )
        self.handle(Started())

    def happen(self, step):
        if step == ("killed",):
            self.restart()
        for event in self.events_of(*step):
            self.handle(event)

    def events_of(self, what, *details):
        """The events of a step, now."""
        match [what, *details]:
            case (("prevotes" | "precommits"), offset, mark):
                return [self.vote(what[:-1], offset, mark, who) for who in (HONEST, *HOSTILE)]
            case (("prevote" | "precommit"), offset, mark, who):
                return [self.vote(what, offset, mark, who)]
            case ["proposal", offset, mark, back]:
                return self.proposal(max(0, self.machine.view + offset), mark, back)
            case ["polka", mark, back]:
                prevotes = [self.vote("prevote", 0, mark, who) for who in (HONEST, *HOSTILE)]
                return [
                    *self.proposal(self.machine.view, mark, back),
                    HeaderChecked(NAMES[mark], valid=True),
                    *prevotes,
                ]
            case ["pass"]:
                precommits = [self.vote("precommit", 0, None, who) for who in (HONEST, *HOSTILE)]
                return [*precommits, TimerFired(Timer(Step.PRECOMMIT, self.machine.view))]
            case ["timer", step]:
                return [TimerFired(Timer(step, self.machine.view))]
            case ["absent", who]:
                return [MembersAbsent(frozenset(NODES[index] for index in who))]
            case ["checked", mark]:
                return [HeaderChecked(NAMES[mark], valid=True)]
            case ["build"] if proposer_of(self.machine.view) == NODES[ME]:
                header = make_header(NODES[ME], self.machine.view, f"life {self.lives}")
                return [HeaderBuilt(self.machine.view, header, ATTESTATIONS)]
        return []

    def vote(self, what, offset, mark, who):
        view = max(0, self.machine.view + offset)
        value = None if mark is None else NAMES[mark]
        if who == HONEST:
            value = self.honest.setdefault((what, view), value)
        return VoteReceived({"prevote": prevote, "precommit": precommit}[what](NODES[who], view, value))

    def proposal(self, view, mark, back):
        sender = proposer_of(view)
        if sender == NODES[ME]:
            return []
        since = -1 if back is None else max(-1, view - back)
        if sender == NODES[HONEST]:
            mark, since = self.honest.setdefault(("proposal", view), (mark, since))
        return [ProposalReceived(propose(sender, view, HEADERS[mark], valid_view=since))]

    def handle(self, event):
        effects = self.machine.handle(event)
        if isinstance(event, (ProposalReceived, VoteReceived)):
            self.disk.append(event.message)
        for effect in effects:
            self.said.append(effect)
            if isinstance(effect, SignVote):
                self.sign(VoteReceived(sign_vote(NODES[ME], effect.vote)))
            elif isinstance(effect, SignProposal):
                self.sign(ProposalReceived(sign_proposal(NODES[ME], effect.proposal)))

    def sign(self, event):
        message = event.message
        self.signed.setdefault((message.kind, message.body.view), []).append(message)
        self.disk.append(message)
        self.handle(event)


def play(history):
    member = Member()
    for step in history:
        member.happen(step)
    return member


def proposer_of(view):
    return proposer(COMMITTEE, PLAN.seed, view)


@given(histories)
def test_no_slot_is_signed_twice_however_often_the_process_is_killed(history):
    for slot, messages in play(history).signed.items():
        assert len(messages) == 1, slot


@given(histories)
def test_the_same_history_gives_the_same_effects(history):
    assert play(history).said == play(history).said


@given(histories)
def test_what_comes_twice_leads_to_nothing_more(history):
    once, twice = play(history), Member()
    for step in history:
        if step == ("killed",):
            twice.restart()
        for event in twice.events_of(*step):
            twice.handle(event)
            before = len(twice.said)
            twice.handle(event)
            assert twice.said[before:] == []
    assert twice.said == once.said


@given(histories)
def test_a_new_process_sends_again_exactly_what_was_signed(history):
    member = play(history)
    before = len(member.said)
    member.restart()
    again = [effect.message for effect in member.said[before:] if isinstance(effect, SendAgain)]
    signed = [messages[0] for messages in member.signed.values() if messages[0].body.view <= member.machine.view]
    assert {message.digest for message in again} >= {message.digest for message in signed}
    assert all(message.sender == NODES[ME] for message in again)


@given(histories)
def test_views_and_steps_only_go_forward(history):
    member = Member()
    place = (0, 0)
    for step in history:
        member.happen(step)
        now = (member.machine.view, member.machine.step)
        assert now >= place or step == ("killed",)
        place = now


@given(histories)
def test_only_members_that_signed_twice_are_accused(history):
    for effect in play(history).said:
        if isinstance(effect, Accuse):
            assert effect.first.sender == effect.second.sender
            assert NODES.index(effect.first.sender) in HOSTILE
            assert effect.first.digest != effect.second.digest


@given(histories)
def test_a_precommit_has_a_quorum_of_prevotes_behind_it(history):
    member = Member()
    for step in history:
        before = len(member.said)
        member.happen(step)
        for effect in member.said[before:]:
            if isinstance(effect, SignVote) and effect.vote.phase is VotePhase.PRECOMMIT and effect.vote.header:
                assert backers(member, effect.vote.view, effect.vote.header) >= COMMITTEE.quorum


@given(histories)
def test_a_locked_member_prevotes_another_header_only_after_a_later_quorum(history):
    member = Member()
    lock = None
    for step in history:
        before = len(member.said)
        member.happen(step)
        for effect in member.said[before:]:
            if not isinstance(effect, SignVote) or effect.vote.header is None:
                continue
            vote = effect.vote
            if vote.phase is VotePhase.PRECOMMIT:
                lock = (vote.view, vote.header)
            elif lock is not None and vote.header != lock[1]:
                later = range(lock[0], vote.view)
                assert any(backers(member, view, vote.header) >= COMMITTEE.quorum for view in later)


def backers(member, view, header):
    """Weight of the members whose prevote for a header the machine holds."""
    senders = {
        message.sender
        for message in member.machine.messages()
        if message.kind is Kind.PREVOTE and message.body.view == view and message.body.header == header
    }
    return sum(COMMITTEE.weight(sender) for sender in senders)


@given(histories)
def test_every_decision_is_a_certificate_that_others_can_verify(history):
    decisions = [effect for effect in play(history).said if isinstance(effect, Decide)]
    for decision in decisions:
        verify_certificate(decision.certificate, NETWORK, COMMITTEE, cheap_verify)


views = st.integers(0, 3)
refused = st.one_of(
    st.builds(lambda view: VoteReceived(prevote(NodeId(bytes(32)), view, None)), views),
    st.builds(lambda view: VoteReceived(prevote(NODES[1], view, None, height=2)), views),
    st.builds(lambda view: VoteReceived(forge(precommit(NODES[2], view, NAMES[0]))), views),
    st.builds(lambda view: VoteReceived(replace(prevote(NODES[2], view, NAMES[0]), kind=Kind.PRECOMMIT)), views),
    st.builds(lambda view: ProposalReceived(propose(not_proposer_of(view), view, HEADERS[0])), views),
    st.builds(lambda view: ProposalReceived(propose(proposer_of(view), view, HEADERS[0], valid_view=view)), views),
    st.builds(lambda view: CertificateReceived(forge_certificate(view)), views),
)


def not_proposer_of(view):
    return next(node for node in NODES if node != proposer_of(view))


def forge(message):
    """A precommit whose own signature is another's."""
    body = message.body
    wrong = cheap_sign(NODES[1], precommit_bytes(NETWORK, 1, body.view, body.header))
    return replace(message, digest=NAMES[1], body=replace(body, signature=wrong))


def forge_certificate(view):
    """A header nobody signed, with the signatures for another one."""
    message = precommit_bytes(NETWORK, 1, view, NAMES[0])
    signatures = {node: cheap_sign(node, message) for node in NODES[1:]}
    return build_certificate(COMMITTEE, make_header(NODES[0], 0, "Z"), view, signatures)


@settings(max_examples=60)
@given(histories, refused)
def test_a_refused_event_changes_nothing(history, event):
    machine = play(history).machine
    for view in range(machine.view + 10):  # whose turn it is may be remembered; that is no state
        machine._admission.proposer(view)
    before = pickle.dumps(machine)
    try:
        machine.handle(event)
    except RefusedError:
        assert pickle.dumps(machine) == before
    else:
        raise AssertionError(f"{event} was taken in")


@given(st.permutations(range(9)), st.integers(0, 8))
def test_the_order_of_messages_does_not_change_what_is_decided(order, killed_after):
    header, name = HEADERS[0], NAMES[0]
    messages = [ProposalReceived(propose(proposer_of(0), 0, header)), HeaderChecked(name, valid=True)]
    messages += [VoteReceived(cast(node, 0, name)) for cast in (prevote, precommit) for node in NODES[1:]]
    messages.append(TimerFired(Timer(Step.PROPOSE, 0)))
    member = Member()
    for number, index in enumerate(order):
        member.handle(messages[index])
        if number == killed_after:
            member.restart()
    assert member.machine.certificate is not None
    assert member.machine.certificate.header == header
