"""What a node says of its own membership: every stage by name, with counts as people count."""

from dataclasses import replace
from types import SimpleNamespace

import pytest

from consensus.genesis import Founder, Genesis, first_state
from consensus.params import LOCAL, MAINNET
from consensus.rater_tables import EMPTY_TABLE, ONE
from consensus.types import Hash
from node.desks.membership import membership_part, probes_behind, role_text
from node.identity import NodeKey, peer_id
from node.identity.consent import give_consent
from reputation import new_member
from tests.support.ratings import node, practised

KEY, OWNER = NodeKey(b"\x01" * 32), NodeKey(b"\x02" * 32)
GENESIS = Genesis("test", MAINNET.hash(), Hash(b"\x07" * 32), (Founder(node("ada"), "ada"),), ())
STATE = replace(first_state(GENESIS, MAINNET), height=40)


def told(member=None, *, others=(), genesis=GENESIS, consent=True, follows=True):
    """The line in `status`, and what it waits for."""
    members = [*STATE.members, *others] + ([replace(member, node=KEY.node)] if member else [])
    driver = SimpleNamespace(
        member=SimpleNamespace(state=replace(STATE, members=tuple(members))),
        key=KEY,
        genesis=genesis,
        preset=MAINNET,
        consent=give_consent(OWNER, KEY.node, genesis.network) if consent else None,
        sync=SimpleNamespace(follows=follows),
    )
    view = membership_part(driver)
    assert (view.name, view.well) == ("member", True)
    return view.text, view.waits_for


def newcomer(*answers, **changes):
    table = replace(EMPTY_TABLE, answers=tuple(count * ONE for count in answers) or (0, 0, 0, 0))
    return replace(new_member(KEY.node, "its own", 38), table=table, **({"examined_from": 39} | changes))


def examined(name, owner):
    return replace(new_member(node(name), owner, 0), examined_from=39)


@pytest.mark.parametrize("count", range(25))
def test_decayed_counts_are_told_as_probes(count):
    total = 0
    for _ in range(count):
        total = (total * MAINNET.aggregation.forget_answers >> 16) + ONE
    assert probes_behind(total, MAINNET) == count


def test_an_examination_takes_24_probes_and_8_among_processes_of_one_machine():
    asked = [probes_behind(preset.reputation.examined_answers, preset) for preset in (MAINNET, LOCAL)]
    assert asked == [24, 8]


def test_how_far_an_examination_is():
    text, waits_for = told(newcomer(0, 3, 1, 4))
    assert text.startswith("it is examined and observes: 10 of 24 hidden probes answered, 87% of them rightly, ")
    assert text.endswith("which is enough so far (R39)")
    assert waits_for == ""
    assert "0 of 24 hidden probes answered (R39)" in told(newcomer())[0]
    assert "which is too few so far" in told(newcomer(4, 0, 0, 4))[0]


@pytest.mark.parametrize(
    ("member", "says"),
    [
        (newcomer(admitted_from=43), "has seats from round 43 on"),
        (newcomer(examined_from=65), "may ask again after round 64"),
        (replace(newcomer(), examined_from=0), "too little is known of it yet"),
        (replace(newcomer(), examined_from=0, table=practised()), "it rates with full voice"),
        (replace(newcomer(), examined_from=0, suspended_until=60), "it is suspended"),
    ],
    ids=["admitted", "failed", "new", "known", "suspended"],
)
def test_every_stage_has_its_words(member, says):
    assert says in told(member)[0]
    assert says in role_text(member, 41, MAINNET)


@pytest.mark.parametrize(
    ("facts", "says", "waits_for"),
    [
        ({"consent": False}, "no member: it follows and serves; `swarm-node join` asks", ""),
        ({}, "asks to become a member", "a round that takes it up"),
        ({"follows": False}, "once it has caught up", "peers that are not ahead of it"),
        (
            {"others": [examined("sister", peer_id(OWNER.node))]},
            "another node of its owner is examined first",
            "the end of that examination",
        ),
        (
            {"others": [examined(f"n{n}", f"o{n}") for n in range(8)]},
            "all 8 places are taken",
            "the end of an examination",
        ),
        ({"genesis": replace(GENESIS, owners=())}, "no member: nobody joins this swarm", ""),
    ],
    ids=["follows", "asks", "is behind", "its owner's place is taken", "full", "closed"],
)
def test_who_is_no_member_says_what_it_waits_for(facts, says, waits_for):
    text, waited = told(**facts)
    assert says in text
    assert waited == waits_for
