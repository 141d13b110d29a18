"""Who can tell good from bad, by hidden probes alone: the way in for newcomers, and what nobody's belief takes away.

Probes are hidden among the candidates until all ratings are in, and their verdicts execute. So to score them right
takes the work of rating everything, and whoever holds most of the voice cannot make an honest answer a wrong one.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from enum import Enum

from consensus.encoding import hash_value
from consensus.params import Preset
from consensus.rater_tables import EMPTY_TABLE
from consensus.types import Hash, Member, NodeId, RaterTable


def is_capable(table: RaterTable, preset: Preset) -> bool:
    """Whether a rater called enough of its probes what they are, and more than half of either kind.

    Constants fail in one kind, whatever their luck in the other; guessing passes once in some hundred times.
    """
    bad_wrong, bad_right, good_wrong, good_right = table.answers
    right, all_answers = bad_right + good_right, sum(table.answers)
    enough = right << 16 >= preset.reputation.capable_share * all_answers
    return enough and bad_right > bad_wrong and good_right > good_wrong


def is_blind(table: RaterTable, preset: Preset) -> bool:
    """Whether it has been asked a few times and is not capable; of whom no probe has told yet, nothing is known."""
    return sum(table.answers) >= preset.reputation.blind_answers_min and not is_capable(table, preset)


def is_proven(table: RaterTable, preset: Preset) -> bool:
    """Whether probes have told what its word is worth, much or nothing, and no doubt has come since (R14)."""
    params = preset.reputation
    return sum(table.answers) >= params.proven_answers and max(table.doubts) < params.proven_doubt


class Examined(Enum):
    """What has become of a newcomer's examination."""

    GOING_ON = "going on"
    PASSED = "passed"
    FAILED = "failed"


def examination_of(member: Member, preset: Preset) -> Examined:
    """How a newcomer stands that observes until it has answered enough probes (R39)."""
    if sum(member.table.answers) < preset.reputation.examined_answers:
        return Examined.GOING_ON
    return Examined.PASSED if is_capable(member.table, preset) else Examined.FAILED


def after_examination(member: Member, height: int, preset: Preset) -> Member:
    """A newcomer after the round at `height`: admitted, or shut out until the next epoch, or as it was.

    What the examination taught is forgotten either way. Seats come without a voice, which is earned where ratings
    count: who only wanted to get in has to go on being right. The rounds that are planned already it still observes,
    and is examined in them; or it would earn a voice there, from every candidate at once.
    """
    if member.admitted_from:
        over = height + 1 >= member.admitted_from
        return replace(member, table=EMPTY_TABLE, examined_from=0, admitted_from=0) if over else member
    found = examination_of(member, preset)
    if found is Examined.PASSED:
        return replace(member, admitted_from=height + preset.lookback + 1, unrevealed=0)
    if found is Examined.FAILED:
        next_epoch = (preset.epoch_of(height) + 1) * preset.epoch_rounds + 1
        return replace(member, table=EMPTY_TABLE, examined_from=next_epoch, unrevealed=0)
    return member


def is_over(member: Member, height: int, preset: Preset) -> bool:
    """Whether a newcomer is dropped after the round at `height`, an epoch's last: it failed, or had its time in vain.

    It may apply anew. So examinations are tried once an epoch, and nobody keeps a place by saying nothing.
    """
    if not member.examined_from or member.admitted_from:
        return False
    return member.examined_from > height or height - member.examined_from + 1 >= preset.reputation.examination_rounds


def choose_applicants(
    members: Iterable[Member], asking: Mapping[NodeId, str], lot: Hash, preset: Preset
) -> tuple[NodeId, ...]:
    """Who of those that ask is examined next (R39): by lot, one of an owner at a time, as many as there are places.

    Args:
        members: As they are.
        asking: Nodes that ask, and their owners.
        lot: What decides between them and nobody knew when they asked.
        preset: The swarm's numbers.
    """
    members = tuple(members)
    known = {member.node for member in members}
    waiting = [member.owner for member in members if member.examined_from]
    places = preset.reputation.applicants_max - len(waiting)
    owners = set(waiting)
    chosen: list[NodeId] = []
    for node in sorted(asking.keys() - known, key=lambda node: hash_value("applicant", (lot, node))):
        if len(chosen) < places and asking[node] not in owners:
            chosen.append(node)
            owners.add(asking[node])
    return tuple(sorted(chosen))
