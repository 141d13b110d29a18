"""What an agreement says it waits for: which view, what of, and of whom."""

import pytest

from consensus.agreement import (
    Agreement,
    HeaderChecked,
    ProposalReceived,
    Started,
    Step,
    Timer,
    TimerFired,
    VoteReceived,
)
from consensus.certificate import header_hash
from consensus.params import MAINNET
from consensus.types import Vote, VotePhase
from node.identity import short_name
from node.pipeline.progress import awaited, outcome, without
from tests.support.agreement import NETWORK, cheap_verify, make_header, make_nodes, make_plan, propose, sign_vote

NODES = make_nodes(4)
PLAN = make_plan([10] * 4)


@pytest.fixture
def machine():
    """Of a member whose turn view 0 is not."""
    me = next(node for node in NODES if node != _proposer(0))
    machine = Agreement(network=NETWORK, plan=PLAN, preset=MAINNET, me=me, verify=cheap_verify)
    machine.handle(Started())
    return machine


def _proposer(view):
    return Agreement(network=NETWORK, plan=PLAN, preset=MAINNET, me=None).report(view).proposer


def _others(machine):
    return [node for node in NODES if node != machine._me]


def _say(machine, lacking=0):
    return awaited(machine.report(machine.view), machine.step, lacking)


def _vote(machine, node, phase, header=None):
    machine.handle(VoteReceived(sign_vote(node, Vote(1, machine.view, phase, header))))


def test_it_names_whose_header_it_waits_for(machine):
    assert _say(machine) == f"view 0: the header of {short_name(_proposer(0))}"


def test_it_tells_what_a_header_lacks_from_one_that_is_only_to_be_checked(machine):
    machine.handle(ProposalReceived(propose(_proposer(0), 0, make_header(_proposer(0), 0))))
    assert _say(machine) == "view 0: the check of the header"
    assert _say(machine, lacking=12) == "view 0: 12 messages that the header rests on"


def test_it_names_whose_votes_are_missing_in_either_phase(machine):
    header = make_header(_proposer(0), 0)
    machine.handle(ProposalReceived(propose(_proposer(0), 0, header)))
    machine.handle(HeaderChecked(header_hash(header), valid=True))
    first, second, third = _others(machine)
    _vote(machine, machine._me, VotePhase.PREVOTE, header_hash(header))
    _vote(machine, first, VotePhase.PREVOTE)
    silent = ", ".join(short_name(node) for node in NODES if node in {second, third})
    assert _say(machine) == f"view 0: 2 of 4 prevotes (1 for none), none of {silent}"
    _vote(machine, second, VotePhase.PREVOTE)
    machine.handle(TimerFired(Timer(Step.PREVOTE, 0)))
    for node in NODES:
        _vote(machine, node, VotePhase.PRECOMMIT)
    assert _say(machine) == "view 0: 4 of 4 precommits (4 for none)"


def test_of_a_view_that_is_over_it_is_told_what_came(machine):
    machine.handle(TimerFired(Timer(Step.PROPOSE, 0)))
    absent, *others = (node for node in NODES if node != machine._me)
    for phase in (VotePhase.PREVOTE, VotePhase.PRECOMMIT):
        for node in (machine._me, *others):
            _vote(machine, node, phase)
    machine.handle(TimerFired(Timer(Step.PRECOMMIT, 0)))
    assert machine.view == 1
    name = short_name(absent)
    assert outcome(machine.report(0)) == (
        f"no header of {short_name(_proposer(0))}; 3 of 4 prevotes (3 for none), none of {name};"
        f" 3 of 4 precommits (3 for none), none of {name}"
    )


def test_a_long_list_of_names_is_cut():
    nodes = make_nodes(9)
    assert without(nodes) == ", none of " + ", ".join(map(short_name, nodes[:4])) + ", 5 more"
    assert without(()) == ""
