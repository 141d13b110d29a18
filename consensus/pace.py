"""How a member goes through a round by its own clock, and how far others may be behind it by theirs (R12)."""

from __future__ import annotations

from consensus.params import PhaseTimes


class Pace:
    """One member's clock in one round. It reads none: it is told what time a phase was given, and when that is up.

    Args:
        times: The preset's.
    """

    def __init__(self, times: PhaseTimes) -> None:
        self._times = times
        self._given_ms = 0
        self._alone_ms = 0
        self.settles = False
        """Time is up: a commitment that comes now is late, and nothing is shown yet."""
        self.hurries = False
        """More than a third of the weight is past this phase: it ends soon."""

    def give(self, delay_ms: int) -> None:
        """The running phase has so much time from now on."""
        self._given_ms = delay_ms

    def time_is_up(self) -> None:
        """What the running phase was given last has passed, by this member's clock alone."""
        self._alone_ms += self._given_ms

    def heard_of_others(self) -> None:
        """Something came that comes to all at about the same time: from here on clocks are together again."""
        self._alone_ms = 0

    def next_phase(self) -> None:
        """Another phase begins."""
        self.settles = self.hurries = False

    @property
    def lag_ms(self) -> int:
        """How much later than here others may be by now."""
        return self._alone_ms * self._times.lag_ms // self._times.generate_ms
