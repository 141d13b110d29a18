"""Keys are free: what strangers sign is not stored, and what members sign only of rounds that are near."""

from dataclasses import replace
from types import SimpleNamespace

import pytest

from consensus.genesis import Founder, Genesis, first_state
from consensus.params import MAINNET
from consensus.types import (
    Attestation,
    CandidateNotice,
    Certificate,
    Equivocation,
    Hash,
    Header,
    Kind,
    Proposal,
    RatingCommit,
    Signed,
    Vote,
    VotePhase,
)
from node.pipeline import welcome as welcome_module
from node.pipeline.lobby import Lobby
from node.pipeline.mempool import Mempool
from node.pipeline.welcome import is_welcome
from tests.support.ratings import node

ADA, STRANGER, COORDINATOR = node("ada"), node("stranger"), node("coordinator")
ZERO = Hash(bytes(32))
FOUNDERS = tuple(sorted((Founder(node(name), name) for name in ("ada", "ben", "cleo")), key=lambda item: item.node))
GENESIS = Genesis("test", MAINNET.hash(), Hash(b"\x07" * 32), FOUNDERS, (COORDINATOR,))
STATE = first_state(GENESIS, MAINNET)
FURTHEST = STATE.plans[-1].height + MAINNET.lookback


def header(height):
    names = dict.fromkeys(Header.__dataclass_fields__, ZERO)
    numbers = {"height": height, "epoch": 0, "builder_view": 0, "vrf_proof": bytes(80)}
    return Header(**names | numbers | {"shards": (), "admitted": (), "counts": ()})


BODIES = {
    Kind.RATING_COMMIT: lambda height: RatingCommit(height, ZERO),
    Kind.ATTESTATION: lambda height: Attestation(height, (), ()),
    Kind.PREVOTE: lambda height: Vote(height, 0, VotePhase.PREVOTE, None),
    Kind.PROPOSAL: lambda height: Proposal(0, -1, header(height), ()),
    Kind.CERTIFICATE: lambda height: Certificate(header(height), 0, b"\x07", (bytes(64),) * 3),
}


def welcome(sender, kind, body, *, state=STATE, mempool=None, certified=False, genesis=GENESIS):
    message = Signed(sender, kind, ZERO, body)
    mempool = Mempool(Lobby(genesis, MAINNET)) if mempool is None else mempool
    return is_welcome(message, state, mempool, genesis, MAINNET, certified=certified)


@pytest.mark.parametrize("kind", BODIES, ids=lambda kind: kind.name)
def test_members_speak_of_rounds_that_are_near_and_strangers_of_none(kind):
    body = BODIES[kind]
    assert welcome(ADA, kind, body(1))
    assert welcome(ADA, kind, body(FURTHEST))
    assert not welcome(ADA, kind, body(FURTHEST + 1))
    assert not welcome(ADA, kind, body(1 << 62))
    assert not welcome(ADA, kind, body(1), state=replace(STATE, height=1))
    assert not welcome(STRANGER, kind, body(1))


def test_only_who_may_submit_jobs_sends_any():
    for kind in (Kind.JOB, Kind.CANCEL):
        assert welcome(COORDINATOR, kind, SimpleNamespace())
        assert not welcome(ADA, kind, SimpleNamespace())
        assert welcome(STRANGER, kind, SimpleNamespace(), genesis=replace(GENESIS, coordinators=()))


def test_notices_come_with_tickets_or_not_at_all():
    assert not welcome(STRANGER, Kind.CANDIDATE_NOTICE, CandidateNotice(1, 0, ZERO, 10, 0, bytes(96)))


def offence_of(offender, height):
    return Equivocation(offender, height, Kind.PREVOTE, 0, ZERO, Hash(b"\x01" * 32))


def test_an_offence_is_reported_once_by_whomever_and_only_of_members():
    mempool = Mempool(Lobby(GENESIS, MAINNET))
    assert welcome(STRANGER, Kind.EVIDENCE, offence_of(ADA, 1), mempool=mempool)
    mempool.add_evidence(offence_of(ADA, 1), ZERO)
    assert not welcome(ADA, Kind.EVIDENCE, offence_of(ADA, 1), mempool=mempool)
    assert not welcome(ADA, Kind.EVIDENCE, offence_of(STRANGER, 1))
    assert not welcome(ADA, Kind.EVIDENCE, offence_of(ADA, FURTHEST + 1))


@pytest.mark.parametrize(("height", "useful"), [(6, True), (8, False)])
def test_what_is_punished_is_reported_no_longer_than_a_round_may_need_it(height, useful):
    members = tuple(replace(member, settled=8) for member in STATE.members)
    plans = tuple(replace(plan, height=plan.height + height) for plan in STATE.plans)
    later = replace(STATE, height=height, members=members, plans=plans)
    assert welcome(ADA, Kind.EVIDENCE, offence_of(ADA, 5), state=later) is useful
    assert welcome(ADA, Kind.EVIDENCE, offence_of(ADA, 9), state=later)


def test_what_proves_the_next_round_decided_is_taken_from_anybody_once(monkeypatch):
    body = BODIES[Kind.CERTIFICATE]
    assert not welcome(STRANGER, Kind.CERTIFICATE, body(1)), "it proves nothing"
    monkeypatch.setattr(welcome_module, "verify_certificate", lambda *_: None)
    assert welcome(STRANGER, Kind.CERTIFICATE, body(1))
    assert not welcome(STRANGER, Kind.CERTIFICATE, body(1), certified=True)
    assert not welcome(STRANGER, Kind.CERTIFICATE, body(2))
