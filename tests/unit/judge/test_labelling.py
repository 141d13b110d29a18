"""Labels out of a crate, a judge calibrated on them, and what status says of it."""

import asyncio
from functools import cache

from consensus.types import CRITERIA
from node.desks.engine import EngineRoom
from node.judge.calibration import Calibration
from node.judge.judge import Judge
from node.judge.wording import criterion_messages
from node.tasks.judging import case_of
from node.tasks.model.states import Account, End, Ended
from node.tasks.source import SourceEngine
from node.workshop.labelling import calibrate_judge, labels_from, report_lines
from tests.support.calibrations import full_calibration
from tests.support.scripted_model import MODEL, ScriptedModel
from tests.support.wordwise import wordwise

TEXTS = ("code_summarization", "docstring_generation", "function_naming", "variable_naming", "comment_generation")


@cache
def labels():
    return asyncio.run(labels_from(SourceEngine(wordwise()), 5, TEXTS))


def test_labels_are_right_and_wrong_ones_and_say_in_what_way():
    assert sum(label.right for label in labels()) >= 10
    assert sum(not label.right for label in labels()) >= 4
    assert {label.kind for label in labels() if label.right} == {"good"}
    wrong = {label.kind for label in labels() if not label.right}
    assert wrong
    assert wrong <= {"text_of", "name_of", "comments_of"}


def judged_by(weights):
    judge = Judge(ScriptedModel(weights=weights), Calibration(), answer_s=5)
    return asyncio.run(calibrate_judge(judge, labels())), judge


def knowing_weights():
    right = {
        criterion_messages(case_of(label.example), criterion)
        for label in labels()
        for criterion in CRITERIA
        if label.right
    }
    return lambda request: {"5": 1} if request.messages in right else {"1": 1}


def test_a_judge_that_knows_separates_them_and_is_still_uncalibrated_on_so_few():
    entries, judge = judged_by(knowing_weights())
    assert [entry.criterion for entry in entries] == list(CRITERIA)
    assert all(entry.auc == 1 and entry.ece < 0.2 for entry in entries)
    assert judge.tally.asked == 4 * len(labels())
    assert not any(entry.is_enough for entry in entries)
    assert all("uncalibrated: too few labels" in line for line in report_lines(entries))


def test_a_judge_that_says_the_same_of_all_is_at_chance():
    entries, _ = judged_by(lambda request: {"4": 1})
    assert all(entry.auc == 0.5 for entry in entries)


def test_status_says_how_candidates_and_questions_ended_and_whether_the_judge_counts():
    account = Account()
    account.add([Ended(End.PROPOSED), Ended(End.CUT_OFF), Ended(End.PROPOSED)])
    model = ScriptedModel(weights=lambda _: {"5": 1})
    room = EngineRoom(model, account, Judge(model, full_calibration(), answer_s=5))
    counters = dict(room.counters())
    assert (counters["candidates_asked"], counters["candidates:proposed"], counters["candidates:cut-off"]) == (3, 2, 1)
    assert "judge calibrated, voices 0." in room.component().text
    assert room.name == f"openai: {MODEL}"
    uncalibrated = EngineRoom(model, account, Judge(model, Calibration(), answer_s=5))
    assert "checks alone rate" in uncalibrated.component().text
    assert EngineRoom().name == "source"
    assert list(EngineRoom().counters()) == []
