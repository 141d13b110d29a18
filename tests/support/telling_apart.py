"""How well somebody who knows the crate can tell probes from candidates: a logistic regression, cross-validated.

The features are what a rater sees before the reveal and could learn from: words and pairs of tokens, lengths, style,
how much of the text stands in the published source (by runs of tokens), what the columns say, where the slot stands.
"""

from __future__ import annotations

import itertools
import json
import re
import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from node.tasks.categories import TABLE
from node.tasks.view import SourceView
from node.values.example import Example

HASHED = 64
"""Columns that tokens and pairs of them fall into."""
RUNS = (3, 5, 8)
FOLDS = 5
STEPS = 300
RIDGE = 0.05
"""Weight decay per step, for features of unit variance: there are more columns than examples would support."""

_TOKEN = re.compile(r"\w+|[^\w\s]")


@dataclass(frozen=True)
class Seen:
    """One slot as raters see it."""

    example: Example
    place: int
    """Among the slots of its generator."""
    pseudonym: bytes


def tokens_of(text: str) -> list[str]:
    return _TOKEN.findall(text)


def runs_of(found: Sequence[str], size: int) -> set[tuple[str, ...]]:
    return {tuple(found[start : start + size]) for start in range(len(found) - size + 1)}


class Lookup:
    """The published source as somebody who compares with it has it at hand."""

    def __init__(self, view: SourceView) -> None:
        text = "\n".join(view.bytes_of(file.path).decode() for file in view.kb.files)
        found = tokens_of(text)
        self._runs = {size: runs_of(found, size) for size in RUNS}
        self._text = " ".join(found)

    def columns(self, text: str) -> list[float]:
        """Of each field's runs, the share that is published; and whether all of it is, as it stands."""
        found = tokens_of(text)
        shares = []
        for size in RUNS:
            runs = runs_of(found, size)
            shares.append(len(runs & self._runs[size]) / len(runs) if runs else 0.5)
        return [*shares, float(" ".join(found) in self._text)]


def texts_of(example: Example) -> list[str]:
    """The fields of input and output in the category's order, lists joined, absent ones empty."""
    fields: Mapping[str, object] = {**json.loads(example.input_data), **json.loads(example.output_data)}
    table = TABLE[example.task_category]
    values = (fields.get(field.name, "") for field in (*table.inputs, *table.outputs))
    return ["\n".join(value) if isinstance(value, list) else str(value) for value in values]


def columns_of(seen: Seen, lookup: Lookup) -> list[float]:
    """All features of one slot."""
    example = seen.example
    report = json.loads(example.check_report)
    columns: list[float] = []
    for text in texts_of(example):
        lines = text.splitlines() or [""]
        columns += [len(text), len(lines), max(map(len, lines)), text.count("//"), text.count("`"), text.count("(")]
        columns += [text.count(" ") / (len(text) + 1), len(tokens_of(text)), *lookup.columns(text)]
    hashed = [0.0] * HASHED
    found = tokens_of("\n".join(texts_of(example)))
    for token in [*found, *map(" ".join, itertools.pairwise(found))]:
        hashed[zlib.crc32(token.encode()) % HASHED] += 1.0
    columns += hashed
    columns += [example.prompt_tokens, example.completion_tokens, len(example.engine), len(example.model or "")]
    columns += [len(example.test), report["tests_run"], report["tests_passed"], report["mutants_killed"]]
    columns += [example.completion_tokens / (len(example.output_data) + 1), float(report["clippy"] is None)]
    columns += [seen.place, *(byte / 255 for byte in seen.pseudonym[:4])]
    return columns


def compute_auc(positive: np.ndarray, negative: np.ndarray) -> float:
    """The chance that a random positive scores above a random negative, ties counted half."""
    above = (positive[:, None] > negative[None, :]).mean()
    return float(above + (positive[:, None] == negative[None, :]).mean() / 2)


def sampling_error(positives: int, negatives: int) -> float:
    """Standard deviation of the AUC of scores that mean nothing (Mann and Whitney)."""
    return float(np.sqrt((positives + negatives + 1) / (12 * positives * negatives)))


def told_apart(view: SourceView, candidates: Sequence[Seen], probes: Sequence[Seen], seed: int = 1) -> float:
    """Cross-validated AUC of probes against candidates; each fold's AUC by itself, then the mean."""
    lookup = Lookup(view)
    rows = np.array([columns_of(seen, lookup) for seen in (*candidates, *probes)])
    labels = np.array([0.0] * len(candidates) + [1.0] * len(probes))
    folds = folds_of(labels, np.random.default_rng(seed))
    aucs = []
    for fold in range(FOLDS):
        scores = learn(rows[folds != fold], labels[folds != fold])(rows[folds == fold])
        held = labels[folds == fold]
        aucs.append(compute_auc(scores[held == 1], scores[held == 0]))
    return float(np.mean(aucs))


def folds_of(labels: np.ndarray, dice: np.random.Generator) -> np.ndarray:
    """A fold for every row, each with its share of either class."""
    folds = np.zeros(len(labels), dtype=int)
    for value in (0.0, 1.0):
        members = dice.permutation(np.flatnonzero(labels == value))
        folds[members] = np.arange(len(members)) % FOLDS
    return folds


def learn(rows: np.ndarray, labels: np.ndarray) -> Callable[[np.ndarray], np.ndarray]:
    """A logistic regression with weight decay, both classes weighing the same."""
    mean, spread = rows.mean(axis=0), rows.std(axis=0) + 1e-9
    scaled = np.clip((rows - mean) / spread, -4, 4)
    weights, offset = np.zeros(rows.shape[1]), 0.0
    importance = np.where(labels == 1, 0.5 / labels.mean(), 0.5 / (1 - labels.mean())) / len(labels)
    for _ in range(STEPS):
        errors = (1 / (1 + np.exp(-(scaled @ weights + offset))) - labels) * importance
        weights -= 0.1 * (scaled.T @ errors + RIDGE * weights)
        offset -= 0.1 * errors.sum()
    return lambda others: np.clip((others - mean) / spread, -4, 4) @ weights
