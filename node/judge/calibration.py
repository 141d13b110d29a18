"""What a model's scores mean: a curve per (model, prompt, criterion), fitted on labels that execution gave, in a file.

Labels cost nothing: the published code of a crate is right, a mutant of it that a test kills is wrong; an item's own
documentation is right about it, another item's is wrong (the probes of `node.tasks`). Without enough of them a score
has no meaning and is called `uncalibrated`. A panel of calibrated judges beats the most accurate ones alone (arXiv
2605.09702), so every operator calibrates their own.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from consensus.types import CRITERIA
from node.errors import OperatorError
from node.judge.isotonic import Curve, area_under_curve, calibration_error, fit

VERSION = 1
LABELS_MIN = 200
"""Below, a curve is noise (facts/feasibility-llm.md section 5)."""
EACH_MIN = 40
"""Of right ones, and of wrong ones."""
FOLDS = 5
"""The calibration error is measured on labels that the curve has not seen."""
VOICE_MAX_BP = 5_000
"""What a perfect judge weighs beside the checks: they were executed, it was not."""

FILE_BYTES_MAX = 4 << 20
ENTRIES_MAX = 1_000
POINTS_MAX = 2_000


@dataclass(frozen=True, slots=True)
class Labelled:
    """A score, and whether what it was given to is right."""

    score: float
    right: bool


@dataclass(frozen=True, slots=True)
class Entry:
    """One model's scores by one prompt on one criterion."""

    model: str
    prompt_digest: str
    """Hex."""
    criterion: str
    labels: int
    right: int
    """Of the labels."""
    auc: float
    """How probably a right one is scored above a wrong one; 0.5 is chance."""
    ece_raw: float
    """Calibration error of the expected score, taken for a probability."""
    ece: float
    """Calibration error of the curve, on labels it was not fitted on."""
    curve: Curve

    @property
    def is_enough(self) -> bool:
        """Whether there were labels enough for the curve to mean something."""
        return self.labels >= LABELS_MIN and min(self.right, self.labels - self.right) >= EACH_MIN

    @property
    def voice_bp(self) -> int:
        """How much the opinion weighs beside the checks: nothing unless it surely tells right from wrong.

        From the lower end of the area under the curve, two standard errors down, so that luck earns no voice.
        """
        fewer = max(1, min(self.right, self.labels - self.right))
        sure = self.auc - 2 * math.sqrt(max(0.0, self.auc * (1 - self.auc)) / fewer)
        return round(VOICE_MAX_BP * max(0.0, 2 * sure - 1)) if self.is_enough else 0


def calibrated(model: str, prompt_digest: bytes, criterion: str, found: Sequence[Labelled]) -> Entry | None:
    """Fit a curve and measure it; None without both right and wrong ones to tell apart."""
    scores, labels = [item.score for item in found], [item.right for item in found]
    area = area_under_curve(scores, labels)
    if area is None:
        return None
    return Entry(
        model=model,
        prompt_digest=prompt_digest.hex(),
        criterion=criterion,
        labels=len(found),
        right=sum(labels),
        auc=area,
        ece_raw=calibration_error(scores, labels),
        ece=_unseen_error(found),
        curve=fit(scores, labels),
    )


def _unseen_error(found: Sequence[Labelled]) -> float:
    """The calibration error when each fold is judged by a curve fitted on the others."""
    probabilities: list[float] = []
    labels: list[bool] = []
    for fold in range(min(FOLDS, len(found))):
        rest = [item for place, item in enumerate(found) if place % FOLDS != fold]
        curve = fit([item.score for item in rest], [item.right for item in rest]) if rest else Curve(((0.0, 0.5),))
        own = found[fold::FOLDS]
        probabilities += [curve(item.score) for item in own]
        labels += [item.right for item in own]
    return calibration_error(probabilities, labels)


class Calibration:
    """What one node knows of models' scores."""

    def __init__(self, entries: Iterable[Entry] = ()) -> None:
        self._entries = {(entry.model, entry.prompt_digest, entry.criterion): entry for entry in entries}

    @property
    def entries(self) -> tuple[Entry, ...]:
        """All of them, sorted."""
        return tuple(self._entries[key] for key in sorted(self._entries))

    def find(self, model: str, prompt_digest: bytes, criterion: str) -> Entry | None:
        """The curve for scores of this model by this very prompt; None where there is none, or too few labels."""
        entry = self._entries.get((model, prompt_digest.hex(), criterion))
        return entry if entry is not None and entry.is_enough else None

    def voice(self, model: str, prompt_digest: bytes, criterion: str) -> int:
        """How much that opinion weighs beside the checks, basis points."""
        entry = self.find(model, prompt_digest, criterion)
        return entry.voice_bp if entry is not None else 0

    def with_entries(self, entries: Iterable[Entry]) -> Calibration:
        """This and newer ones, which replace older ones of the same model, prompt and criterion."""
        return Calibration((*self._entries.values(), *entries))


# In a file


def load_calibration(path: Path) -> Calibration:
    """Read a calibration file; an empty calibration where there is none.

    Raises:
        OperatorError: The file cannot be read, or is not one that `save_calibration` wrote.
    """
    try:
        data = path.read_bytes() if path.exists() else None
    except OSError as error:
        raise OperatorError(f"cannot read {path}: {error.strerror}", hint="correct its permissions") from error
    if data is None:
        return Calibration()
    try:
        return Calibration(_read(data))
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise OperatorError(
            f"{path} is no calibration of a judge: {error}", hint="remove it, and calibrate the judge again"
        ) from error


def save_calibration(path: Path, calibration: Calibration) -> None:
    """Write a calibration file, whole or not at all."""
    value = {"version": VERSION, "entries": [_told(entry) for entry in calibration.entries]}
    waiting = path.with_suffix(".new")
    waiting.write_text(json.dumps(value, indent=1) + "\n", encoding="utf-8")
    waiting.replace(path)


def _told(entry: Entry) -> dict[str, object]:
    return {
        "model": entry.model,
        "prompt_digest": entry.prompt_digest,
        "criterion": entry.criterion,
        "labels": entry.labels,
        "right": entry.right,
        "auc": entry.auc,
        "ece_raw": entry.ece_raw,
        "ece": entry.ece,
        "points": [list(point) for point in entry.curve.points],
    }


def _read(data: bytes) -> list[Entry]:
    if len(data) > FILE_BYTES_MAX:
        raise ValueError(f"{len(data)} bytes, at most {FILE_BYTES_MAX} make sense")
    value = json.loads(data)
    if not isinstance(value, dict) or value.get("version") != VERSION or not isinstance(value["entries"], list):
        raise ValueError(f"not of version {VERSION}")
    if len(value["entries"]) > ENTRIES_MAX:
        raise ValueError(f"{len(value['entries'])} entries, at most {ENTRIES_MAX} make sense")
    return [_entry(entry) for entry in value["entries"]]


def _entry(value: dict[str, object]) -> Entry:
    points = value["points"]
    if not isinstance(points, list) or not 1 <= len(points) <= POINTS_MAX:
        raise ValueError(f"a curve has 1 to {POINTS_MAX} points")
    if value["criterion"] not in CRITERIA:
        raise ValueError(f"no criterion is called {value['criterion']!r}")
    labels, right = int(str(value["labels"])), int(str(value["right"]))
    if not 0 < right < labels:
        raise ValueError("labels are of both kinds")
    return Entry(
        model=str(value["model"]),
        prompt_digest=str(value["prompt_digest"]),
        criterion=str(value["criterion"]),
        labels=labels,
        right=right,
        auc=_share(value["auc"]),
        ece_raw=_share(value["ece_raw"]),
        ece=_share(value["ece"]),
        curve=_curve(points),
    )


def _curve(points: list[list[object]]) -> Curve:
    pairs = tuple((_share(score), _share(probability)) for score, probability in points)
    rising = all(left[0] < right[0] and left[1] <= right[1] for left, right in pairwise(pairs))
    if not rising:
        raise ValueError("a curve never falls")
    return Curve(pairs)


def _share(value: object) -> float:
    if not isinstance(value, (int, float)) or not 0 <= value <= 1:
        raise ValueError(f"{value!r} is no share")
    return float(value)
