"""Which of a generator's numbers its probes take the place of: its own first, then one that a candidate stands at.

The numbers of a round's slots name places of the crate (R8), and everybody can compute which. A probe about a place
outside of them would be known by it. So where nothing can be proven at the number that a probe's slot stands for, it is
made at the number of one of the same generator's candidates, and that candidate's slot takes the probe's number
instead: together, the slots are about the same places as without probes. Pure.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from node.tasks.interface import ProbeRequest, Request


@dataclass(slots=True)
class _Seat:
    """One probe: the numbers still to be tried for it."""

    category: str
    number: int
    left: list[int] = field(default_factory=list)
    is_settled: bool = False


class Seating:
    """The numbers of one call's candidates and probes."""

    def __init__(self, requests: Sequence[Request], probes: Sequence[ProbeRequest], tries: int) -> None:
        """Seat everybody at their own number.

        Args:
            requests: Candidates, each category at most once.
            probes: Probes of the same categories, at other numbers.
            tries: Numbers tried for one probe, at most; at least 1.
        """
        listed = {request.category: list(request.indices) for request in requests}
        self._taken: set[tuple[str, int]] = set()
        self._moved: dict[tuple[str, int], int] = {}
        self._seats = []
        for category, number, _ in probes:
            others = listed.get(category, [])
            start = number % len(others) if others else 0  # not everybody's first candidate
            turned = others[start:] + others[:start]
            self._seats.append(_Seat(category, number, [number, *turned][:tries]))

    def turn(self) -> list[tuple[int, int]]:
        """What to try next, as (place of the probe, number): at most one number for a probe, no number for two."""
        tried: set[tuple[str, int]] = set()
        turn = []
        for place, seat in enumerate(self._seats):
            while seat.left and not seat.is_settled:
                number = seat.left.pop(0)
                if (seat.category, number) not in self._taken | tried:
                    tried.add((seat.category, number))
                    turn.append((place, number))
                    break
        return turn

    def settle(self, place: int, number: int) -> None:
        """A probe was made at a number that `turn` named for it."""
        seat = self._seats[place]
        seat.is_settled = True
        self._taken.add((seat.category, number))
        if number != seat.number:
            self._moved[seat.category, number] = seat.number

    def number_for(self, category: str, index: int) -> int:
        """The number whose example the candidate's slot that stands for `index` is filled with."""
        return self._moved.get((category, index), index)
