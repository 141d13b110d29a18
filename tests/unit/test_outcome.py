"""What a round decides: every committed slot ends in one named state (R13 to R18, R28, R29)."""

from dataclasses import replace

import pytest
from nacl.signing import SigningKey

from consensus.commitments import content_name, ratings_digest, slots_root
from consensus.draw import SlotContent
from consensus.encoding import hash_value
from consensus.genesis import Founder, Genesis, first_state
from consensus.openings import RoundInputs, probe_alpha, slot_rule
from consensus.outcome import decide_round
from consensus.params import MINIMAL
from consensus.schedule import Standing, admit
from consensus.slots_left import slots_left
from consensus.types import (
    CandidateCommit,
    CandidateState,
    CheckFact,
    GeneratorReveal,
    Hash,
    JobId,
    JobTerms,
    Kind,
    NodeId,
    ProbeOpening,
    Rating,
    RatingCommit,
    RatingReveal,
    RoundPlan,
    Signed,
    SlotCount,
    SlotOpening,
    Task,
    TaskKind,
)
from consensus.vrf import proof_to_hash, prove

SEEDS = {NodeId(bytes(SigningKey(bytes([n]) * 32).verify_key)): bytes([n]) * 32 for n in range(1, 7)}
NODES = tuple(sorted(SEEDS))
GENERATORS, RATERS = NODES[:2], NODES[2:]
JOB = JobId(b"j" * 32)
SEED = Hash(b"s" * 32)
HEIGHT = 3
SLOTS = 6
TERMS = JobTerms(JOB, NODES[0], ("a@1.0.0",), ("code_search",), 3, 2, SLOTS, 4, 7000, 5000, 1000)
TASK = Task(0, JOB, 0, 0, TaskKind.GENERATE, GENERATORS, RATERS, (), SLOTS, 3, 0, ())
PLAN = RoundPlan(HEIGHT, 0, SEED, (TASK,), (), 10)
GOOD, BAD = (9200, 9200, 9200, 9200), (1200, 1200, 1200, 1200)


def proof_of(node):
    return prove(SEEDS[node], probe_alpha(SEED, HEIGHT))


def rules(node):
    output = proof_to_hash(proof_of(node))
    return [slot_rule(output, 0, slot, PLAN) for slot in range(SLOTS)]


def opening(node, slot, *, claim=None, said="rule"):
    body = hash_value("body", (node, slot))
    claim = claim or body
    rule = rules(node)[slot] if said == "rule" else said
    probe = None if rule is SlotContent.CANDIDATE else ProbeOpening(rule is SlotContent.GOOD_PROBE, b"{}")
    return SlotOpening(0, slot, bytes(32), content_name(body, claim), body, claim, bytes(32), probe)


def signed(sender, kind, body):
    return Signed(sender, kind, hash_value("m", (sender, kind, body)), body)


class Story:
    """A round's messages, honest until a test changes them."""

    def __init__(self):
        self.slots = {node: [opening(node, slot) for slot in range(SLOTS)] for node in GENERATORS}
        self.scores = {}
        self.facts = {}
        self.silent = set()
        self.probes = None
        self.equivocators = frozenset()

    def contents(self):
        return [slot.content for node in GENERATORS for slot in self.slots[node]]

    def is_good(self, content):
        return next(
            slot.probe is None or slot.probe.good
            for node in GENERATORS
            for slot in self.slots[node]
            if slot.content == content
        )

    def ratings(self, rater):
        rows = []
        for content in self.contents():
            fact = self.facts.get((rater, content), CheckFact.PASSED)
            scores = self.scores.get((rater, content), GOOD if self.is_good(content) else BAD)
            positive = fact in {CheckFact.PASSED, CheckFact.NOT_CHECKABLE}
            rows.append(Rating(0, content, fact, scores if positive else (0, 0, 0, 0)))
        return tuple(sorted(rows, key=lambda row: (row.task, row.content)))

    def inputs(self):
        commits, openings, rating_commits, reveals = {}, {}, {}, {}
        for node in GENERATORS:
            slots = tuple(self.slots[node])
            body = CandidateCommit(HEIGHT, slots_root(node, HEIGHT, slots), (SlotCount(0, len(slots)),))
            commits[node] = signed(node, Kind.CANDIDATE_COMMIT, body)
            if node not in self.silent:
                body = GeneratorReveal(HEIGHT, proof_of(node), slots, ())
                openings[node] = signed(node, Kind.GENERATOR_REVEAL, body)
        for rater in RATERS:
            rows = self.ratings(rater)
            digest = ratings_digest(rater, HEIGHT, bytes(32), rows)
            rating_commits[rater] = signed(rater, Kind.RATING_COMMIT, RatingCommit(HEIGHT, digest))
            if rater not in self.silent:
                reveals[rater] = signed(rater, Kind.RATING_REVEAL, RatingReveal(HEIGHT, bytes(32), rows))
        held = {slot.content: True for node in GENERATORS for slot in self.slots[node] if slot.probe}
        probes = held if self.probes is None else self.probes
        return RoundInputs(commits, rating_commits, reveals, openings, probes, self.equivocators)

    def decide(self, *, able=NODES, **changes):
        """Decide it; `able` could be asked in a review, if they have no part in it yet."""
        genesis = Genesis("t", MINIMAL.hash(), SEED, tuple(Founder(node, node.hex()) for node in NODES), ())
        members = first_state(genesis, MINIMAL).members
        standings = [Standing(node, node.hex(), may_rate=True, mature=False, proven=False, skill=1) for node in able]
        job = admit(TERMS, 1)
        job = replace(job, tasks=(replace(job.tasks[0], attempts=1, in_flight=1),), claims=changes.get("claims", ()))
        return decide_round(
            changes.get("plan", PLAN),
            changes.get("inputs", self.inputs()),
            members=members,
            standings=standings,
            jobs=[job],
            pending=(),
            preset=MINIMAL,
        )


def states(outcome):
    return {(item.generator, item.slot): item.state for item in outcome.decisions}


def candidates_of(node):
    return [slot for slot, rule in enumerate(rules(node)) if rule is SlotContent.CANDIDATE]


def test_every_committed_slot_ends_in_one_state_and_the_best_fill_the_quota():
    outcome = Story().decide()
    found = states(outcome)
    assert len(outcome.decisions) == len(found) == 2 * SLOTS
    counts = [list(found.values()).count(state) for state in (CandidateState.ACCEPTED, CandidateState.SURPLUS)]
    assert counts[0] == 3
    assert all(
        (state is CandidateState.PROBE) == (rules(node)[slot] is not SlotContent.CANDIDATE)
        for (node, slot), state in found.items()
    )
    assert outcome.jobs[0].tasks[0].accepted == 3
    assert outcome.jobs[0].tasks[0].in_flight == 0


def test_of_equal_scores_the_lower_content_hash_is_accepted_whoever_comes_first():
    passed = {CandidateState.ACCEPTED, CandidateState.SURPLUS}
    equal = [item for item in Story().decide().decisions if item.state in passed]
    assert len({item.score_bp for item in equal}) == 1
    accepted = {item.content for item in equal if item.state is CandidateState.ACCEPTED}
    assert accepted == set(sorted(item.content for item in equal)[: TERMS.quota])


def test_a_generator_that_never_unmasks_has_only_void_slots():
    story = Story()
    story.silent = {GENERATORS[0]}
    found = states(story.decide())
    assert {state for (node, _), state in found.items() if node == GENERATORS[0]} == {CandidateState.VOID}
    assert len(found) == 2 * SLOTS


def test_what_the_plan_asks_for_and_not_the_preset_is_what_a_slot_must_hold():
    found = states(Story().decide(plan=replace(PLAN, probe_one_in=1)))
    kept = {key for key, state in found.items() if state is not CandidateState.VOID}
    assert kept == {(node, slot) for node in GENERATORS for slot in range(SLOTS) if opens_as_probe(node, slot)}


def opens_as_probe(node, slot):
    """Whether it is a probe of the kind that a plan of nothing but probes asks for as well."""
    asked = slot_rule(proof_to_hash(proof_of(node)), 0, slot, replace(PLAN, probe_one_in=1))
    return rules(node)[slot] is asked


def test_slots_opened_against_the_commitment_are_void():
    story = Story()
    inputs = story.inputs()
    wrong = tuple(replace(slot, salt=b"x" * 32) for slot in story.slots[GENERATORS[0]])
    body = GeneratorReveal(HEIGHT, proof_of(GENERATORS[0]), wrong, ())
    inputs.openings[GENERATORS[0]] = signed(GENERATORS[0], Kind.GENERATOR_REVEAL, body)
    found = states(story.decide(inputs=inputs))
    assert {state for (node, _), state in found.items() if node == GENERATORS[0]} == {CandidateState.VOID}


def test_who_repeats_anothers_commitment_cannot_open_it_with_what_the_other_has_opened():
    story, (victim, thief) = Story(), GENERATORS
    inputs = story.inputs()
    body = inputs.commits[victim].body
    commits = {**inputs.commits, thief: signed(thief, Kind.CANDIDATE_COMMIT, body)}
    opened = replace(inputs.openings[victim].body, vrf_proof=proof_of(thief))
    openings = {**inputs.openings, thief: signed(thief, Kind.GENERATOR_REVEAL, opened)}
    found = states(story.decide(inputs=replace(inputs, commits=commits, openings=openings)))
    assert {found[thief, slot] for slot in range(SLOTS)} == {CandidateState.VOID}
    assert CandidateState.DUPLICATE not in found.values()


def test_who_repeats_anothers_rating_commitment_cannot_reveal_what_the_other_has_revealed():
    story, (rater, copier) = Story(), RATERS[:2]
    inputs = story.inputs()
    commits = {
        **inputs.rating_commits,
        copier: signed(copier, Kind.RATING_COMMIT, inputs.rating_commits[rater].body),
    }
    reveals = {**inputs.reveals, copier: signed(copier, Kind.RATING_REVEAL, inputs.reveals[rater].body)}
    conduct = story.decide(inputs=replace(inputs, rating_commits=commits, reveals=reveals)).conduct
    assert conduct.revealed == set(RATERS) - {copier}


def test_one_slot_opened_in_the_stead_of_all_others_voids_them():
    story = Story()
    node = GENERATORS[0]
    story.slots[node] = [replace(slot, slot=candidates_of(node)[0], probe=None) for slot in story.slots[node]]
    outcome = story.decide()
    mine = [decision.state for decision in outcome.decisions if decision.generator == node]
    assert mine == [CandidateState.VOID] * SLOTS
    assert dict(outcome.conduct.false_probes)[node] == SLOTS


def test_a_slot_opened_against_its_vrf_is_void_and_counts_against_its_generator():
    node = next(node for node in GENERATORS if SlotContent.CANDIDATE in rules(node))
    slot = candidates_of(node)[0]
    story = Story()
    story.slots[node][slot] = opening(node, slot, said=SlotContent.GOOD_PROBE)
    outcome = story.decide()
    assert states(outcome)[node, slot] is CandidateState.VOID
    assert dict(outcome.conduct.false_probes) == {node: 1}


def test_another_generators_vrf_proof_voids_all_slots():
    story = Story()
    inputs = story.inputs()
    body = GeneratorReveal(HEIGHT, proof_of(GENERATORS[1]), tuple(story.slots[GENERATORS[0]]), ())
    inputs.openings[GENERATORS[0]] = signed(GENERATORS[0], Kind.GENERATOR_REVEAL, body)
    found = states(story.decide(inputs=inputs))
    assert {state for (node, _), state in found.items() if node == GENERATORS[0]} == {CandidateState.VOID}


def test_a_check_that_most_raters_find_failed_ends_a_candidate_and_the_odd_one_out_stated_a_false_fact():
    node, story = GENERATORS[0], Story()
    target = story.slots[node][candidates_of(node)[0]]
    for rater in RATERS[:3]:
        story.facts[rater, target.content] = CheckFact.FAILED
    outcome = story.decide()
    assert states(outcome)[node, target.slot] is CandidateState.REJECTED_CHECK
    (fact,) = outcome.conduct.false_facts
    assert (fact.rater, fact.claimed_good) == (RATERS[3], True)


def test_one_rater_that_calls_a_sound_candidate_failed_does_not_end_it():
    node, story = GENERATORS[0], Story()
    target = story.slots[node][candidates_of(node)[0]]
    story.facts[RATERS[0], target.content] = CheckFact.FAILED
    outcome = story.decide()
    assert states(outcome)[node, target.slot] is not CandidateState.REJECTED_CHECK
    (fact,) = outcome.conduct.false_facts
    assert (fact.rater, fact.claimed_good) == (RATERS[0], False)


@pytest.mark.parametrize(
    ("fact", "state"),
    [(CheckFact.MALFORMED, CandidateState.MALFORMED), (CheckFact.CONTAMINATED, CandidateState.CONTAMINATED)],
)
def test_other_negative_facts_end_a_candidate_in_their_own_state(fact, state):
    node, story = GENERATORS[0], Story()
    target = story.slots[node][candidates_of(node)[0]]
    for rater in RATERS:
        story.facts[rater, target.content] = fact
    assert states(story.decide())[node, target.slot] is state


def test_a_candidate_that_most_raters_never_held_is_late():
    node, story = GENERATORS[0], Story()
    target = story.slots[node][candidates_of(node)[0]]
    for rater in RATERS[:3]:
        story.facts[rater, target.content] = CheckFact.UNAVAILABLE
    assert states(story.decide())[node, target.slot] is CandidateState.LATE


def test_where_raters_are_divided_on_a_fact_fresh_ones_are_asked_whatever_the_score():
    node, story = GENERATORS[0], Story()
    target = story.slots[node][candidates_of(node)[0]]
    story.silent = {RATERS[3]}
    for rater in RATERS[:2]:
        story.facts[rater, target.content] = CheckFact.FAILED
    outcome = story.decide()
    assert states(outcome)[node, target.slot] is CandidateState.IN_REVIEW
    (waiting,) = [item for item in outcome.pending if item.content == target.content]
    assert [rating.scores for rating in waiting.ratings if rating.rater in RATERS[:2]] == [(0, 0, 0, 0)] * 2
    alone = story.decide(able=(GENERATORS[0], *RATERS[:3]))
    assert states(alone)[node, target.slot] is CandidateState.REJECTED_CHECK, "there is nobody to ask"


def test_what_too_few_could_fetch_is_late_only_where_nobody_else_could_be_asked():
    node, story = GENERATORS[0], Story()
    target = story.slots[node][candidates_of(node)[0]]
    story.silent = {RATERS[3]}
    for rater in RATERS[:2]:
        story.facts[rater, target.content] = CheckFact.UNAVAILABLE
    assert states(story.decide())[node, target.slot] is CandidateState.IN_REVIEW
    assert states(story.decide(able=(GENERATORS[0], RATERS[2])))[node, target.slot] is CandidateState.LATE


def test_the_second_of_two_equal_claims_is_a_duplicate_whoever_made_it():
    story, claim = Story(), Hash(b"c" * 32)
    for node in GENERATORS:
        slot = candidates_of(node)[0]
        story.slots[node][slot] = opening(node, slot, claim=claim)
    found = states(story.decide())
    both = [found[node, candidates_of(node)[0]] for node in GENERATORS]
    assert both.count(CandidateState.DUPLICATE) == 1


def test_a_claim_accepted_in_an_earlier_round_is_a_duplicate():
    node, story = GENERATORS[0], Story()
    target = story.slots[node][candidates_of(node)[0]]
    assert states(story.decide(claims=(target.claim,)))[node, target.slot] is CandidateState.DUPLICATE


def test_a_content_opened_under_a_claim_that_is_not_its_own_voids_what_its_generator_made():
    """Else an example accepted before could come again, or another generator's claim be taken (R13, R16)."""
    story, (liar, other) = Story(), GENERATORS
    slot, rivals = candidates_of(liar)[0], story.slots[other][candidates_of(other)[0]]
    story.slots[liar][slot] = replace(story.slots[liar][slot], claim=rivals.claim)
    found = states(story.decide())
    assert {found[liar, number] for number in range(SLOTS)} == {CandidateState.VOID}
    assert found[other, rivals.slot] is not CandidateState.DUPLICATE


def test_a_probe_whose_evidence_did_not_hold_is_void_and_costs_its_generator():
    node, slot = next(
        (node, slot)
        for node in GENERATORS
        for slot, rule in enumerate(rules(node))
        if rule is not SlotContent.CANDIDATE
    )
    story = Story()
    story.probes = {story.slots[node][slot].content: False}
    outcome = story.decide()
    assert states(outcome)[node, slot] is CandidateState.VOID
    assert dict(outcome.conduct.false_probes)[node] >= 1


def test_everything_an_equivocator_said_in_the_round_is_void():
    story = Story()
    story.equivocators = frozenset({GENERATORS[1], RATERS[0]})
    outcome = story.decide()
    found = states(outcome)
    assert {state for (node, _), state in found.items() if node == GENERATORS[1]} == {CandidateState.VOID}
    assert all(item.raters <= len(RATERS) - 1 for item in outcome.decisions)


def test_a_reveal_that_is_not_what_was_committed_to_does_not_count():
    story = Story()
    inputs = story.inputs()
    rows = tuple(replace(row, scores=(1, 1, 1, 1)) for row in story.ratings(RATERS[0]))
    inputs.reveals[RATERS[0]] = signed(RATERS[0], Kind.RATING_REVEAL, RatingReveal(HEIGHT, bytes(32), rows))
    outcome = story.decide(inputs=inputs)
    assert RATERS[0] not in outcome.conduct.revealed
    assert RATERS[0] in outcome.conduct.committed
    assert max(item.raters for item in outcome.decisions) == len(RATERS) - 1


def test_more_slots_than_given_void_the_commitment_without_inventing_slots():
    story = Story()
    inputs = story.inputs()
    body = CandidateCommit(HEIGHT, Hash(bytes(32)), (SlotCount(0, 60_000),))
    inputs.commits[GENERATORS[0]] = signed(GENERATORS[0], Kind.CANDIDATE_COMMIT, body)
    found = states(story.decide(inputs=inputs))
    assert sum(node == GENERATORS[0] for node, _ in found) == SLOTS


def test_nobody_rated_anything_and_the_round_still_ends():
    story = Story()
    story.silent = set(RATERS)
    found = states(story.decide())
    assert set(found.values()) <= {CandidateState.LATE, CandidateState.PROBE}


def accepted_of(outcome, node):
    good = {CandidateState.ACCEPTED, CandidateState.SURPLUS}
    return sum(item.generator == node and item.state in good for item in outcome.decisions)


def test_slots_left_empty_count_where_another_had_good_ones_to_make():
    story, (idler, other) = Story(), GENERATORS
    story.slots[idler] = story.slots[idler][:1]
    outcome = story.decide()
    assert dict(outcome.conduct.slots_left) == {idler: accepted_of(outcome, other) - 1 - 1}
    assert accepted_of(outcome, other) > 2


def test_one_slot_less_than_another_made_is_where_a_list_ends():
    story, (one, other) = Story(), GENERATORS
    good = accepted_of(story.decide(), other)
    story.slots[one] = story.slots[one][: good - 1]
    assert story.decide().conduct.slots_left == ()


def test_where_nobody_else_had_anything_good_nobody_left_anything():
    story, (idler, other) = Story(), GENERATORS
    story.slots[idler] = []
    for slot in story.slots[other]:
        for rater in RATERS:
            story.scores[rater, slot.content] = BAD
    assert story.decide().conduct.slots_left == ()


def test_a_generator_that_commits_to_all_and_opens_nothing_has_left_them():
    story, (hider, other) = Story(), GENERATORS
    story.silent = {hider}
    outcome = story.decide()
    assert dict(outcome.conduct.slots_left) == {hider: accepted_of(outcome, other) - 1}


def test_what_an_earlier_round_has_already_fills_no_slot():
    story, (copier, other) = Story(), GENERATORS
    taken = tuple(sorted(slot.claim for slot in story.slots[copier]))
    left = dict(story.decide(claims=taken).conduct.slots_left)
    probes = SLOTS - len(candidates_of(copier))
    assert left[copier] >= accepted_of(story.decide(claims=taken), other) - 1 - probes
    assert other not in left


def test_an_owners_nodes_show_nothing_of_each_other():
    story, (idler, other) = Story(), GENERATORS
    story.slots[idler] = []
    left = slots_left(PLAN, [], story.decide().decisions, owners={idler: "x", other: "x"}, jobs={})
    assert left == ()
