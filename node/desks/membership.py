"""What a node is in its swarm, in a line: member, examined, asking, or none of it."""

from __future__ import annotations

from consensus.joining import refuse_owner
from consensus.params import Preset
from consensus.rater_tables import ONE
from consensus.types import ChainState, Member, RaterTable
from node.desks.words import basis_points
from node.driver.driver import Driver
from node.identity import peer_id
from node.values.views import ComponentView
from reputation import Role, is_capable, role_of

_ROLES = {
    Role.RATER: "it rates with full voice",
    Role.NEWCOMER: "too little is known of it yet: few seats, little voice",
    Role.OBSERVER: "it is known and not trusted: its ratings teach its table and do not count, until it recovers (R10)",
    Role.BARRED: "it is suspended",
}


def membership_part(driver: Driver) -> ComponentView:
    """How this node stands in its swarm, for `status`."""
    state, node = driver.member.state, driver.key.node
    member = next((item for item in state.members if item.node == node), None)
    if member is None:
        text, waits_for = _asking(driver, state)
    else:
        text, waits_for = role_text(member, state.height + 1, driver.preset), ""
    return ComponentView("member", well=True, text=text, waits_for=waits_for)


def role_text(member: Member, height: int, preset: Preset) -> str:
    """What a member is in the round at `height`, and how far its examination is."""
    if not member.examined_from:
        return _ROLES[role_of(member, height, preset)]
    if member.admitted_from:
        return f"it has proven that it can rate, and has seats from round {member.admitted_from} on (R39)"
    if member.examined_from > height:
        return f"it has not proven that it can rate, and may ask again after round {member.examined_from - 1} (R39)"
    return f"it is examined and observes: {examination_text(member.table, preset)} (R39)"


def examination_text(table: RaterTable, preset: Preset) -> str:
    """How many probes a newcomer has answered, of how many, and how well."""
    total = sum(table.answers)
    right = table.answers[1] + table.answers[3]
    asked = f"{probes_behind(total, preset)} of {probes_behind(preset.reputation.examined_answers, preset)}"
    if not total:
        return f"{asked} hidden probes answered"
    verdict = "enough" if is_capable(table, preset) else "too few"
    share = basis_points(right * ONE // total) // 100
    return f"{asked} hidden probes answered, {share}% of them rightly, which is {verdict} so far"


def probes_behind(count: int, preset: Preset) -> int:
    """How many probes in a row leave this decayed count."""
    answered, total = 0, 0
    while total < count:
        total = (total * preset.aggregation.forget_answers >> 16) + ONE
        answered += 1
    return answered


def _asking(driver: Driver, state: ChainState) -> tuple[str, str]:
    """What a node that is no member waits for."""
    if driver.consent is None:
        return "no member: it follows and serves; `swarm-node join` asks", ""
    owner, limit = driver.consent.owner, driver.preset.reputation.applicants_max
    refused = refuse_owner(owner, driver.genesis, driver.preset)
    if refused is not None:
        return f"no member: {refused}", ""
    examined = [member for member in state.members if member.examined_from]
    if not driver.sync.follows:
        return "asks to become a member once it has caught up", "peers that are not ahead of it"
    if any(member.owner == peer_id(owner) for member in examined):
        return "asks to become a member; another node of its owner is examined first", "the end of that examination"
    if len(examined) >= limit:
        return f"asks to become a member; all {limit} places are taken", "the end of an examination"
    return "asks to become a member", "a round that takes it up"
