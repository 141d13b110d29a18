from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from node.tasks.sites import Site, arrange, balanced, locate
from tests.support.wordwise import item_named, wordwise

UNITS = tuple(item for item in wordwise().kb.items if item.body)

sites = st.lists(
    st.tuples(st.integers(0, len(UNITS) - 1), st.integers(0, 3), st.integers(0, 20)), unique=True, max_size=60
).map(lambda found: [Site(UNITS[unit], tier, (order,), (tier, order)) for unit, tier, order in found])


@given(sites, st.integers(1, 5))
def test_every_site_is_in_exactly_one_group(found, size):
    groups = arrange(found, size)
    members = [site for group in groups for site in group]
    assert sorted(members, key=repr) == sorted(found, key=repr)
    assert all(1 <= len(group) <= size for group in groups)
    assert all(len({site.item for site in group}) == 1 for group in groups)


@given(sites, st.integers(1, 5), st.randoms())
def test_the_order_does_not_depend_on_how_sites_were_listed(found, size, chance):
    shuffled = list(found)
    chance.shuffle(shuffled)
    assert arrange(shuffled, size) == arrange(found, size)


@given(sites, st.integers(1, 5))
def test_no_two_numbers_ask_for_the_same_example(found, size):
    groups = arrange(found, size)
    places = [locate(groups, number) for number in range(3 * len(found) + 3)]
    asked = [place for place in places if place is not None]
    assert len(asked) == len(set(asked))


@given(sites, st.integers(1, 5))
def test_every_site_of_a_group_answers_to_some_number(found, size):
    groups = arrange(found, size)
    longest = max((len(group) for group in groups), default=0)
    asked = {locate(groups, number) for number in range(len(groups) * longest)}
    assert {(group, turn) for group in groups for turn in range(len(group))} <= asked


@given(sites)
def test_better_tiers_come_first_and_each_unit_once_before_any_twice(found):
    groups = arrange(found, 2)
    units = {site.item for site in found}
    first = groups[: len(units)]
    assert {group[0].item for group in first} == units
    tiers = [group[0].tier for group in first]
    assert tiers == sorted(tiers)


@given(sites)
def test_balancing_keeps_every_site_and_its_unit(found):
    kept = balanced(found, lambda site: str(site.tier))
    assert sorted((site.item.path, site.detail) for site in kept) == sorted((s.item.path, s.detail) for s in found)


def test_balancing_lets_no_kind_lead_much_more_often_than_others():
    kinds = ("common", "rare")
    found = [Site(unit, 0, (order,), kind) for unit in UNITS for order, kind in enumerate(kinds)]
    leading = [site.detail for site in balanced(found, lambda site: str(site.detail)) if site.order == (0,)]
    assert abs(leading.count("common") - leading.count("rare")) <= 1
    late = balanced(found, lambda site: str(site.detail), {"common": len(UNITS)})
    assert {site.detail for site in late if site.order == (0,)} == {"rare"}


def test_places_take_turns_inside_a_tier():
    methods = [item for item in UNITS if item.parent == item_named("prune").parent][:2]
    functions = [item_named("wrap"), item_named("common_prefix")]
    found = [Site(item, 0, (order,)) for order, item in enumerate((*functions, *methods))]
    parents = [group[0].item.parent for group in arrange(found, 1)]
    assert parents[0] != parents[1]
    assert parents[2] != parents[3]
    assert arrange([replace(site, tier=1) for site in found], 1)
