"""Who votes on a round, with what weight, and how much of it is enough (R40, R43)."""

from __future__ import annotations

from consensus.types import NodeId, Seat


class Committee:
    """The seats of one agreement. Immutable; every threshold is computed once, in whole numbers.

    Attributes:
        seats: In snapshot order, which is the order of a certificate's bitmap.
        total: W, the weight of all seats.
        quorum: Smallest weight that is more than two thirds of W: two such sets share an honest member.
        third: Smallest weight that is more than one third of W: such a set has an honest member.
    """

    __slots__ = ("_positions", "_weights", "quorum", "seats", "third", "total")

    def __init__(self, seats: tuple[Seat, ...]) -> None:
        """Take the seats of a plan.

        Raises:
            ValueError: The seats are not sorted by node, one node has two, or a weight is not positive: whoever made
                them broke a rule of ours (R34, R40), so no message can cause this.
        """
        nodes = [seat.node for seat in seats]
        if nodes != sorted(set(nodes)):
            raise ValueError("the seats are not sorted by node, one each")
        if not seats or min(seat.weight for seat in seats) < 1:
            raise ValueError("a committee needs members, and each of them weight")
        self.seats = seats
        self.total = sum(seat.weight for seat in seats)
        self.quorum = 2 * self.total // 3 + 1
        self.third = self.total // 3 + 1
        self._positions = {node: position for position, node in enumerate(nodes)}
        self._weights = {seat.node: seat.weight for seat in seats}

    def __contains__(self, node: object) -> bool:
        return node in self._weights

    def weight(self, node: NodeId) -> int:
        """The weight of a member's votes; 0 for anybody else."""
        return self._weights.get(node, 0)

    def position(self, node: NodeId) -> int:
        """Index of a member's seat.

        Raises:
            KeyError: It has none.
        """
        return self._positions[node]
