"""What a judge is shown: a rubric first, the candidate last, quoted line by line.

For correctness the plain version of a candidate is shown: Moon et al. (Findings of EACL 2026, arXiv 2505.16222) find
that comments, names and claims of quality move every judge of code. Idiom is a matter of names, so there they stay.
"""

from __future__ import annotations

from collections.abc import Mapping

from consensus.types import CRITERIA
from node.engines.interface import Message
from node.prompts import PROMPTS, Prompt, fill, quoted
from node.values.judging import Case, Part

PAIR = "pair"
PLAIN = frozenset(CRITERIA) - {"idiomatic_rust"}
"""Criteria that are judged on the plain version."""

PART_CHARS_MAX = 12_000
"""Of one field: what is longer is cut in the middle, and the cut is said."""

MEANINGS: Mapping[str, str] = {
    "code_generation": "A request, and the code that answers it.",
    "code_completion": "Code with a gap between prefix and suffix, and the text for the gap.",
    "docstring_generation": "Code, and documentation comments for it.",
    "test_generation": "Code, and unit tests that pass on it and would fail if it were wrong.",
    "code_summarization": "Code, and one sentence that says what it does.",
    "bug_detection": "Code with a bug, the code without it, and what was wrong.",
    "code_refactoring": "Code, a more idiomatic version that behaves the same, and why it is better.",
    "code_optimization": "Code, a cheaper version that behaves the same, and what it saves.",
    "code_review": "Code, a reviewer's comment on it, and the code that follows the comment.",
    "function_naming": "Code with the function's name masked, and the name.",
    "variable_naming": "Code with a variable's name masked, and the name.",
    "api_usage_prediction": "Code up to a call of the crate's API, and that call.",
    "code_search": "A search query, and the code that it looks for.",
    "code_explanation": "Code, and an explanation of it.",
    "comment_generation": "Code, and the same code with comments.",
}


def criterion_messages(case: Case, criterion: str) -> tuple[Message, ...]:
    """The question for one score."""
    prompt = PROMPTS.judge[criterion]
    plain = criterion in PLAIN
    words = {
        "category": case.category,
        "meaning": MEANINGS[case.category],
        "question": shown(case.plain_question if plain else case.question),
        "answer": shown(case.plain_answer if plain else case.answer),
    }
    return _messages(prompt, words)


def pair_messages(first: Case, second: Case) -> tuple[Message, ...]:
    """The question which of two candidates of one task is better."""
    words = {
        "category": first.category,
        "meaning": MEANINGS[first.category],
        "first_question": shown(first.plain_question),
        "first_answer": shown(first.plain_answer),
        "second_question": shown(second.plain_question),
        "second_answer": shown(second.plain_answer),
    }
    return _messages(PROMPTS.judge[PAIR], words)


def _messages(prompt: Prompt, words: Mapping[str, str]) -> tuple[Message, ...]:
    return (Message("system", prompt.system), Message("user", f"{prompt.instruction}\n{fill(prompt.given, words)}"))


def shown(parts: tuple[Part, ...]) -> str:
    """Fields by name, their texts quoted."""
    return "\n".join(f"{name}:\n{quoted(_cut(text))}" for name, text in parts)


def _cut(text: str) -> str:
    if len(text) <= PART_CHARS_MAX:
        return text
    half = PART_CHARS_MAX // 2
    return f"{text[:half]}\n[{len(text) - 2 * half} characters left out here]\n{text[-half:]}"
