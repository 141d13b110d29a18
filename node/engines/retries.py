"""How often and when to try again: a budget for the endpoint, a pause for the request.

Both are pure. The budget keeps retries from multiplying a failing server's load: every answer earns a fraction of a
retry, and time earns a few more. Where it is empty a retry waits for it; nothing is given up for lack of budget, only
for lack of time or because the same request failed `ATTEMPTS_MAX` times.
"""

from __future__ import annotations

import math
from email.utils import parsedate_to_datetime

ATTEMPTS_MAX = 4
"""Failures of one request that reached the server and may be its fault. Refusals for load and connections that were
never made do not count: those are the server's affair, and the deadline bounds them."""

EARNED_PER_ANSWER = 0.2
EARNED_PER_S = 2.0
BUDGET_MAX = 32.0
DEBT_MAX = 20.0
"""So that no retry waits longer than 10 s for the budget alone."""

PAUSE_FIRST_S = 0.5
PAUSE_MAX_S = 8.0
RETRY_AFTER_MAX_S = 300.0
"""Longer wishes of a server are cut to this."""


class RetryBudget:
    """Retries an endpoint may get, as a bucket that fills with answers and time."""

    def __init__(self, now_s: float) -> None:
        self._left = BUDGET_MAX
        self._at_s = now_s

    def answered(self) -> None:
        """An attempt was served."""
        self._left = min(BUDGET_MAX, self._left + EARNED_PER_ANSWER)

    def spend(self, now_s: float) -> float:
        """Take one retry; returns the seconds to wait before it may be sent, 0 while the budget lasts."""
        self._left = min(BUDGET_MAX, self._left + (now_s - self._at_s) * EARNED_PER_S)
        self._at_s = now_s
        self._left = max(-DEBT_MAX, self._left - 1.0)
        return max(0.0, -self._left / EARNED_PER_S)


def compute_pause_s(failures: int, dice: float) -> float:
    """Full jitter: anything between 0 and an exponential bound.

    Args:
        failures: Failed attempts of this request so far, from 1.
        dice: A number in [0, 1).
    """
    return dice * min(PAUSE_MAX_S, PAUSE_FIRST_S * 2.0 ** min(failures - 1, 10))


def parse_retry_after(text: str | None, now_unix_s: float) -> float:
    """Seconds that a `Retry-After` header asks for, 0 to `RETRY_AFTER_MAX_S`; 0 for none or nonsense.

    Args:
        text: The header: seconds, or an HTTP date.
        now_unix_s: What dates are compared with.
    """
    if text is None:
        return 0.0
    try:
        wanted = float(text)
    except ValueError:
        try:
            wanted = parsedate_to_datetime(text).timestamp() - now_unix_s
        except (ValueError, OverflowError):
            return 0.0
    return min(max(wanted, 0.0), RETRY_AFTER_MAX_S) if math.isfinite(wanted) else 0.0
