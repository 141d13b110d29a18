"""What the aggregation promises, on both of its forms."""

import pytest

from consensus.aggregation import Counted, Verdict, reference, vectorised
from consensus.aggregation.learning import believed_outcome
from consensus.rater_tables import EMPTY_TABLE, ONE, bias, drawer_of, fairness, favoured, heard, maturity
from consensus.types import DRAWERS, GivenRating
from node.values.example import CATEGORIES
from tests.support.ratings import PARAMS, candidate, content, newcomers, node

HONEST = ("ada", "ben", "cleo", "dora", "emil")


@pytest.fixture(params=[reference.aggregate, vectorised.aggregate], ids=["reference", "vectorised"])
def aggregate(request):
    return request.param


def probe_round(number, scores_good, scores_bad, generator="prober"):
    """A good and a bad probe with the given score per rater."""
    return [
        candidate(f"good-{number}", scores_good, generator=generator, probe=True),
        candidate(f"bad-{number}", scores_bad, generator=generator, probe=False),
    ]


@pytest.fixture
def known(aggregate):
    """Tables of raters that answered eighteen probes well, of `flo` who always gives 0.9, and of `gus` who lies."""
    tables = newcomers(*HONEST, "flo", "gus", "generator", "prober")
    for number in range(9):
        right = dict.fromkeys(HONEST, 8600 + 20 * number)
        wrong = dict.fromkeys(HONEST, 3000 + 90 * number)
        tables = dict(
            aggregate(
                tables,
                probe_round(number, right | {"flo": 9000, "gus": 3000}, wrong | {"flo": 9000, "gus": 8700}),
                PARAMS,
            ).tables
        )
    return tables


def only(aggregation):
    (scored,) = aggregation.candidates
    return scored


def contribution(scored, name):
    return next(entry for entry in scored.contributions if entry.rater == node(name))


def test_known_raters_accept_a_good_candidate_and_reject_a_bad_one(aggregate, known):
    good = candidate("g", dict.fromkeys(HONEST, 8700))
    bad = candidate("b", dict.fromkeys(HONEST, 3200), task=1)
    accepted, rejected = aggregate(known, [good, bad], PARAMS).candidates
    assert (accepted.verdict, rejected.verdict) == (Verdict.ACCEPT, Verdict.REJECT)
    assert accepted.score_bp > 7000
    assert rejected.score_bp < 5000


def test_the_evidence_is_the_prior_and_all_contributions(aggregate, known):
    scored = only(aggregate(known, [candidate("c", {"ada": 8700, "ben": 3000, "gus": 8000, "flo": 9000})], PARAMS))
    assert scored.evidence_bits == PARAMS.prior_bits + sum(entry.contributed_bits for entry in scored.contributions)


def test_a_rater_that_says_the_same_of_everything_says_nothing(aggregate, known):
    scored = only(aggregate(known, [candidate("c", {"ada": 8700, "flo": 9000})], PARAMS))
    assert abs(contribution(scored, "flo").contributed_bits) < contribution(scored, "ada").contributed_bits // 8


def test_a_rater_that_inverts_is_muted_and_not_believed_in_reverse(aggregate, known):
    scored = only(aggregate(known, [candidate("c", {"gus": 3000})], PARAMS))
    entry = contribution(scored, "gus")
    assert (entry.counted, entry.evidence_bits, entry.contributed_bits) == (Counted.COUNTED, 0, 0)


def test_a_newcomer_alone_has_a_voice_only_relative_to_nobody(aggregate):
    scored = only(aggregate(newcomers("new"), [candidate("c", {"new": 9500})], PARAMS))
    assert contribution(scored, "new").voice == ONE
    beside = only(aggregate(newcomers("new"), [candidate("c", {})], PARAMS))
    assert beside.evidence_bits == PARAMS.prior_bits


def test_beside_a_known_rater_a_newcomer_whispers(aggregate, known):
    tables = known | newcomers("new")
    scored = only(aggregate(tables, [candidate("c", {"new": 9500, "ada": 8700})], PARAMS))
    assert contribution(scored, "new").voice < ONE // 50
    assert contribution(scored, "ada").voice == ONE


def test_nobody_rates_its_own_candidate(aggregate, known):
    scored = only(aggregate(known, [candidate("c", {"ada": 9900}, generator="ada")], PARAMS))
    assert contribution(scored, "ada").counted is Counted.OWN
    assert scored.evidence_bits == PARAMS.prior_bits


def test_nobody_rates_what_another_node_of_its_owner_made_and_nothing_is_learnt_of_it(aggregate, known):
    owners = {node("ada"): "firm", node("generator"): "firm"}
    result = aggregate(known, [candidate("c", {"ada": 9900, "ben": 8700})], PARAMS, owners=owners)
    assert contribution(only(result), "ada").counted is Counted.OWN
    assert result.tables[node("ada")] == known[node("ada")]
    assert result.tables[node("ben")] != known[node("ben")]


def test_a_rating_by_a_stranger_is_shown_and_ignored(aggregate, known):
    result = aggregate(known, [candidate("c", {"stranger": 100, "ada": 8700})], PARAMS)
    assert contribution(only(result), "stranger").counted is Counted.UNKNOWN
    assert only(result).counted == 1
    assert node("stranger") not in result.tables


def test_an_observer_does_not_count_and_still_learns(aggregate, known):
    result = aggregate(known, [candidate("c", {"ada": 1000, "ben": 8700}, observers=["ada"])], PARAMS)
    entry = contribution(only(result), "ada")
    assert (entry.counted, entry.voice, entry.contributed_bits) == (Counted.OBSERVER, 0, 0)
    assert result.tables[node("ada")].slow_good != known[node("ada")].slow_good


def test_the_order_in_which_anything_arrives_changes_nothing(aggregate, known):
    candidates = [candidate(name, {"ada": 8000 - 100 * name, "ben": 3000, "gus": 900}, task=name) for name in range(6)]
    backwards = [
        candidate(name, {"gus": 900, "ben": 3000, "ada": 8000 - 100 * name}, task=name) for name in reversed(range(6))
    ]
    assert aggregate(known, candidates, PARAMS) == aggregate(known, backwards, PARAMS)


def test_of_two_ratings_by_one_rater_the_smaller_stands_whichever_came_first(aggregate, known):
    one = candidate("c", {"ada": 9000})
    low, high = GivenRating(node("ada"), (100, 100, 100, 100)), one.ratings[0]
    results = [
        aggregate(known, [candidate("c", {}).__class__(**_fields(one) | {"ratings": ratings})], PARAMS)
        for ratings in ((low, high), (high, low))
    ]
    assert results[0] == results[1]
    assert contribution(only(results[0]), "ada").composite_bp == 100


def _fields(rated):
    return {name: getattr(rated, name) for name in rated.__slots__}


def test_scores_off_the_scale_are_drawn_to_it(aggregate, known):
    scored = only(aggregate(known, [candidate("c", {"ada": (1 << 80, 10_001, 10_000, 9_999), "ben": -5})], PARAMS))
    assert contribution(scored, "ada").composite_bp == 9999
    assert contribution(scored, "ben").composite_bp == 0


def test_a_candidate_without_ratings_keeps_the_prior_and_is_worth_a_second_look(aggregate, known):
    scored = only(aggregate(known, [candidate("c", {})], PARAMS))
    assert (scored.evidence_bits, scored.counted, scored.spread_bp) == (PARAMS.prior_bits, 0, 0)
    assert (scored.criteria_bp, scored.quality_bp) == ((0, 0, 0, 0), 0)
    assert scored.verdict is Verdict.REVIEW


def test_an_empty_round_changes_nothing(aggregate, known):
    result = aggregate(known, [], PARAMS)
    assert result.candidates == ()
    assert result.tables == known


def test_no_members_at_all_is_a_result_too(aggregate):
    result = aggregate({}, [candidate("c", {"ada": 5000})], PARAMS)
    assert only(result).counted == 0
    assert result.tables == {}


def test_all_ties_order_by_content(aggregate, known):
    names = ["z", "a", "m"]
    result = aggregate(known, [candidate(name, dict.fromkeys(HONEST, 8700)) for name in names], PARAMS)
    assert len({scored.score_bp for scored in result.candidates}) == 1
    assert [scored.content for scored in result.candidates] == [content(name) for name in sorted(names)]


def test_a_carried_candidate_teaches_only_when_it_is_final(aggregate, known):
    unsure = {"ada": 8700, "ben": 3000}
    first = aggregate(known, [candidate("c", unsure)], PARAMS)
    assert only(first).verdict is Verdict.REVIEW
    assert first.tables == known
    final = aggregate(known, [candidate("c", unsure, reviewable=False)], PARAMS)
    assert only(final).verdict in {Verdict.ACCEPT, Verdict.REJECT}
    assert final.tables != known


def test_while_fresh_raters_could_be_asked_more_evidence_is_wanted(aggregate, known):
    """R24: what is barely enough in the end is not enough as long as somebody else could look at it."""
    names = [f"c{score:05d}" for score in range(5000, 9000, 100)]
    scores = [dict.fromkeys(HONEST, int(name[1:])) for name in names]
    asked = [candidate(name, given) for name, given in zip(names, scores, strict=True)]
    final = [candidate(name, given, reviewable=False) for name, given in zip(names, scores, strict=True)]
    scored = (aggregate(known, same, PARAMS).candidates for same in (asked, final))
    pairs = list(zip(*scored, strict=True))
    assert {first.cut_bits - last.cut_bits for first, last in pairs} == {PARAMS.cut_reviewable_bits}
    verdicts = {(first.verdict, last.verdict) for first, last in pairs}
    assert {(Verdict.REVIEW, Verdict.ACCEPT), (Verdict.ACCEPT, Verdict.ACCEPT)} <= verdicts
    assert (Verdict.ACCEPT, Verdict.REJECT) not in verdicts


@pytest.mark.parametrize("never", [{"reviewable": False}, {"probe": True}, {"review_bp": 7000}])
def test_what_is_never_reviewed_has_the_cut_of_what_is_final(aggregate, known, never):
    rated = candidate("c", dict.fromkeys(HONEST, 8700), raters=3, **never)
    assert only(aggregate(known, [rated], PARAMS)).cut_bits == PARAMS.cut_base_bits + 3 * PARAMS.cut_per_rater_bits


def test_a_probe_is_explained_and_never_decided(aggregate, known):
    scored = only(aggregate(known, [candidate("p", dict.fromkeys(HONEST, 8700), probe=True)], PARAMS))
    assert scored.verdict is Verdict.PROBE
    assert scored.score_bp > 7000


@pytest.mark.parametrize(("accept_bp", "verdict"), [(7000, Verdict.ACCEPT), (10_000, Verdict.REVIEW)])
def test_a_score_has_to_pass_the_threshold_of_its_own_job(aggregate, known, accept_bp, verdict):
    rated = candidate("c", dict.fromkeys(HONEST, 8700), accept_bp=accept_bp)
    assert only(aggregate(known, [rated], PARAMS)).verdict is verdict


def test_among_good_candidates_the_better_one_scores_higher(aggregate, known):
    fine = candidate("fine", dict.fromkeys(HONEST, 8200))
    finer = candidate("finer", dict.fromkeys(HONEST, 9400))
    scores = {scored.content: scored.score_bp for scored in aggregate(known, [fine, finer], PARAMS).candidates}
    assert scores[content("finer")] > scores[content("fine")] > 7000


def test_one_outlier_hardly_moves_the_quality(aggregate, known):
    calm = only(aggregate(known, [candidate("c", dict.fromkeys(HONEST, 8700))], PARAMS))
    shaken = only(aggregate(known, [candidate("c", dict.fromkeys(HONEST, 8700) | {"ada": 0})], PARAMS))
    assert calm.quality_bp - shaken.quality_bp <= PARAMS.winsor_bp // 4


def test_criteria_are_averaged_apart(aggregate, known):
    scored = only(aggregate(known, [candidate("c", {"ada": (1000, 2000, 3000, 4000)})], PARAMS))
    assert scored.criteria_bp == (1000, 2000, 3000, 4000)


def test_maturity_has_a_ceiling_a_little_above_a_full_voice(aggregate, known):
    tables = known
    for number in range(20):
        tables = aggregate(tables, probe_round(100 + number, {"ada": 8700}, {"ada": 3000}), PARAMS).tables
    assert tables[node("ada")].maturity == PARAMS.maturity_max
    assert maturity(tables[node("ada")], PARAMS) == ONE


class TestFavour:
    """Friends' clubs are found pair by pair."""

    @pytest.fixture
    def befriended(self, aggregate, known):
        """Tables after `ada` praised eight bad candidates of `friend` that all others saw through."""
        tables = known
        for number in range(8):
            scores = dict.fromkeys(HONEST, 3000) | {"ada": 9500}
            tables = aggregate(tables, [candidate(f"f{number}", scores, generator="friend")], PARAMS).tables
        return tables

    def test_praise_of_a_friend_stops_counting_and_is_remembered(self, aggregate, befriended):
        assert favoured(befriended[node("ada")], PARAMS) == {node("friend")}
        rated = candidate("next", {"ada": 9500, "ben": 3000}, generator="friend", reviewable=False)
        result = aggregate(befriended, [rated], PARAMS)
        assert contribution(only(result), "ada").counted is Counted.FAVOURED
        before, after = (
            next(pair for pair in tables[node("ada")].pairs if pair.generator == node("friend"))
            for tables in (befriended, result.tables)
        )
        assert after.excess > before.excess

    def test_one_praise_of_junk_leaves_the_pair_out_and_costs_little_reputation(self, aggregate, known):
        scores = dict.fromkeys(HONEST, 3000) | {"ada": 9500}
        table = aggregate(known, [candidate("f", scores, generator="friend")], PARAMS).tables[node("ada")]
        assert favoured(table, PARAMS) == {node("friend")}
        assert fairness(table, PARAMS) > ONE // 2

    def test_a_friend_of_somebody_is_less_believed_of_everybody(self, befriended):
        assert fairness(befriended[node("ada")], PARAMS) < fairness(befriended[node("ben")], PARAMS) == ONE

    def test_a_rater_kind_to_everybody_favours_nobody(self, aggregate, known):
        tables = known
        for number in range(30):
            scores = dict.fromkeys(HONEST, 7000) | {"ada": 9500}
            rated = candidate(f"k{number}", scores, generator=f"maker-{number % 3}")
            tables = aggregate(tables, [rated], PARAMS).tables
        assert bias(tables[node("ada")]) > ONE // 20
        assert favoured(tables[node("ada")], PARAMS) == frozenset()

    def test_strangers_are_forgotten_before_friends(self, aggregate, befriended):
        tables = befriended
        for number in range(100):
            scores = dict.fromkeys(HONEST, 3000)
            tables = aggregate(tables, [candidate(f"s{number}", scores, generator=f"s{number}")], PARAMS).tables
        pairs = tables[node("ada")].pairs
        assert len(pairs) == PARAMS.pairs_max
        assert node("friend") in {pair.generator for pair in pairs}

    def test_a_friendship_given_up_is_forgotten_in_the_end(self, aggregate, befriended):
        tables = befriended
        for number in range(60):
            rated = [
                candidate(f"t{number}-{k}", dict.fromkeys(HONEST, 8600), generator="another", task=k) for k in range(30)
            ]
            tables = aggregate(tables, rated, PARAMS).tables
        assert favoured(tables[node("ada")], PARAMS) == frozenset()
        assert node("friend") not in {pair.generator for pair in tables[node("ada")].pairs}


class TestDoubts:
    """A record that was earned in one category is no voice in another (R22)."""

    @pytest.fixture
    def lie(self, aggregate):
        """Tables after `ada` praised bad candidates of ever other generators in one category, and gave it its due
        in another."""

        def after(tables, count, first=0):
            for number in range(first, first + count):
                maker = f"maker-{number}"
                others = dict.fromkeys(HONEST, 3000)
                poisoned = candidate(f"p{number}", others | {"ada": 9500}, generator=maker, category="bug_detection")
                clean = candidate(f"h{number}", others, generator=maker, category="code_review", task=1)
                tables = aggregate(tables, [poisoned, clean], PARAMS).tables
            return tables

        return after

    @staticmethod
    def left(tables, category, name="ada"):
        return heard(tables[node(name)], drawer_of(category), PARAMS)

    def test_who_lies_in_one_category_is_not_heard_there_and_is_elsewhere(self, aggregate, known, lie):
        tables = lie(known, 4)
        assert self.left(tables, "bug_detection") == 0
        assert self.left(tables, "code_review") == ONE
        assert self.left(tables, "bug_detection", "ben") == ONE
        rated = [
            candidate(category, dict.fromkeys(HONEST, 8600), category=category, task=task)
            for task, category in enumerate(("bug_detection", "code_review"))
        ]
        muted, usual = (contribution(scored, "ada") for scored in aggregate(tables, rated, PARAMS).candidates)
        assert (muted.counted, muted.heard, muted.voice) == (Counted.COUNTED, 0, 0)
        assert usual.heard == ONE
        assert usual.voice > ONE // 4

    def test_one_lie_takes_some_of_the_voice_and_no_more(self, known, lie):
        assert 0 < self.left(lie(known, 1), "bug_detection") < ONE

    def test_old_merit_does_not_buy_a_lie(self, aggregate, known, lie):
        tables = known
        for number in range(30):
            rated = candidate(f"m{number}", dict.fromkeys(HONEST, 8600), category="bug_detection")
            tables = aggregate(tables, [rated], PARAMS).tables
        assert set(tables[node("ada")].doubts) == {0}
        assert self.left(lie(tables, 4), "bug_detection") == 0

    def test_doubts_are_bounded_and_honest_ratings_take_them_back(self, aggregate, known, lie):
        tables = lie(known, 40)
        doubted = tables[node("ada")].doubts[drawer_of("bug_detection")]
        assert doubted == PARAMS.doubt_mute
        for number in range(20):
            rated = candidate(f"b{number}", dict.fromkeys(HONEST, 8600), category="bug_detection")
            tables = aggregate(tables, [rated], PARAMS).tables
        assert self.left(tables, "bug_detection") == ONE

    def test_who_errs_everywhere_alike_is_weighed_by_its_table_and_not_doubted_for_good(self, aggregate, known):
        """A harsh or noisy rater is no worse in a category than it is known to be."""
        tables = known
        for number in range(60):
            off = 1700 if number % 2 else -1700
            scores = dict.fromkeys(HONEST, 6000) | {"ada": 6000 + off}
            tables = aggregate(tables, [candidate(f"n{number}", scores, category="code_search")], PARAMS).tables
        assert self.left(tables, "code_search") > ONE // 2

    def test_every_category_of_the_product_has_a_drawer_of_its_own(self):
        assert len({drawer_of(category) for category in CATEGORIES}) == len(CATEGORIES)
        assert all(0 <= drawer_of(name) < DRAWERS for name in ("", "no category", *CATEGORIES))


def test_a_lone_rater_learns_from_the_prior_and_never_from_itself(aggregate):
    tables = newcomers("ada")
    high = aggregate(tables, [candidate("c", {"ada": 9500}, reviewable=False)], PARAMS).tables[node("ada")]
    low = aggregate(tables, [candidate("c", {"ada": 500}, reviewable=False)], PARAMS).tables[node("ada")]
    assert sum(high.slow_good) == sum(low.slow_good)
    assert sum(high.slow_bad) == sum(low.slow_bad)


def test_however_much_raters_are_believed_each_teaches_others_no_more_than_one_bit(aggregate, known):
    best = candidate("m", {"ada": 9000, "hal": 9000})
    beside = candidate("m", {"ada": 9000, "ben": 9000, "gus": 9000, "hal": 9000})
    for round_, teachers in ((best, 1), (beside, 2)):  # `gus` has no voice, and so teaches nothing
        scored = aggregate(known | newcomers("hal"), [round_], PARAMS)
        trusted = [entry.contributed_bits for entry in only(scored).contributions if entry.rater in map(node, HONEST)]
        assert min(trusted) > 2 * ONE, "believed far beyond what they teach"
        prior = PARAMS.prior_bits
        taught = believed_outcome(prior + teachers * ONE, prior + sum(trusted), PARAMS)
        table = scored.tables[node("hal")]
        assert sum(table.slow_good) == taught.good
        assert sum(table.slow_bad) == taught.bad
        assert table.excess == (9000 << 16) // 10_000 - taught.target


def test_a_sleeper_loses_its_voice_within_a_few_rounds(aggregate, known):
    tables = known
    for number in range(4):
        liar = {"ada": 2000}
        rated = [
            candidate(f"w{number}-{k}", dict.fromkeys(HONEST, 8700) | liar, generator=f"maker-{k}", task=k)
            for k in range(6)
        ]
        tables = aggregate(tables, rated, PARAMS).tables
    scored = only(aggregate(tables, [candidate("c", dict.fromkeys(HONEST, 8700) | {"ada": 2000})], PARAMS))
    assert contribution(scored, "ada").contributed_bits > -ONE // 4
    assert contribution(scored, "ben").contributed_bits > ONE


def test_an_empty_table_knows_nothing():
    assert (maturity(EMPTY_TABLE, PARAMS), bias(EMPTY_TABLE), fairness(EMPTY_TABLE, PARAMS)) == (0, 0, ONE)
