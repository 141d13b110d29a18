"""What keeping and breaking promises does to a member (R33). Each function takes a member and returns it changed.

Soft faults cost maturity: a node that is away or slow loses some voice and earns it back by rating. Only what two
signed messages prove empties a table. Nothing here looks at why: a fault is soft exactly because nobody can know.
"""

from __future__ import annotations

from dataclasses import replace

from consensus.params import Preset
from consensus.rater_tables import BINS, EMPTY_TABLE, ONE
from consensus.types import Member, RaterTable

_DOUBLINGS_MAX = 16
"""Bans double with each offence up to here: four million rounds."""


def fade(member: Member, preset: Preset) -> Member:
    """An epoch ended: maturity fades, half of it in some 355 rounds; the histograms stay.

    Everybody's, once an epoch: who rates earns more than it loses in a few ratings, and a round without this touches
    only those who had a part in it.
    """
    return _with_maturity(member, member.table.maturity * fading(preset) >> 16)


def fading(preset: Preset) -> int:
    """The share of its maturity that an epoch's end leaves to a member, Q16: a round's, once for each round of it."""
    left = ONE
    for _ in range(preset.epoch_rounds):
        left = left * preset.reputation.fade >> 16
    return left


def miss_seats(member: Member, seats: int, preset: Preset) -> Member:
    """Seats given and not taken: nothing was committed."""
    per_seat = preset.reputation.no_show_ratings * preset.aggregation.maturity_per_rating >> 16
    return _with_maturity(member, member.table.maturity - seats * per_seat)


def keep_commitment(member: Member, preset: Preset) -> Member:
    """A committed rating vector was revealed."""
    return replace(member, unrevealed=_shifted(member, preset))


def break_commitment(member: Member, height: int, preset: Preset, *, excused: bool) -> Member:
    """A commitment was never revealed: costs maturity, and a suspension when it becomes a habit.

    Crashes and cut lines break a few commitments of every honest member, one now and one then. A habit is what they do
    not produce: many in a row, or every second one.

    Args:
        member: Who broke it.
        height: The round.
        preset: The swarm's numbers.
        excused: So many others failed in the same round that the network did it: it costs maturity, and is no mark.
    """
    params = preset.reputation
    poorer = _with_maturity(member, member.table.maturity - params.unrevealed_cost)
    if excused:
        return poorer
    window = _shifted(member, preset) | 1
    run = (1 << params.unrevealed_run) - 1
    if window.bit_count() < params.unrevealed_limit and window & run != run:
        return replace(poorer, unrevealed=window)
    until = height + 1 + params.unrevealed_suspension
    return replace(poorer, unrevealed=0, suspended_until=max(member.suspended_until, until))


def state_false_fact(member: Member, preset: Preset, *, claimed_good: bool) -> Member:
    """A fact that more than two thirds contradict counts as a probe answered wrongly, with full conviction."""
    table, params = member.table, preset.aggregation
    edge = BINS - 1 if claimed_good else 0
    miss = ONE - params.target_bad if claimed_good else params.target_good
    wrong = replace(
        table,
        squared_error=table.squared_error + (params.probe_weight * (miss * miss >> 16) >> 16),
        error_weight=table.error_weight + params.probe_weight,
        answers=_raised(table.answers, 0 if claimed_good else 2, ONE),
    )
    if claimed_good:
        slow = _raised(table.slow_bad, edge, params.probe_weight)
        fast = _raised(table.fast_bad, edge, params.probe_weight)
        return replace(member, table=replace(wrong, slow_bad=slow, fast_bad=fast))
    slow = _raised(table.slow_good, edge, params.probe_weight)
    fast = _raised(table.fast_good, edge, params.probe_weight)
    return replace(member, table=replace(wrong, slow_good=slow, fast_good=fast))


def commit_offence(member: Member, height: int, preset: Preset) -> Member:
    """A proven equivocation: all that was learnt of the member is void, and it stays out for long, longer each time.

    One punishment covers everything that could be signed by then, which is for rounds up to the last one planned: or
    whoever has the proof could have it counted again and again.
    """
    ban = preset.reputation.offence_suspension << min(member.offences, _DOUBLINGS_MAX)
    return replace(
        member,
        table=EMPTY_TABLE,
        offences=member.offences + 1,
        suspended_until=max(member.suspended_until, height + 1 + ban),
        settled=height + preset.lookback,
    )


def _with_maturity(member: Member, value: int) -> Member:
    table: RaterTable = replace(member.table, maturity=max(0, value))
    return replace(member, table=table)


def _shifted(member: Member, preset: Preset) -> int:
    return (member.unrevealed << 1) & ((1 << preset.reputation.unrevealed_window) - 1)


def _raised(counts: tuple[int, ...], position: int, amount: int) -> tuple[int, ...]:
    return (*counts[:position], counts[position] + amount, *counts[position + 1 :])
