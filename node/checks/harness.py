"""What a test binary printed, read with distrust. Pure.

Neither an exit status nor a summary line is evidence: a test can exit early or print what it likes. A test counts as
passed only when the harness's own line for it says so, the summary's counts agree with the lines, the status is the
one such a run ends with, and the witness proved it: it writes the run's nonce and the test's name on a channel of its
own once the test function has returned (`node.checks.witness`), and safe code can neither read the nonce nor write
there.
"""

from __future__ import annotations

import hmac
import re
import signal
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

from node.checks.sandbox.limits import Ending, Ran

_HEADER = re.compile(r"^test (?P<name>\S+?)(?: - should panic)? \.\.\. (?P<rest>.*)$")
_RESULT = re.compile(r"(ok|FAILED|ignored(?:, .*)?)$")
_SUMMARY = re.compile(
    r"^test result: (ok|FAILED)\. (\d+) passed; (\d+) failed; (\d+) ignored; \d+ measured; \d+ filtered out"
)
_FAILURE_STATUS = 101
_OVERFLOW = b"has overflowed its stack"
"""What the standard library says before it aborts."""
_UNDEFINED = frozenset({signal.SIGILL, signal.SIGBUS, signal.SIGSEGV})
"""Safe code that does what its types say ends by none of these: a stack overflow is caught and aborts."""


class TestEnd(Enum):
    """How one test ended."""

    __test__ = False

    PASSED = "passed"
    FAILED = "failed"
    IGNORED = "ignored"
    NO_RESULT = "no_result"
    """The process ended before it said."""
    UNPROVEN = "unproven"
    """Its line says it passed, and the witness never saw it return: somebody wrote that line."""


@dataclass(frozen=True, slots=True)
class TestRun:
    """One run of a test binary."""

    __test__ = False

    ends: dict[str, TestEnd]
    """By test name, for every test that the harness named."""
    finished: bool
    """The harness came to its end and its counts agree with its lines."""
    out_of_time: bool
    crashed: bool
    """A signal ended it, as a stack overflow or an abort does."""
    overflowed: bool
    """It crashed because a stack was too small."""
    undefined: bool
    """It crashed as only undefined behaviour does, so that on another machine it may not."""
    cpu_ms: float
    survivors: frozenset[str] | None = None
    """Tests that pass with stubs for functions; None when they were not all tried (`STUBS_TOO`)."""
    asserted: bool | None = None
    """An assertion that is watched was come to; None when the witness did not see the first run's end."""
    noticed: bool = False
    """With stubs, a test panicked where nothing could have caught it; only seen where a panic aborts."""


STUBS_TOO = "s"
"""Behind a nonce, asks the witness to run the tests again with stubs once all passed; and before that as they are, as
often as it stands there. Up to eight times."""
_ENDED, _ASSERTED, _NOTICED, _STUBBED, _SURVIVED = "!ended", "!asserted", "!noticed", "!stubbed", "+"


def read_run(ran: Ran, nonce: str) -> TestRun:
    """What a run with `--test-threads=1` shows.

    Args:
        ran: How it ended.
        nonce: What it was given (`Command.nonce`); never empty.
    """
    text = ran.stdout.decode(errors="replace")
    ends, summary = _read_lines(text)
    proven = _proven(ran.proof, nonce.rstrip(STUBS_TOO))
    finished = summary is not None and not ran.truncated and _agrees(ends, summary, ran, ended=_ENDED in proven)
    if not finished:
        # What stands there may be forged or half written: nothing is taken as passed from a run that did not finish
        # unless the test after it had begun, and the last one named never is.
        ends = _trusted_part(ends, ran)
    ends = {
        name: end if end is not TestEnd.PASSED or name in proven else TestEnd.UNPROVEN for name, end in ends.items()
    }
    crashed = ran.ending is Ending.SIGNALLED and not ran.out_of_time
    return TestRun(
        ends=ends,
        finished=finished,
        out_of_time=ran.out_of_time,
        crashed=crashed,
        overflowed=crashed and _OVERFLOW in ran.stderr,
        undefined=crashed and ran.code in _UNDEFINED,
        cpu_ms=ran.cpu_ms,
        survivors=frozenset(name[1:] for name in proven if name.startswith(_SURVIVED)) if _STUBBED in proven else None,
        asserted=_ASSERTED in proven if _ENDED in proven else None,
        noticed=_NOTICED in proven,
    )


def _proven(proof: bytes, nonce: str) -> frozenset[str]:
    """Names of the tests that the witness saw return. Lines with another nonce are somebody else's."""
    found = set()
    for line in proof.decode(errors="replace").split("\n")[:-1]:
        given, _, name = line.partition(" ")
        if hmac.compare_digest(given.encode(), nonce.encode()):
            found.add(name)
    return frozenset(found)


def _read_lines(text: str) -> tuple[dict[str, TestEnd], tuple[str, int, int, int] | None]:
    ends: dict[str, TestEnd] = {}
    summary = None
    listing = True
    current = ""
    for whole in text.split("\n"):
        line = whole
        header = _HEADER.match(line) if listing else None
        if header is not None:
            current = header["name"]
            ends.setdefault(current, TestEnd.NO_RESULT)
            line = header["rest"]  # where the result stands
        verdict = _RESULT.search(line) if listing and current and ends[current] is TestEnd.NO_RESULT else None
        if verdict is not None:
            ends[current] = _end(verdict[1])
            continue
        found = _SUMMARY.match(line)
        if found is not None:
            # The last one counts: what failing tests printed, which the harness repeats, may look like one too.
            summary = (found[1], int(found[2]), int(found[3]), int(found[4]))
        listing = listing and line != "failures:"
    return ends, summary


def _end(word: str) -> TestEnd:
    if word == "ok":
        return TestEnd.PASSED
    return TestEnd.FAILED if word == "FAILED" else TestEnd.IGNORED


def _agrees(ends: dict[str, TestEnd], summary: tuple[str, int, int, int], ran: Ran, *, ended: bool) -> bool:
    """Whether a run came to its end; `ended` where the witness saw that, and the process went on to other things."""
    word, passed, failed, ignored = summary
    counts = [
        sum(end is wanted for end in ends.values()) for wanted in (TestEnd.PASSED, TestEnd.FAILED, TestEnd.IGNORED)
    ]
    if counts != [passed, failed, ignored] or len(ends) != passed + failed + ignored:
        return False
    status = 0 if word == "ok" else _FAILURE_STATUS
    if ended:
        return word == "ok" and failed == 0
    return (word == "ok") == (failed == 0) and ran.ending is Ending.EXITED and ran.code == status


def _trusted_part(ends: dict[str, TestEnd], ran: Ran) -> dict[str, TestEnd]:
    if ran.ending is Ending.EXITED and not ran.truncated:
        # It left on its own without a proper end: somebody called exit, or wrote the harness's lines. Trust none.
        return dict.fromkeys(ends, TestEnd.NO_RESULT)
    names = list(ends)
    return {name: end if name != names[-1] else TestEnd.NO_RESULT for name, end in ends.items()}


def arguments(names: Sequence[str]) -> tuple[str, ...]:
    """Arguments of a test binary that run exactly these tests, or all for none, one after the other."""
    return (*names, *(("--exact",) if names else ()), "--test-threads=1", "--color=never")
