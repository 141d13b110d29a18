"""Where a node is reached, as people and configuration write it."""

from __future__ import annotations

import re
from dataclasses import dataclass

from consensus.types import NodeId
from node.errors import OperatorError
from node.identity import parse_node_id

_FORM = re.compile(
    r"(?:grpc://)?(?:(?P<node>[0-9A-Za-z]+)@)?(?P<host>\[[0-9A-Fa-f:.]+\]|[^\s:@/\[\]]+):(?P<port>\d{1,5})"
)
_TEXT_MAX = 400


@dataclass(frozen=True, slots=True)
class Target:
    """Host, port, and which node must answer there (None: whichever does)."""

    host: str
    port: int
    node: NodeId | None = None

    @property
    def address(self) -> str:
        """`host:port`, an IPv6 host in brackets."""
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    @property
    def label(self) -> str:
        """How messages call it."""
        return f"node at {self.address}"


def parse_target(text: str) -> Target:
    """Read `host:port`, `grpc://host:port`, or either with `<node id>@` in front of the host.

    Raises:
        OperatorError: It is none of these.
    """
    found = _FORM.fullmatch(text) if len(text) <= _TEXT_MAX else None
    if found is None or not 1 <= int(found["port"]) <= 65_535:
        raise OperatorError(
            f"not an address of a node: {text[:80]!r}", hint="Write host:port, e.g. 127.0.0.1:7000 or [::1]:7000."
        )
    node = parse_node_id(found["node"]) if found["node"] else None
    return Target(found["host"].strip("[]"), int(found["port"]), node)
