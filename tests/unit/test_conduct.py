"""What kept and broken promises do to a member, and how a decided round adds it all up."""

from dataclasses import replace

import pytest

from consensus.params import MAINNET
from consensus.rater_tables import EMPTY_TABLE, ONE
from consensus.types import Hash
from reputation import (
    EMPTY_LEDGER,
    DecidedRound,
    FalseFact,
    Generated,
    ReasonKind,
    Role,
    apply_round,
    generating_skill_bp,
    members_after,
    new_member,
    role_of,
    standing_of,
)
from tests.support.ratings import node

ADA, BEN = node("ada"), node("ben")
ROOT = Hash(bytes(32))


def mature(name, probes=8):
    return replace(new_member(node(name), name, 0), table=replace(EMPTY_TABLE, maturity=probes * ONE))


def after(member, *, rounds=1, height=10, **facts):
    for offset in range(rounds):
        decided = DecidedRound(height=height + offset, outcome_root=ROOT, **facts)
        (member,) = members_after([member], decided, MAINNET)
    return member


def reasons(member, *, height=10, **facts):
    decided = DecidedRound(height=height, outcome_root=ROOT, **facts)
    (event,) = apply_round([member], decided, EMPTY_LEDGER, MAINNET).events
    return {reason.kind: reason.amount for reason in event.reasons}


def test_answering_its_seat_costs_a_member_nothing():
    member = mature("ada")
    assert after(member, seats={ADA: 3}, committed=frozenset({ADA}), revealed=frozenset({ADA})) == member


def test_idleness_halves_maturity_in_some_350_rounds_and_moves_it_at_the_ends_of_epochs_only():
    member = mature("ada", probes=16)
    assert after(member, height=1, rounds=31) == member
    assert after(member, height=1, rounds=352).table.maturity == pytest.approx(8 * ONE, rel=0.01)
    assert reasons(member, height=32) == {ReasonKind.FADED: 0}


def test_a_round_touches_only_who_had_a_part_in_it():
    members = [mature(f"member-{n}") for n in range(50)]
    decided = DecidedRound(height=10, outcome_root=ROOT, seats={node("member-7"): 1})
    (event,) = apply_round(members, decided, EMPTY_LEDGER, MAINNET).events
    assert event.node == node("member-7")


def test_an_empty_seat_costs_half_a_rating():
    member = mature("ada")
    idle = after(member).table.maturity
    absent = after(member, seats={ADA: 2}).table.maturity
    assert idle - absent == pytest.approx(ONE // 10, abs=20)
    assert reasons(member, seats={ADA: 2})[ReasonKind.NO_SHOW] == 2


BROKEN = {"committed": frozenset({ADA})}
KEPT = {"committed": frozenset({ADA}), "revealed": frozenset({ADA})}


def test_an_unrevealed_commitment_costs_two_probes():
    member = mature("ada")
    broken = after(member, seats={ADA: 1}, **BROKEN)
    assert after(member).table.maturity - broken.table.maturity == pytest.approx(2 * ONE, rel=0.01)


def test_six_unrevealed_commitments_in_a_row_suspend_for_16_rounds():
    member = after(mature("ada", probes=16), rounds=5, height=10, **BROKEN)
    assert member.suspended_until == 0
    member = after(member, height=15, **BROKEN)
    assert [role_of(member, height, MAINNET) for height in (16, 31, 32)] == [Role.BARRED, Role.BARRED, Role.RATER]


def test_one_kept_in_between_ends_the_row():
    member = after(mature("ada"), rounds=5, height=10, **BROKEN)
    member = after(member, height=15, **KEPT)
    assert after(member, rounds=5, height=16, **BROKEN).suspended_until == 0


def broken_one_time_in(every, rounds):
    """The member after so many rounds, one commitment in `every` unrevealed, or the round of its suspension."""
    member = mature("ada")
    for height in range(1, rounds + 1):
        member = after(member, height=height, **(BROKEN if height % every == 0 else KEPT))
        if member.suspended_until:
            return height
    return None


def test_every_second_commitment_unrevealed_suspends_and_every_third_does_not():
    assert broken_one_time_in(2, rounds=100) == 32
    assert broken_one_time_in(3, rounds=100) is None


def test_rounds_without_a_seat_do_not_push_the_window():
    member = after(mature("ada"), rounds=5, **BROKEN)
    member = after(member, rounds=40, height=12)
    assert after(member, height=52, **BROKEN).suspended_until > 0


def test_who_fails_with_a_third_of_the_others_pays_and_is_not_marked():
    others = frozenset(node(f"other-{n}") for n in range(5))
    cut_off = {"committed": others | {ADA}, "revealed": others - {min(others)}}
    before = mature("ada")
    member = after(before, rounds=20, **cut_off)
    assert (member.suspended_until, member.unrevealed) == (0, 0)
    assert member.table.maturity < before.table.maturity


def test_nobody_is_excused_for_failing_alone_nor_for_failing_with_less_than_a_third():
    for size, failing in ((2, 1), (3, 1), (7, 2)):
        nodes = [node(f"other-{n}") for n in range(1, size)]
        revealed = frozenset(nodes[: size - failing])
        member = after(mature("ada"), rounds=6, committed=frozenset(nodes) | {ADA}, revealed=revealed)
        assert member.suspended_until > 0


@pytest.mark.parametrize("claimed_good", [True, False])
def test_a_false_fact_counts_as_a_failed_probe(claimed_good):
    fact = FalseFact(rater=ADA, claimed_good=claimed_good)
    before, member = mature("ada"), after(mature("ada"), false_facts=(fact, fact))
    assert standing_of(member.table, MAINNET).reputation_bp < standing_of(before.table, MAINNET).reputation_bp // 4
    assert member.offences == 0
    assert reasons(before, false_facts=(fact, fact))[ReasonKind.FALSE_FACT] == 2


def test_an_equivocation_empties_the_table_and_bars_for_64_rounds_then_128():
    member = after(mature("ada"), height=10, equivocators=frozenset({ADA}))
    assert (member.table, member.offences, member.suspended_until) == (EMPTY_TABLE, 1, 75)
    again = after(member, height=100, equivocators=frozenset({ADA}))
    assert (again.offences, again.suspended_until) == (2, 229)


def test_bans_stop_doubling_somewhere():
    hardened = replace(mature("ada"), offences=10_000)
    assert after(hardened, equivocators=frozenset({ADA})).suspended_until < 1 << 32


def test_maturity_never_falls_below_nothing():
    assert after(mature("ada", probes=0), seats={ADA: 100}, committed=frozenset({ADA})).table.maturity == 0


def test_generating_skill_follows_what_was_accepted():
    liked = after(mature("ada"), generated={ADA: Generated(accepted=10, decided=10)})
    disliked = after(mature("ada"), generated={ADA: Generated(accepted=0, decided=10)})
    assert generating_skill_bp(disliked, MAINNET) < 7000 < generating_skill_bp(liked, MAINNET)
    assert liked.table == after(mature("ada")).table


def test_a_learnt_table_replaces_the_old_one_and_others_keep_theirs():
    learnt = replace(EMPTY_TABLE, maturity=3 * ONE)
    facts = {"tables": {ADA: learnt}, "revealed": frozenset({ADA, BEN})}
    ada, ben = members_after(
        [mature("ben"), mature("ada")], DecidedRound(height=1, outcome_root=ROOT, **facts), MAINNET
    )
    assert (ada.table, ben) == (learnt, mature("ben"))


def test_strangers_in_a_round_are_ignored():
    stranger = node("stranger")
    facts = DecidedRound(
        height=1,
        outcome_root=ROOT,
        tables={stranger: EMPTY_TABLE},
        seats={stranger: 5},
        equivocators=frozenset({stranger}),
        revealed=frozenset({ADA}),
    )
    assert members_after([mature("ada")], facts, MAINNET) == (mature("ada"),)


def test_one_punishment_covers_all_that_was_signed_for_planned_rounds():
    member = after(mature("ada"), height=10, equivocators=frozenset({ADA}))
    assert member.settled == 10 + MAINNET.lookback
