"""What a compiler said: its JSON lines as values, and the classes of error codes. Pure."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import Enum

_LINES_MAX = 20_000
"""A build that says more is judged by its beginning."""


@dataclass(frozen=True, slots=True)
class Place:
    """A span of a diagnostic: byte offsets in one file, as the compiler names the file."""

    file: str
    start: int
    end: int
    primary: bool


@dataclass(frozen=True, slots=True)
class Diagnostic:
    """One error or warning."""

    error: bool
    code: str
    """`E0382`, a lint's name, or empty: many lifetime errors have none."""
    message: str
    places: tuple[Place, ...]
    """Outermost use of a macro, where the span itself lies in another crate's macro."""

    @property
    def primary(self) -> tuple[Place, ...]:
        """The places the compiler points at, rather than explains with."""
        return tuple(place for place in self.places if place.primary)


def parse_diagnostics(output: bytes) -> tuple[Diagnostic, ...]:
    """Diagnostics out of rustc's standard error or cargo's standard output, in order.

    Lines that are no diagnostics (artifacts, summaries, a crashing compiler's last words) are left out.
    """
    found = []
    for line in output.splitlines()[:_LINES_MAX]:
        if not line.startswith(b"{"):
            continue
        try:
            value = json.loads(line)
        except (ValueError, RecursionError):
            continue
        if isinstance(value, dict) and value.get("reason") == "compiler-message":
            value = value.get("message")
        diagnostic = _diagnostic(value)
        if diagnostic is not None:
            found.append(diagnostic)
    return tuple(found)


def _diagnostic(value: object) -> Diagnostic | None:
    if not isinstance(value, dict) or "level" not in value or "message" not in value:
        return None
    level = str(value["level"])
    if level not in {"error", "warning"} and not level.startswith("error"):
        return None
    code = value.get("code")
    name = str(code.get("code", "")) if isinstance(code, dict) else ""
    message = str(value["message"])
    if not name and message.startswith(("aborting due to", "could not compile")):
        return None
    if not name and re.fullmatch(r"\d+ warnings? emitted", message):
        return None
    spans = value.get("spans")
    places = tuple(_place(span) for span in spans if isinstance(span, dict)) if isinstance(spans, list) else ()
    return Diagnostic(error=level != "warning", code=name, message=message, places=places)


def _place(span: dict[str, object]) -> Place:
    primary = bool(span.get("is_primary"))
    # A span in another crate's macro says nothing; follow it out to where that macro was used in our files.
    for _ in range(100):
        expansion = span.get("expansion")
        inner = expansion.get("span") if isinstance(expansion, dict) else None
        if not isinstance(inner, dict) or not _foreign(str(span.get("file_name", ""))):
            break
        span = inner
    start, end = span.get("byte_start"), span.get("byte_end")
    return Place(
        file=str(span.get("file_name", "")),
        start=start if isinstance(start, int) else 0,
        end=end if isinstance(end, int) else 0,
        primary=primary,
    )


def _foreign(file: str) -> bool:
    return file.startswith(("/", "<"))


def error_codes(diagnostics: Iterable[Diagnostic]) -> tuple[str, ...]:
    """Codes and lint names of the errors, sorted, each once."""
    return tuple(sorted({item.code for item in diagnostics if item.error and item.code}))


def first_error(diagnostics: Sequence[Diagnostic]) -> str:
    """One line about the first error; empty when there is none."""
    for item in diagnostics:
        if item.error:
            text = " ".join(item.message.split())[:200]
            return f"{item.code}: {text}" if item.code else text
    return ""


class ErrorClass(Enum):
    """What kind of rule a program broke."""

    OWNERSHIP = "ownership"
    """Moved, borrowed or mutated against the rules."""
    LIFETIME = "lifetime"
    TRAIT_BOUND = "trait_bound"
    TYPE_MISMATCH = "type_mismatch"
    TYPE_INFERENCE = "type_inference"
    RESOLUTION = "resolution"
    """A name, field, method or import that is not there or not visible."""
    SAFETY = "safety"
    """The boundary between safe and unsafe code."""
    PATTERN = "pattern"
    CONSTANT = "constant"
    """Evaluation at compile time."""
    LINT = "lint"
    SYNTAX = "syntax"
    OTHER = "other"


_CODES: dict[ErrorClass, str] = {
    ErrorClass.OWNERSHIP: (
        "E0373 E0381 E0382 E0383 E0384 E0499 E0500 E0501 E0502 E0503 E0505 E0506 E0507 E0508 E0509 E0510 E0515 E0524 "
        "E0594 E0595 E0596 E0626 E0712 E0713 E0716"
    ),
    ErrorClass.LIFETIME: "E0106 E0195 E0227 E0228 E0261 E0262 E0263 E0309 E0310 E0311 E0478 E0491 E0495 E0496 E0521 "
    "E0597 E0621 E0637 E0700 E0726",
    ErrorClass.TRAIT_BOUND: "E0034 E0038 E0046 E0117 E0119 E0184 E0191 E0200 E0204 E0210 E0220 E0271 E0275 E0276 E0277 "
    "E0323 E0324 E0325 E0365 E0399 E0404 E0407 E0437 E0438",
    ErrorClass.TYPE_MISMATCH: "E0029 E0050 E0053 E0054 E0057 E0060 E0061 E0069 E0070 E0107 E0308 E0317 E0326 E0369 "
    "E0600 E0604 E0605 E0606 E0607 E0608 E0610 E0614 E0618",
    ErrorClass.TYPE_INFERENCE: "E0282 E0283 E0284 E0790",
    ErrorClass.RESOLUTION: "E0405 E0408 E0411 E0412 E0415 E0416 E0422 E0423 E0424 E0425 E0426 E0428 E0429 E0430 E0431 "
    "E0432 E0433 E0434 E0435 E0451 E0463 E0531 E0532 E0559 E0560 E0573 E0574 E0583 E0599 E0603 E0609 E0615 E0616 "
    "E0624",
    ErrorClass.SAFETY: "E0133 E0197 E0198 E0199 E0793 unsafe_code unsafe_op_in_unsafe_fn",
    ErrorClass.PATTERN: "E0004 E0005 E0023 E0025 E0026 E0027 E0164",
    ErrorClass.CONSTANT: "E0010 E0015 E0080 E0658 E0764 long_running_const_eval arithmetic_overflow "
    "unconditional_panic overflowing_literals",
}

_BY_CODE = {code: group for group, codes in _CODES.items() for code in codes.split()}

_BY_MESSAGE: tuple[tuple[str, ErrorClass], ...] = (
    ("lifetime may not live long enough", ErrorClass.LIFETIME),
    ("captured variable cannot escape", ErrorClass.LIFETIME),
    ("implementation of", ErrorClass.LIFETIME),
    ("higher-ranked", ErrorClass.LIFETIME),
    ("cannot borrow", ErrorClass.OWNERSHIP),
    ("cannot move", ErrorClass.OWNERSHIP),
    ("expected", ErrorClass.SYNTAX),
    ("unexpected", ErrorClass.SYNTAX),
    ("unknown start of token", ErrorClass.SYNTAX),
    ("unterminated", ErrorClass.SYNTAX),
    ("this file contains an unclosed delimiter", ErrorClass.SYNTAX),
    ("mismatched closing delimiter", ErrorClass.SYNTAX),
    ("cannot find", ErrorClass.RESOLUTION),
)
"""For errors without a code, by how their message begins."""


def classify(code: str, message: str = "") -> ErrorClass:
    """The class of an error by its code, else by its message.

    The lists follow the compiler's error index; lifetime errors of the borrow checker have no code.
    """
    known = _BY_CODE.get(code)
    if known is not None:
        return known
    if code and not re.fullmatch(r"E\d{4}", code):
        return ErrorClass.LINT
    for beginning, group in _BY_MESSAGE:
        if not code and message.startswith(beginning):
            return group
    return ErrorClass.OTHER


def classes(diagnostics: Iterable[Diagnostic]) -> tuple[str, ...]:
    """Values of the classes of all errors, sorted, each once."""
    return tuple(sorted({classify(item.code, item.message).value for item in diagnostics if item.error}))


_MAY_BE_PARSING = frozenset({ErrorClass.SYNTAX, ErrorClass.OTHER})


def is_past_parsing(diagnostics: Sequence[Diagnostic]) -> bool:
    """Whether some error was found, and none but such as are not looked for in what does not parse."""
    errors = [item for item in diagnostics if item.error]
    return bool(errors) and _MAY_BE_PARSING.isdisjoint(classify(item.code, item.message) for item in errors)
