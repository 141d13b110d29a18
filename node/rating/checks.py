"""The scorer that needs no model: criterion scores from what was read and executed. Checks, not quality.

It can tell that a docstring names things that exist, shares the author's words and fits no other item better; it
cannot tell whether it reads well. Scores are shares of what held, weighted by the tables below:

- *semantic validity* is the weighted mean of its measures, and no higher than the weakest of them allows: a measure
  of value v with floor f holds it at f + (1 - f)·v. One failing test is enough to call an answer wrong, so `all_tests`
  has the lowest floor; a single thin test merely keeps it from the top.
- The other criteria are the means of theirs, less what compiler and linter say against the answer. None exceeds
  semantic validity by more than `LEAD_MAX`: tidy text about the wrong thing is worth little.
- What was not executed stays below what was, and what is thin below what gives something to learn from.
- Among examples that hold, the better one is the one whose tests catch more, whose question shows more of what the
  answer leans on (`given`, `grounded`), whose code has fewer of the habits that Rust's guidance advises against, and
  whose documentation has the parts that it asks for. On real crates good ones lie in 0.70 to 1.00 and bad probes
  below 0.45 (`python -m tests.support.yields`).

Integers only: equal evidence gives equal scores on every node.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping

from consensus.types import CRITERIA, Scores
from node.rating.interface import FULL, Evidence, Measure
from node.values.verdict import Outcome, StepResult

SYNTAX, MEANING, IDIOM, COMPILES = CRITERIA

LEAD_MAX = 2_500
"""How far tidiness may run ahead of being right."""
UNEXECUTED_MAX = 9_500
"""Semantic validity where the category has nothing to execute."""
UNSEEN_MAX = 7_500
"""Semantic validity where something is claimed that this node could not execute."""
UNCOMPILED_MAX = 8_500
"""Compilation potential where no compiler has seen the answer."""
LINT_COST = 1_500
WARNING_COST = 1_000
UNSAFE_COST = 2_000
"""For `unsafe` in the answer that the question does not have."""
SUBSTANCE_WORDS = 25
"""Different words in question and answer at which an example has half the substance it could have; it never has all."""
THICKNESS = (0, 6_000, 8_000, 9_000, FULL)
"""What 0, 1, 2, 3, or more tests that ran and passed are worth as evidence."""

WEIGHTS: Mapping[str, int] = {"holds": 3, "all_tests": 3, "mutants_killed": 2, "fits_best": 2}
"""Of measures of semantic validity in their mean; 1 for every other."""

FLOORS: Mapping[str, int] = {
    "all_tests": 1_500,
    "fits_best": 2_000,
    "author_name": 2_000,
    "author_call": 2_000,
    "calls_target": 2_000,
    "speaks_of_change": 2_000,
    "author_words": 3_000,
    "names_exist": 3_000,
    "counted_cheaper": 3_000,
    "asserts": 3_000,
    "mutants_killed": 4_000,
    "explains": 6_000,
    "tests_passed": 6_000,
    "grounded": 7_000,
    "substance": 8_000,
}
"""What semantic validity may still be when this measure is zero, basis points."""
FLOOR = 5_000
"""Of every other measure."""

_WORD = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_UNSAFE = re.compile(r"\bunsafe\b")


class ChecksScorer:
    """See the module. Stateless; one instance may be shared."""

    @property
    def name(self) -> str:
        """`checks`: what shard rows and reports call this method."""
        return "checks"

    def score(self, evidence: Evidence) -> Scores:
        """The four criteria in basis points. Meant for candidates that no check has ended (`node.rating.rate`)."""
        found = (*evidence.inspection.measures, *evidence.beyond, *_executed(evidence), _substance(evidence))
        measures = _by_criterion(found)
        meaning = min(_meaning(measures[MEANING]), _meaning_max(evidence))
        own = {
            SYNTAX: _mean(measures[SYNTAX], meaning),
            IDIOM: _mean(measures[IDIOM], meaning) - _against_idiom(evidence),
            COMPILES: _compiling(measures[COMPILES], meaning) - _against_compiling(evidence),
        }
        bounded = {name: max(0, min(value, meaning + LEAD_MAX, FULL)) for name, value in own.items()}
        return (bounded[SYNTAX], meaning, bounded[IDIOM], bounded[COMPILES])


def _by_criterion(measures: tuple[Measure, ...]) -> dict[str, dict[str, int]]:
    """Measures by criterion and name; of two with one name the worse counts. Names of no criterion are left out."""
    found: dict[str, dict[str, int]] = {criterion: {} for criterion in CRITERIA}
    for name, value in measures:
        criterion, _, what = name.partition("/")
        if criterion in found:
            value_bp = max(0, min(FULL, value))
            found[criterion][what] = min(value_bp, found[criterion].get(what, FULL))
    return found


def _executed(evidence: Evidence) -> Iterator[Measure]:
    """What the claim's own execution says, as measures."""
    result = evidence.result
    if result is None or not result.steps or not result.checked:
        return
    yield f"{MEANING}/holds", FULL if result.holds else 0
    answers = _answers(evidence)
    passed = max((step.tests_passed for step in answers), default=0)
    if any(step.tests_run for step in answers):
        yield f"{MEANING}/tests_passed", THICKNESS[min(passed, len(THICKNESS) - 1)]
    mutants = [step for step in result.steps if step.name.startswith("mutant-")]
    if mutants:
        killed = sum(step.outcome in {Outcome.HOLDS, Outcome.TIMED_OUT} for step in mutants)
        yield f"{MEANING}/mutants_killed", FULL * killed // len(mutants)
    compiled = FULL if any(step.compiled for step in answers) else 0
    yield f"{SYNTAX}/compiled", compiled
    yield f"{COMPILES}/compiled", compiled


def _substance(evidence: Evidence) -> Measure:
    """How much there is to learn from: of two examples that hold equally, the richer one ranks first."""
    texts = _texts(evidence.example.input_data) + "\n" + _texts(evidence.example.output_data)
    words = len(set(_WORD.findall(texts)))
    return f"{MEANING}/substance", FULL * words // (words + SUBSTANCE_WORDS)


def _answers(evidence: Evidence) -> list[StepResult]:
    """Steps that show the answer itself, not what it is compared with (`before`, `stub`, `mutant-*`)."""
    steps = evidence.result.steps if evidence.result is not None else ()
    return [step for step in steps if step.name not in {"before", "stub"} and not step.name.startswith("mutant-")]


def _meaning(measures: Mapping[str, int]) -> int:
    """Weighted mean, held down by the weakest; half at most where nothing but its substance is known."""
    if not measures.keys() - {"substance"}:
        return FULL // 2
    weights = {name: WEIGHTS.get(name, 1) for name in measures}
    mean = sum(weights[name] * value for name, value in measures.items()) // sum(weights.values())
    bounds = (_bound(FLOORS.get(name, FLOOR), value) for name, value in measures.items())
    return min(mean, *bounds)


def _bound(floor: int, value: int) -> int:
    return floor + (FULL - floor) * value // FULL


def _meaning_max(evidence: Evidence) -> int:
    if evidence.result is None or not evidence.result.steps:
        return UNEXECUTED_MAX
    return FULL if evidence.result.checked else UNSEEN_MAX


def _mean(measures: Mapping[str, int], otherwise: int) -> int:
    return sum(measures.values()) // len(measures) if measures else otherwise


def _compiling(measures: Mapping[str, int], meaning: int) -> int:
    """Without a compiler's word it is as likely to compile as it is to be right."""
    known = measures if "compiled" in measures else {**measures, "likely": min(meaning, UNCOMPILED_MAX)}
    return _mean(known, 0)


def _against_idiom(evidence: Evidence) -> int:
    lints = sum(lint.startswith("clippy::") for step in _answers(evidence) for lint in step.lints)
    return lints * LINT_COST + (UNSAFE_COST if _adds_unsafe(evidence) else 0)


def _against_compiling(evidence: Evidence) -> int:
    warnings = sum(not lint.startswith("clippy::") for step in _answers(evidence) for lint in step.lints)
    return warnings * WARNING_COST


def _adds_unsafe(evidence: Evidence) -> bool:
    asked, answered = (_texts(data) for data in (evidence.example.input_data, evidence.example.output_data))
    return bool(_UNSAFE.search(answered)) and not _UNSAFE.search(asked)


def _texts(data: str) -> str:
    """The field texts of a JSON object, escapes undone; the raw text where it is none (inspection has said so)."""
    try:
        value = json.loads(data)
    except (ValueError, RecursionError):
        return data
    return "\n".join(map(str, value.values())) if isinstance(value, dict) else data
