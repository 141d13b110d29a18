"""Lots drawn with integers, so that every node draws the same (R11, R14, R40, R41).

A draw is a function of a seed, a purpose and weights. Its k-th number is the first eight bytes of
H(seed, purpose, k); numbers of the incomplete last range are thrown away, for a remainder alone would favour the
first entries. What may not be drawn again is taken out of the range rather than skipped when it comes up: the
chances are the same, and one entry that holds nearly all weight cannot make the draw run forever.

Entries are indices into the caller's sequence, so its order is part of the draw: sort it first.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter
from collections.abc import Iterator, Sequence
from enum import Enum
from itertools import accumulate, count

from consensus.committee import Committee
from consensus.encoding import encode, hash_value
from consensus.params import Preset
from consensus.types import Hash, NodeId, Seat, Snapshot

_RANGE = 1 << 64


def draw_weighted(seed: Hash, purpose: str, weights: Sequence[int], picks: int) -> tuple[int, ...]:
    """Up to `picks` different indices, each with a chance in proportion to its weight, in drawing order.

    Entries of weight 0 are never drawn; there are fewer picks when no others are left.

    Raises:
        ValueError: A weight is negative, or all together are 2^64 or more.
    """
    left = _checked(weights)
    numbers = _numbers(seed, purpose)
    chosen: list[int] = []
    total = sum(left)
    while total and len(chosen) < picks:
        at = _below(numbers, total)
        index = bisect_right(list(accumulate(left)), at)
        chosen.append(index)
        total -= left[index]
        left[index] = 0
    return tuple(chosen)


def draw_uniform(seed: Hash, purpose: str, size: int, picks: int) -> tuple[int, ...]:
    """Up to `picks` different indices below `size`, all with the same chance, in drawing order."""
    numbers = _numbers(seed, purpose)
    left = list(range(size))
    return tuple(left.pop(_below(numbers, len(left))) for _ in range(min(picks, size)))


def draw_shares(seed: Hash, purpose: str, weights: Sequence[int], picks: int) -> tuple[int, ...]:
    """How often each index comes up in `picks` draws by weight, repetition allowed; one number per weight.

    Raises:
        ValueError: No weight is positive, one is negative, or all together are 2^64 or more.
    """
    bounds = list(accumulate(_checked(weights)))
    if not bounds or not bounds[-1]:
        raise ValueError("nothing to draw from: no weight is positive")
    numbers = _numbers(seed, purpose)
    drawn = Counter(bisect_right(bounds, _below(numbers, bounds[-1])) for _ in range(picks))
    return tuple(drawn[index] for index in range(len(bounds)))


def proposer(committee: Committee, seed: Hash, view: int) -> NodeId:
    """Whose turn it is to propose in a view (R41).

    Members are drawn by weight, nobody twice, until those drawn carry more than a third of it: one of them is honest
    and there. Drawn anew for each view, one absent member of four had the first three views of every 64th height, a
    minute and more in which nothing could be decided. Views come in runs of as many as there are seats, and each run is
    a draw of its own, so that nobody can have others compute the turns of all views before a far one.
    """
    run, place = divmod(view, len(committee.seats))
    numbers = _numbers(seed, f"proposer/{run}")
    weights = [seat.weight for seat in committee.seats]
    left, total = weights.copy(), committee.total
    for _ in range(place):
        index = bisect_right(list(accumulate(left)), _below(numbers, total))
        total -= left[index]
        left[index] = 0
        if committee.total - total >= committee.third:
            left, total = weights.copy(), committee.total
    return committee.seats[bisect_right(list(accumulate(left)), _below(numbers, total))].node


def draw_committee(snapshot: Snapshot, height: int, preset: Preset) -> tuple[Seat, ...]:
    """The seats of the agreement on the round `height`, sorted by node (R40).

    Above `committee_all_max` members `committee_seats` votes are drawn by weight, and a member drawn k times has k.
    Were repeats skipped instead, a swarm with fewer members than seats would end with equal votes for all, and what a
    node earned would no longer count. The snapshot is enough to know the committee; no other state enters.

    Raises:
        ValueError: Nobody has weight.
    """
    seats = tuple(seat for seat in snapshot.seats if seat.weight > 0)
    if len(seats) > preset.committee_all_max:
        weights = [seat.weight for seat in seats]
        votes = draw_shares(snapshot.seed, f"committee/{height}", weights, preset.committee_seats)
        seats = tuple(Seat(seat.node, drawn) for seat, drawn in zip(seats, votes, strict=True) if drawn)
    if not seats:
        raise ValueError(f"nobody has weight in epoch {snapshot.epoch}")
    return seats


# What a VRF's output decides


class SlotContent(Enum):
    """What a generator must put into a slot (R14)."""

    CANDIDATE = "candidate"
    GOOD_PROBE = "good_probe"
    BAD_PROBE = "bad_probe"


def slot_content(output: bytes, probe_one_in: int) -> SlotContent:
    """What a number that follows from the generator's VRF output demands of a slot (R14, `openings.slot_rule`)."""
    quotient, remainder = divmod(int.from_bytes(output, "big"), probe_one_in)
    if remainder:
        return SlotContent.CANDIDATE
    return SlotContent.GOOD_PROBE if quotient % 2 else SlotContent.BAD_PROBE


def builder_alpha(seed: Hash, view: int) -> bytes:
    """What a header's builder proves about the view it built the header in (R7)."""
    return encode(("builder", seed, view))


def next_seed(seed: Hash, output: bytes) -> Hash:
    """The seed after a round whose builder's VRF output on `builder_alpha` was `output` (R7)."""
    return hash_value("seed", (seed, output))


def _checked(weights: Sequence[int]) -> list[int]:
    if min(weights, default=0) < 0:
        raise ValueError(f"a weight of {min(weights)}")
    if sum(weights) >= _RANGE:
        raise ValueError(f"weights of {sum(weights)} together are beyond the 64 bits of a draw")
    return list(weights)


def _numbers(seed: Hash, purpose: str) -> Iterator[int]:
    for k in count():
        yield int.from_bytes(hash_value("draw", (seed, purpose, k))[:8], "big")


def _below(numbers: Iterator[int], total: int) -> int:
    """The next number of the draw, brought below `total` without favour."""
    limit = _RANGE // total * total
    return next(number for number in numbers if number < limit) % total
