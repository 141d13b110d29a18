"""A first look at whether a model can judge: a few dozen built-in labels, answered in a minute or so.

The labels are functions of our own (`labels.toml`), right, wrong, broken and clumsy, each proven by a compiler and a
test; beside them their documentation, and that of another one. Too few to calibrate anything: a node's judge has a
voice only after a calibration on real crates (`node.workshop.labelling`).
"""

from __future__ import annotations

import asyncio
import tomllib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib import resources

from consensus.types import CRITERIA
from node.engines.interface import TextModel
from node.judge.calibration import Calibration, Entry, Labelled, calibrated
from node.judge.judge import Judge
from node.prompts import PROMPTS
from node.values.judging import Case, plain_case

SYNTAX, MEANING, IDIOM, COMPILES = CRITERIA

USEFUL_AUC = 0.7
"""From here on a judge is worth calibrating; what it is worth then, calibration says."""

PAIRS = 8


@dataclass(frozen=True, slots=True)
class BuiltIn:
    """One of the built-in functions."""

    doc: str
    code: str
    wrong: str
    broken: str
    clumsy: str
    """Empty where there is none."""
    check: str


@dataclass(frozen=True, slots=True)
class Label:
    """A case whose truth is known, for one criterion."""

    criterion: str
    case: Case
    right: bool


@dataclass(frozen=True, slots=True)
class ProbeReport:
    """What a look at a judge found."""

    model: str
    method: str
    """How the distribution is read: `logprobs`, `constrained` or `sampled`; empty where nothing was answered."""
    asked: int
    answered: int
    """With enough probability on the score tokens."""
    entries: tuple[Entry, ...]
    """By criterion: number of labels, area under the curve, calibration error; absent where too little was answered."""
    pairs: int
    consistent: int
    """Pairs of right and wrong whose verdict did not depend on the order."""
    preferred: int
    """Of those, with the right one preferred."""

    @property
    def is_useful(self) -> bool:
        """Whether calibrating this judge on real crates is worth the time."""
        return any(entry.criterion == MEANING and entry.auc >= USEFUL_AUC for entry in self.entries)

    def lines(self) -> tuple[str, ...]:
        """For people. A figure on a few labels says nothing of the model's quality beyond this probe."""
        head = f"judge: {self.answered} of {self.asked} score questions answered ({self.method or 'no method'})"
        measured = (
            f"  {entry.criterion:22} AUC {entry.auc:.2f}  ECE {entry.ece_raw:.2f} raw  ({entry.labels} labels)"
            for entry in self.entries
        )
        pairs = f"  pairs: {self.consistent} of {self.pairs} independent of order, {self.preferred} for the right one"
        verdict = (
            "  worth calibrating" if self.is_useful else "  cannot tell right from wrong here: leave the judge off"
        )
        return (head, *measured, pairs, verdict)


async def probe_judge(model: TextModel, *, answer_s: float = 60.0) -> ProbeReport:
    """Ask a model to judge the built-in labels. About 200 one-token questions; never raises for what the model does.

    Args:
        model: Opened and probed.
        answer_s: For one question, in seconds.
    """
    judge = Judge(model, Calibration(), answer_s=answer_s)
    labels = builtin_labels()
    opinions = await asyncio.gather(*(judge.opinion(label.case, label.criterion) for label in labels))
    found: dict[str, list[Labelled]] = {criterion: [] for criterion in CRITERIA}
    methods = set()
    for label, opinion in zip(labels, opinions, strict=True):
        if opinion is not None:
            found[label.criterion].append(Labelled(opinion.expected, label.right))
            methods.add(opinion.method.value)
    entries = (calibrated(judge.model, PROMPTS.judge[name].digest, name, found[name]) for name in CRITERIA)
    wins = await asyncio.gather(*(judge.prefer(right, wrong) for right, wrong in _pairs()))
    consistent = [win for win in wins if win is not None and win.consistent]
    return ProbeReport(
        model=judge.model,
        method=", ".join(sorted(methods)),
        asked=len(labels),
        answered=sum(len(items) for items in found.values()),
        entries=tuple(entry for entry in entries if entry is not None),
        pairs=len(wins),
        consistent=len(consistent),
        preferred=sum(win.first > 1 / 2 for win in consistent),
    )


def builtin_functions() -> tuple[BuiltIn, ...]:
    """The functions of `labels.toml`."""
    text = resources.files(__package__).joinpath("labels.toml").read_text(encoding="utf-8")
    return tuple(_built_in(entry) for entry in tomllib.loads(text)["function"])


def _built_in(entry: dict[str, str | list[str]]) -> BuiltIn:
    code = str(entry["code"]).strip()
    return BuiltIn(
        doc=str(entry["doc"]),
        code=code,
        wrong=code.replace(entry["wrong"][0], entry["wrong"][1], 1),
        broken=code.replace(entry["broken"][0], entry["broken"][1], 1),
        clumsy=str(entry.get("clumsy", "")).strip(),
        check=str(entry["check"]),
    )


def builtin_labels() -> tuple[Label, ...]:
    """Cases of known truth, right and wrong ones in turn."""
    return tuple(_labels(builtin_functions()))


def _labels(functions: Sequence[BuiltIn]) -> Iterator[Label]:
    for place, function in enumerate(functions):
        other = functions[(place + 1) % len(functions)]
        right = _written(function.doc, function.code)
        yield Label(MEANING, right, right=True)
        yield Label(MEANING, _written(function.doc, function.wrong), right=False)
        yield Label(MEANING, _summarised(function.code, function.doc), right=True)
        yield Label(MEANING, _summarised(function.code, other.doc), right=False)
        yield Label(SYNTAX, right, right=True)
        yield Label(SYNTAX, _written(function.doc, _unclosed(function.code)), right=False)
        yield Label(COMPILES, right, right=True)
        yield Label(COMPILES, _written(function.doc, function.broken), right=False)
        if function.clumsy:
            yield Label(IDIOM, right, right=True)
            yield Label(IDIOM, _written(function.doc, function.clumsy), right=False)


def _pairs() -> list[tuple[Case, Case]]:
    return [
        (_written(function.doc, function.code), _written(function.doc, function.wrong))
        for function in builtin_functions()[:PAIRS]
    ]


def _written(doc: str, code: str) -> Case:
    return plain_case("code_generation", (("description", doc),), (("code", code),))


def _summarised(code: str, summary: str) -> Case:
    return plain_case("code_summarization", (("code", code),), (("summary", summary),))


def _unclosed(code: str) -> str:
    """Without its last bracket: the one mistake that no reader of the middle notices."""
    return code[: code.rindex("}")].rstrip()
