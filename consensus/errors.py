"""The one way in which this package says no to what came from outside."""

from __future__ import annotations


class RefusedError(ValueError):
    """What was handed in cannot be used; whoever raised this is left exactly as it was.

    Attributes:
        rule: Short machine-readable name of what did not hold, e.g. `"bad-signature"`; a metric label.
        fault: Whether an honest node never causes this. Lateness and lost routing do not make a fault.
    """

    def __init__(self, rule: str, message: str, *, fault: bool = True) -> None:
        super().__init__(message)
        self.rule = rule
        self.fault = fault
