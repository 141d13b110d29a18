"""What a probe's generator reveals (R15): a kind, and what anybody needs to see or execute that it is so.

Only the form. What has to hold for a kind is laid down in `node.tasks.probes`.
"""

from __future__ import annotations

import json
from dataclasses import dataclass

from node.values.crate import Span
from node.values.example import canonical_json
from node.values.verdict import TestName, TestTarget

EVIDENCE_BYTES_MAX = 16_384


class EvidenceError(ValueError):
    """The bytes are no probe evidence."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """What a probe's generator reveals."""

    kind: str
    place: Span | None = None
    """The item that the text, name or comments were taken from; or the bytes that a mutant changes."""
    text: str = ""
    """A mutant's replacement."""
    test: TestName | None = None
    """A published test that fails on the answer and passes on the published crate."""

    def encode(self) -> bytes:
        """Canonical JSON."""
        place = self.place and {"path": self.place.path, "start": self.place.start, "end": self.place.end}
        test = self.test and {"target": self.test.target, "file": self.test.file, "name": self.test.name}
        return canonical_json({"kind": self.kind, "place": place, "text": self.text, "test": test})


def decode_evidence(data: bytes) -> Evidence:
    """Read evidence strictly.

    Raises:
        EvidenceError: Too long, not JSON, or not as `Evidence.encode` writes it.
    """
    if len(data) > EVIDENCE_BYTES_MAX:
        raise EvidenceError(f"{len(data)} bytes, at most {EVIDENCE_BYTES_MAX} allowed")
    try:
        value = json.loads(data)
        place, test = value["place"], value["test"]
        evidence = Evidence(
            kind=str(value["kind"]),
            place=Span(str(place["path"]), int(place["start"]), int(place["end"])) if place else None,
            text=str(value["text"]),
            test=TestName(TestTarget(test["target"]).value, str(test["file"]), str(test["name"])) if test else None,
        )
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise EvidenceError(f"not evidence: {error}") from error
    if evidence.encode() != data:
        raise EvidenceError("not in canonical form")
    return evidence
