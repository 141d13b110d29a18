"""Who decides with how much weight: votes from reputation, capped per owner (R34)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from consensus.params import Preset
from consensus.types import Member, Seat
from reputation.standing import Role, role_of, standing_of


def voting_weights(members: Sequence[Member], height: int, preset: Preset) -> tuple[Seat, ...]:
    """The seats of a snapshot taken after the round at `height`, sorted by node; members without weight have none.

    Never empty while there are members: a swarm in which nobody has earned a reputation yet, or nobody has any left,
    still has to agree, and then all count the same.
    """
    points = {member.node: _earned_points(member, height, preset) for member in members}
    active = [member for member in members if points[member.node]]
    if len(active) <= preset.reputation.equal_up_to:
        if len(active) < preset.reputation.equal_up_to:
            active = [member for member in members if points[member.node] or _is_untried(member, height, preset)]
        active = active or _not_barred(members, height, preset) or list(members)
        points = {member.node: preset.founder_weight for member in active}
    by_owner: dict[str, int] = {}
    for member in active:
        by_owner[member.owner] = by_owner.get(member.owner, 0) + points[member.node]
    capped = fill_to_cap(by_owner, _cap_bp(len(active), preset))
    seats = (
        Seat(node=member.node, weight=capped[member.owner] * points[member.node] // by_owner[member.owner])
        for member in sorted(active, key=lambda member: member.node)
    )
    return tuple(seat for seat in seats if seat.weight > 0)


def _earned_points(member: Member, height: int, preset: Preset) -> int:
    """Reputation in basis points; nothing for observers, applicants and the barred, nor for whoever is known by little.

    Who tells probes apart keeps its seats however low its reputation (R37). Votes are another matter.
    """
    if role_of(member, height + 1, preset) in {Role.OBSERVER, Role.APPLICANT, Role.BARRED}:
        return 0
    standing, params = standing_of(member.table, preset), preset.reputation
    known = standing.maturity >= params.suspend_maturity_min
    return 0 if known and standing.reputation_bp < params.suspend_below_bp else standing.reputation_bp


def _is_untried(member: Member, height: int, preset: Preset) -> bool:
    """Whether it is a founder, without an offence, that nobody knows enough of yet to trust it less than at the start.

    Votes for those alone who have earned some would be votes for whom the first rounds happened to seat as raters: two
    of four, say, either of which stops the swarm by being away. Four are the fewest of which one may be missed. Whoever
    joined later nobody chose, and may be as many as somebody has keys.
    """
    return member.joined == 0 and not member.offences and role_of(member, height + 1, preset) is Role.NEWCOMER


def _not_barred(members: Sequence[Member], height: int, preset: Preset) -> list[Member]:
    none = {Role.BARRED, Role.APPLICANT}
    return [member for member in members if role_of(member, height + 1, preset) not in none]


def _cap_bp(active: int, preset: Preset) -> int:
    """Largest share of the total that one owner may hold among `active` members."""
    params = preset.reputation
    return max(params.cap_floor_bp, min(params.cap_ceiling_bp, 20_000 // max(1, active)))


def fill_to_cap(weights: Mapping[str, int], cap_bp: int) -> dict[str, int]:
    """Water-filling: cut every weight to the cap and share the excess among the rest in proportion.

    Args:
        weights: Positive weight per owner.
        cap_bp: Largest share of the total, basis points.

    Returns:
        Weights with the same total, less what rounding down loses. Where there are so few owners that even equal
        parts are above the cap, equal parts.
    """
    total = sum(weights.values())
    cap = total * cap_bp // 10_000
    if cap * len(weights) < total:
        return dict.fromkeys(weights, total // max(1, len(weights)))
    full: set[str] = set()
    while True:
        free = {owner: weight for owner, weight in weights.items() if owner not in full}
        room, pool = total - cap * len(full), max(1, sum(free.values()))
        level = {owner: weight * room // pool for owner, weight in free.items()}
        over = {owner for owner, weight in level.items() if weight > cap}
        if not over:
            return dict.fromkeys(full, cap) | level
        full |= over
