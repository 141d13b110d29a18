"""Why a candidate ended as it did: state, score against threshold, and what each rating was worth."""

from __future__ import annotations

import json
from typing import Any

from consensus.aggregation import Counted
from consensus.types import CandidateState, Decision, Hash, JobTerms, NodeId
from node.desks.chronicle import Chronicle
from node.desks.lessons import probes_of
from node.desks.words import FATES, bits, factor, is_whole, score
from node.driver.driver import Driver
from node.identity import short_name
from node.store import DecisionRow
from node.values import views

_NOT_COUNTED = {
    Counted.OWN: ("R23", "it is of the rater's own, or its owner's"),
    Counted.OBSERVER: ("R10", "the rater is suspended and rates to recover"),
    Counted.FAVOURED: ("R23", "the rater has so far favoured this generator"),
    Counted.UNKNOWN: ("R23", "the rater is no member"),
}


async def explain_candidate(driver: Driver, chronicle: Chronicle, content: Hash) -> views.Explanation:
    """Explain what became of a content in every round that decided on it; the last one is the answer."""
    rows = await driver.store.decisions.find(content=content)
    terms = {job.terms.job: job.terms for job in driver.member.state.jobs}
    steps: list[views.ExplainedStep] = []
    for row in rows:
        kept = await driver.store.decisions.explanation(row.height, row.position)
        told: dict[str, Any] = json.loads(kept) if kept is not None else {"ratings": []}
        chapter = chronicle.chapter(row.height)
        header = chapter.header if chapter is not None else b""
        steps += _decision_steps(row, terms.get(row.decision.job), told, header)
    last = rows[-1]
    if last.decision.state is CandidateState.PROBE:
        answer = _probe_answer(last.decision, (await probes_of(driver, last.height)).get(content))
    else:
        answer = _answer(last.decision, terms.get(last.decision.job))
    return views.Explanation(content.hex(), answer, tuple(steps))


def _probe_answer(decision: Decision, good: bool | None) -> str:
    _, why = FATES[CandidateState.PROBE]
    known = "" if good is None else f" It was a {'good' if good else 'bad'} one."
    scored = f" Its raters made it {score(decision.score_bp)}." if decision.evidence_bits else ""
    return f"{decision.state.value}: {why}.{known}{scored}"


def _answer(decision: Decision, terms: JobTerms | None) -> str:
    _, why = FATES[decision.state]
    scored = decision.evidence_bits or decision.score_bp
    if not scored or terms is None:
        return f"{decision.state.value}: {why}."
    return (
        f"{decision.state.value}: {why}. Score {score(decision.score_bp)}; above {score(terms.accept_bp)} is accepted, "
        f"above {score(terms.review_bp)} reviewed."
    )


def _decision_steps(
    row: DecisionRow, terms: JobTerms | None, told: dict[str, Any], header: bytes
) -> list[views.ExplainedStep]:
    decision = row.decision
    rule, why = FATES[decision.state]
    steps = [views.ExplainedStep(rule, f"round {row.height}: {decision.state.value}, {why}", header)]
    if terms is not None:
        place = f"{terms.crates[decision.crate]} {terms.categories[decision.category]}"
        made = "carried over for review" if decision.slot < 0 else f"slot {decision.slot}"
        steps.append(views.ExplainedStep("R8", f"{place}, by {short_name(decision.generator)}, {made}", b""))
    if told["ratings"]:
        steps.append(_score_step(decision, told))
        steps += [rating_step(item) for item in told["ratings"]]
    if "quality_bp" in told and decision.state in {CandidateState.ACCEPTED, CandidateState.SURPLUS}:
        place = f"quality {score(told['quality_bp'])}; {told.get('quota', 0)} places in its task, taken by score"
        steps.append(views.ExplainedStep("R29", place, b""))
    return steps


def _score_step(decision: Decision, told: dict[str, Any]) -> views.ExplainedStep:
    evidence, cut = bits(decision.evidence_bits), bits(decision.cut_bits)
    prior = decision.evidence_bits - sum(item["contributed_q16"] for item in told["ratings"])
    text = (
        f"evidence {evidence}, {bits(prior)} of it before any rating, the rest of {decision.raters} counted ratings; "
        f"cut {cut}, hence score {score(decision.score_bp)}"
    )
    return views.ExplainedStep("R24", text, b"")


def rating_step(item: dict[str, Any]) -> views.ExplainedStep:
    """What one rating, as the archive keeps it, did to its candidate, and why."""
    rater = short_name(NodeId(bytes.fromhex(item["rater"])))
    gave = f"{rater} gave {score(item['composite_bp'])} (bin {item['bin']})"
    counted = Counted(item["counted"])
    if counted is not Counted.COUNTED:
        rule, why = _NOT_COUNTED[counted]
        return views.ExplainedStep(rule, f"{gave}: not counted, {why}", b"")
    bad, bad_total, good, good_total = item["history_q16"]
    worth = f"{bits(item['evidence_q16'])} x voice {factor(item['voice_q16'])} = {bits(item['contributed_q16'])}"
    past = (
        f"of what it scored so before, {factor(good)} of {factor(good_total)} good and "
        f"{factor(bad)} of {factor(bad_total)} bad items"
    )
    if not item["evidence_q16"]:
        past += "; what it scores so tells nothing by its two memories"
    if not is_whole(item["heard_q16"]):
        past += f"; doubts about it in this category leave {factor(item['heard_q16'])} of its voice (R22)"
    return views.ExplainedStep("R21", f"{gave}: {worth}; {past}", b"")
