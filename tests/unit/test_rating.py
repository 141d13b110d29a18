"""Facts first, then scores: what the model-free scorer makes of evidence, and what no scorer can change."""

import dataclasses
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consensus.types import CRITERIA, CheckFact
from node.errors import OperatorError
from node.rating.checks import ChecksScorer
from node.rating.interface import FULL, Evidence, fact_of, rate
from node.rating.misbehaviour import MISBEHAVIOURS, misbehaving
from node.values.example import Example
from node.values.verdict import Inspection, Outcome, PlanResult, Problem, ProblemKind, StepResult

EXAMPLE = Example(
    crate_name="heck",
    input_data=json.dumps({"title": "t", "description": " ".join(f"word{number}" for number in range(40))}),
    output_data=json.dumps({"code": "fn f() {}"}),
    task_category="code_generation",
    test="",
    crate_version="0.5.0",
    crate_checksum="00",
    license="MIT",
    edition="2021",
    rustc_version="1.95.0",
    source_path="src/lib.rs",
    source_span="0..9",
    engine="source",
    model=None,
    prompt_digest=None,
    check_report="{}",
    prompt_tokens=0,
    completion_tokens=0,
)
READ_WELL = (
    ("idiomatic_rust/layout", FULL),
    ("semantic_validity/author_words", FULL),
    ("semantic_validity/fits_best", FULL),
    ("semantic_validity/names_exist", FULL),
    ("syntactic_correctness/parses", FULL),
)


def step(name="answer", outcome=Outcome.HOLDS, tests=4, lints=()):
    return StepResult(name, outcome, True, tests, tests, (), (), tuple(lints), "")


def executed(*steps, holds=True, checked=True):
    return PlanResult(steps, holds, checked, "1.95.0", "strict")


def evidence(measures=READ_WELL, result=None, problems=(), **changes):
    return Evidence(EXAMPLE, Inspection(tuple(problems), tuple(measures)), result, **changes)


def composite(scores):
    return sum(scores) // len(scores)


def scored(*args, **kwargs):
    return rate(evidence(*args, **kwargs), ChecksScorer())[1]


@pytest.mark.parametrize(
    ("problems", "result", "fact"),
    [
        ((), None, CheckFact.NOT_CHECKABLE),
        ((), executed(), CheckFact.NOT_CHECKABLE),
        ((), executed(step()), CheckFact.PASSED),
        ((), executed(step(), holds=False), CheckFact.FAILED),
        ((), executed(step(outcome=Outcome.UNCHECKED), holds=False, checked=False), CheckFact.NOT_CHECKABLE),
        ((ProblemKind.FALSE_CLAIM,), executed(step()), CheckFact.FAILED),
        ((ProblemKind.CONTAMINATED,), executed(step()), CheckFact.CONTAMINATED),
        ((ProblemKind.CONTAMINATED, ProblemKind.FALSE_CLAIM), None, CheckFact.FAILED),
        ((ProblemKind.FALSE_CLAIM, ProblemKind.MALFORMED), None, CheckFact.MALFORMED),
    ],
)
def test_the_fact_follows_from_inspection_and_execution(problems, result, fact):
    found = evidence(result=result, problems=[Problem(kind, "why") for kind in problems])
    assert fact_of(found) is fact


class Enthusiast:
    name = "enthusiast"

    def score(self, evidence):
        return (FULL, FULL, FULL, FULL)


def test_a_failed_check_is_zero_whatever_a_judge_says():
    failed = evidence(result=executed(step(), holds=False), judged=(FULL, FULL, FULL, FULL))
    assert rate(failed, Enthusiast()) == (CheckFact.FAILED, (0, 0, 0, 0))
    assert rate(evidence(), Enthusiast()) == (CheckFact.NOT_CHECKABLE, (FULL, FULL, FULL, FULL))


def test_clean_examples_are_well_above_acceptance():
    assert composite(scored()) >= 8_500
    assert composite(scored(result=executed(step(), step("stub", tests=1)))) >= 9_500
    assert composite(scored(result=executed(step(tests=1)))) >= 8_000


def test_thin_evidence_is_worth_less_than_much_of_it():
    one, two, many = (composite(scored(result=executed(step(tests=count)))) for count in (1, 2, 9))
    assert one < two < many


def test_of_two_examples_that_hold_equally_the_richer_one_ranks_first():
    thin = dataclasses.replace(EXAMPLE, input_data=json.dumps({"title": "t", "description": "d"}))
    held = evidence(result=executed(step()))
    rich_scores = ChecksScorer().score(held)
    thin_scores = ChecksScorer().score(dataclasses.replace(held, example=thin))
    assert composite(rich_scores) > composite(thin_scores) >= 8_000


def test_what_was_executed_is_worth_more_than_what_was_only_read_and_that_more_than_what_could_not_be_executed():
    seen = composite(scored(result=executed(step())))
    nothing_to_see = composite(scored())
    unseen = composite(scored(result=executed(step(outcome=Outcome.UNCHECKED), holds=False, checked=False)))
    assert seen > nothing_to_see > unseen >= 7_000


@pytest.mark.parametrize("measure", ["all_tests", "fits_best", "author_name", "author_call"])
def test_an_answer_that_one_decisive_check_speaks_against_is_well_below_review(measure):
    held = executed(step(), step("stub", tests=1))
    bad = scored([*READ_WELL, (f"semantic_validity/{measure}", 0)], result=held)
    assert composite(bad) < 5_000


def test_lints_cost_idiom_and_warnings_cost_compilation():
    clean = scored(result=executed(step()))
    linted = scored(result=executed(step(lints=["clippy::len_zero", "unused_variables"])))
    assert [name for name, a, b in zip(CRITERIA, clean, linted, strict=True) if a > b] == [
        "idiomatic_rust",
        "compilation_potential",
    ]


def test_lints_of_the_worse_form_do_not_count_against_the_answer():
    assert scored(result=executed(step("before", lints=["clippy::len_zero"]), step())) == scored(
        result=executed(step("before"), step())
    )


def test_unsafe_counts_only_when_the_answer_brings_it_in():
    def idiom(asked, answered):
        example = dataclasses.replace(
            EXAMPLE, input_data=json.dumps({"d": asked}), output_data=json.dumps({"code": answered})
        )
        return ChecksScorer().score(dataclasses.replace(evidence(), example=example))[2]

    assert idiom("d", "unsafe { f() }") < idiom("an unsafe one", "unsafe { f() }") == idiom("d", "unsafely()")


@given(
    st.lists(
        st.tuples(
            st.sampled_from([f"{criterion}/{what}" for criterion in CRITERIA for what in ("a", "all_tests")] + ["odd"]),
            st.integers(-5, 20_000),
        )
    ),
    st.none()
    | st.builds(executed, st.builds(step, tests=st.integers(0, 9)), holds=st.booleans(), checked=st.booleans()),
)
def test_scores_are_bounded_whole_numbers_that_depend_on_no_order(measures, result):
    forwards = ChecksScorer().score(evidence(measures, result))
    assert forwards == ChecksScorer().score(evidence(measures[::-1], result))
    assert all(type(score) is int and 0 <= score <= FULL for score in forwards)


@given(st.integers(0, FULL), st.integers(0, FULL), st.sampled_from(["all_tests", "mutants_killed", "names_exist", "x"]))
def test_a_better_measure_never_lowers_a_score(low, high, name):
    low, high = sorted((low, high))
    worse, better = (scored([*READ_WELL[:2], (f"semantic_validity/{name}", value)]) for value in (low, high))
    assert all(a <= b for a, b in zip(worse, better, strict=True))


def test_misbehaving_scorers_do_what_their_names_say():
    honest, found = ChecksScorer(), evidence()
    said = {kind: misbehaving(kind, honest, seed=b"s").score(found) for kind in MISBEHAVIOURS}
    assert said["invert"] == tuple(FULL - score for score in honest.score(found))
    assert said["constant-one"] == (FULL,) * 4
    assert said["constant-zero"] == (0,) * 4
    assert len(set(said["random"])) > 1


def test_a_roll_of_the_dice_can_be_repeated_and_differs_between_seeds_and_candidates():
    def rolled(seed, found):
        return misbehaving("random", ChecksScorer(), seed=seed).score(found)

    other = dataclasses.replace(evidence(), example=dataclasses.replace(EXAMPLE, output_data="{}"))
    assert rolled(b"1", evidence()) == rolled(b"1", evidence())
    assert len({rolled(b"1", evidence()), rolled(b"2", evidence()), rolled(b"1", other)}) == 3


def test_liars_tell_true_facts():
    failed = evidence(result=executed(step(), holds=False))
    liar = misbehaving("invert", ChecksScorer(), seed=b"")
    assert rate(failed, liar) == (CheckFact.FAILED, (0, 0, 0, 0))


def test_an_unknown_misbehaviour_is_refused_with_the_names_there_are():
    with pytest.raises(OperatorError) as refused:
        misbehaving("sulk", ChecksScorer(), seed=b"")
    assert "invert" in refused.value.hint


def test_what_the_question_does_not_show_costs_compilation_and_habits_cost_idiom():
    held = executed(step())
    best = scored([*READ_WELL, ("compilation_potential/given", FULL), ("idiomatic_rust/habits", FULL)], result=held)
    hidden = scored([*READ_WELL, ("compilation_potential/given", 0), ("idiomatic_rust/habits", FULL)], result=held)
    habitual = scored([*READ_WELL, ("compilation_potential/given", FULL), ("idiomatic_rust/habits", 0)], result=held)
    assert [a - b for a, b in zip(best, hidden, strict=True)] == [0, 0, 0, FULL // 2]
    assert [a - b for a, b in zip(best, habitual, strict=True)] == [0, 0, FULL // 2, 0]


def test_what_no_compiler_has_seen_is_as_likely_to_compile_as_it_is_to_be_right():
    right = scored([*READ_WELL, ("compilation_potential/given", FULL)])
    wrong = scored([*READ_WELL, ("compilation_potential/given", FULL), ("semantic_validity/author_words", 0)])
    assert right[3] > wrong[3]
