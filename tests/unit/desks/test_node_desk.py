"""The node about itself: every wait has a name, every member its standing and what moved it."""

import time

import pytest

from consensus.params import Q16
from consensus.types import NodeId
from node.desks.words import basis_points, bits
from node.errors import ExitCode, OperatorError
from node.pipeline import Progress
from node.values import views
from tests.support.swarm import key_of
from tests.unit.desks.conftest import LIAR


def component(front, name) -> views.ComponentView:
    view = front(front.desks.node.status())
    return next(item for item in view.components if item.name == name)


def counter(front, name):
    return next(item.value for item in front(front.desks.node.status()).counters if item.name == name)


def test_status_names_swarm_numbers_and_where_it_stands(front):
    view = front(front.desks.node.status())
    assert view.network == front.swarm.genesis.network
    assert view.preset_hash == front.swarm.preset.hash()
    assert view.height == front.swarm.state().height
    assert view.owner == "owner-0"
    assert view.software.startswith("swarm-node ")
    assert view.started_unix_s == 1_000_000


def test_every_part_says_how_it_is_and_what_it_waits_for(front):
    assert component(front, "network").well
    checks = component(front, "checks")
    assert not checks.well
    assert "a test executes nothing" in checks.text
    assert component(front, "shards").waits_for == ""
    assert counter(front, "peers_connected") == 4
    assert counter(front, "rows_certified") >= front(front.desks.jobs.get(front.job)).rows


def test_a_node_in_agreement_says_what_it_waits_for_and_for_how_long(front, monkeypatch):
    member = front.swarm.nodes[0].driver.member
    progress = Progress(7, "agreement on round 7, view 3: the header of abcdefgh", (), is_agreeing=True)
    monkeypatch.setattr(type(member.pipeline), "progress", progress)
    monkeypatch.setattr(member, "view_began", time.monotonic() - 37.2)
    text = component(front, "consensus").text
    assert text == "waits for agreement on round 7, view 3: the header of abcdefgh (37 s in this view)"


def test_a_halted_node_says_so_first(front, monkeypatch):
    monkeypatch.setattr(front.swarm.nodes[0].driver.member.pipeline, "halted", "the swarm has forked at round 7")
    part = component(front, "consensus")
    assert not part.well
    assert "forked at round 7" in part.text
    assert part.waits_for == "its operator"


def test_failed_work_is_not_forgotten(front, monkeypatch):
    monkeypatch.setattr(front.swarm.nodes[0].driver.member, "failure", "ValueError: no such thing")
    assert "no such thing" in component(front, "consensus").text


def test_stopping_is_begun_at_once(front):
    front(front.desks.node.shutdown("enough", key_of(0).node))
    assert front.stopped == [True]


def test_peers_are_those_of_the_network(front):
    peers = front(front.desks.node.peers())
    assert {peer.node for peer in peers} == {node.key.node for node in front.swarm.nodes[1:]}
    assert all(peer.connected and peer.via == "memory" for peer in peers)


def test_the_liar_stands_below_everybody_and_its_changes_lead_there(front):
    members = {view.node: view for view in front(front.desks.node.reputation(None, 1000))}
    liar = members.pop(front.swarm.nodes[LIAR].key.node)
    assert liar.coming_weight == 0
    assert all(view.coming_weight > 0 for view in members.values())
    assert liar.reputation_bp < min(view.reputation_bp for view in members.values())
    heights = [change.height for change in liar.changes]
    assert heights == sorted(heights, reverse=True)
    assert liar.changes[0].after_bp == liar.reputation_bp
    for newer, older in zip(liar.changes, liar.changes[1:], strict=False):
        assert newer.before_bp == older.after_bp
    certified = front(front.desks.shards.certificate(liar.changes[0].height))
    told = front(front.desks.jobs.explain(liar.changes[0].header.hex()))
    assert told.answer.startswith(f"Round {certified.certificate.header.height} ")


def test_changes_are_as_many_as_asked_for_and_of_whom_was_asked(front):
    node = front.swarm.nodes[1].key.node
    (view,) = front(front.desks.node.reputation(node, 2))
    assert view.node == node
    assert len(view.changes) == 2
    (view,) = front(front.desks.node.reputation(node, 0))
    assert view.changes == ()


def test_a_stranger_has_no_standing(front):
    with pytest.raises(OperatorError, match="no member") as caught:
        front(front.desks.node.reputation(NodeId(bytes(32)), 0))
    assert caught.value.exit_code is ExitCode.NOT_SO


def test_numbers_are_shown_as_people_read_them():
    assert bits(Q16 * 3 // 2) == "+1.50 bits"
    assert basis_points(Q16) == 10_000
    assert basis_points(2 * Q16) == 10_000
    assert basis_points(-1) == 0
