"""A candidate as a judge is shown it: the language between tasks, which know forms, and judges, which know models."""

from __future__ import annotations

from dataclasses import dataclass

Part = tuple[str, str]
"""Name of a field, and its text."""


@dataclass(frozen=True, slots=True)
class Case:
    """One candidate, in two versions. Holds nothing of its author, its scores or its checks."""

    category: str
    question: tuple[Part, ...]
    answer: tuple[Part, ...]
    plain_question: tuple[Part, ...]
    """Without what could talk a judge into a better grade for correctness: comments, local names, claims."""
    plain_answer: tuple[Part, ...]


def plain_case(category: str, question: tuple[Part, ...], answer: tuple[Part, ...]) -> Case:
    """A case with nothing in it to take out."""
    return Case(category, question, answer, question, answer)
