"""Sites: the places of a crate where an example of a category may be had, in one order that all nodes compute alike.

A category's list is numbered so that (1) the first numbers are the best and the most spread out, (2) two different
numbers never give the same example, (3) handing out a number costs a bounded number of checks:

- Sites belong to a unit (mostly a function). Units come tier by tier, and inside a tier from the crate's modules and
  types in turn.
- A unit's sites are cut into groups of at most `group_size`; first every unit's first group, then every second one.
- With G groups, number i asks group i mod G for its (i div G + 1)-th site that verifies, in the group's order.

So a number costs at most `group_size` trials, the first G numbers come from G different groups, and each verified site
answers to exactly one number. Nothing depends on how many numbers others were given.
"""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from node.values.crate import Item, Span


@dataclass(frozen=True, slots=True)
class Site:
    """One place, not yet verified."""

    item: Item
    """The item the example is anchored to; also the unit the site is counted with."""
    tier: int
    """How promising the unit is, coarsely; lower comes first, whatever the place."""
    order: tuple[int, ...]
    """Orders the sites of a unit, tells them apart, and orders units of one tier and place by their first site."""
    detail: object = None
    """What the category's trial needs to know."""


def balanced(
    sites: Iterable[Site], kind_of: Callable[[Site], str], late: Mapping[str, int] | None = None
) -> list[Site]:
    """Reorder each unit's sites so that, going through the units, no kind comes first much more often than others.

    Within a unit and among kinds used equally often, the given order stays. Sites get new `order`s, 0, 1, ...

    Args:
        sites: In the order in which units are to be gone through.
        kind_of: A site's kind.
        late: Kinds that start as if they had been used so many times.
    """
    units: dict[Item, list[Site]] = {}
    for site in sites:
        units.setdefault(site.item, []).append(site)
    used = Counter(late or {})
    ordered: list[Site] = []
    for members in units.values():
        members.sort(key=lambda site: site.order)
        kinds = Counter(used)
        waiting = list(members)
        for position in range(len(members)):
            best = min(waiting, key=lambda site: (kinds[kind_of(site)], site.order))
            waiting.remove(best)
            kinds[kind_of(best)] += 1
            ordered.append(replace(best, order=(position,)))
        used[kind_of(ordered[-len(members)])] += 1
    return ordered


Group = tuple[Site, ...]


def arrange(sites: Iterable[Site], group_size: int) -> tuple[Group, ...]:
    """Cut sites into groups in the order in which they are numbered."""
    units: dict[Item, list[Site]] = {}
    for site in sites:
        units.setdefault(site.item, []).append(site)
    for members in units.values():
        members.sort(key=lambda site: (site.tier, site.order))
    ordered = _spread(sorted(units.values(), key=_unit_order))
    cut = [[tuple(unit[i : i + group_size]) for i in range(0, len(unit), group_size)] for unit in ordered]
    depth = max((len(groups) for groups in cut), default=0)
    return tuple(groups[level] for level in range(depth) for groups in cut if level < len(groups))


def _unit_order(unit: Sequence[Site]) -> tuple[int, tuple[int, ...], Span, str]:
    best = unit[0]
    return best.tier, best.order, best.item.span, best.item.path


def _spread(units: Sequence[list[Site]]) -> list[list[Site]]:
    """Tier by tier, units of the crate's places in turn; a place is a type, trait or module."""
    spread: list[list[Site]] = []
    for _, tier in itertools.groupby(units, key=lambda unit: unit[0].tier):
        places: dict[tuple[str, str], list[list[Site]]] = {}
        for unit in tier:
            places.setdefault((unit[0].item.span.path, unit[0].item.parent), []).append(unit)
        turns = itertools.zip_longest(*places.values())
        spread += [unit for turn in turns for unit in turn if unit is not None]
    return spread


def locate(groups: Sequence[Group], index: int) -> tuple[Group, int] | None:
    """The group that answers for a number, and which of its verified sites (0 is the first).

    Returns:
        None when the number is beyond everything the category's list could hold.
    """
    if not groups:
        return None
    turn, place = divmod(index, len(groups))
    return (groups[place], turn) if turn < len(groups[place]) else None
