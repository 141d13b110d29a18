"""Addresses as people write them and as the network keeps them.

Kept as `p2p://host:port` and `grpc://host:port`. Read also as `host:port` (p2p), `peer-id@host:port`, and the
multiaddresses `/ip4|ip6|dns|dns4|dns6/host/tcp/port[/p2p/peer-id]` that other libp2p programs print.
"""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass

from consensus.types import NodeId
from node.errors import OperatorError
from node.identity.names import parse_node_id

_TEXT_MAX = 255
"""Longer than any DNS name with scheme, port and peer id that is in use; what is longer is not looked at."""

_PLAIN = re.compile(
    r"(?:(?P<scheme>p2p|grpc)://)?(?:(?P<peer>\w+)@)?(?P<host>\[[0-9A-Fa-f:.%\w]+\]|[\w.-]+):(?P<port>\d{1,5})",
    re.ASCII,
)
_MULTI = re.compile(
    r"/(?:ip4|ip6|dns|dns4|dns6)/(?P<host>[\w.:-]+)/tcp/(?P<port>\d{1,5})(?:/p2p/(?P<peer>\w+))?", re.ASCII
)


@dataclass(frozen=True, slots=True, order=True)
class Address:
    """One place where a peer listens."""

    scheme: str
    """`p2p` or `grpc`."""
    host: str
    """A name or an IP address, without brackets."""
    port: int
    """1 to 65535."""

    def __str__(self) -> str:
        """Write as it is kept: `scheme://host:port`, IPv6 in brackets."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{self.scheme}://{host}:{self.port}"

    @property
    def is_loopback(self) -> bool:
        """Whether only processes of the same machine can mean the same thing by it."""
        if self.host == "localhost":
            return True
        ip = _ip_of(self.host)
        return ip is not None and ip.is_loopback

    @property
    def is_dialable(self) -> bool:
        """Whether it names one host: not `0.0.0.0`, not a multicast group."""
        ip = _ip_of(self.host)
        return ip is None or not (ip.is_unspecified or ip.is_multicast)


def parse_address(text: str) -> tuple[NodeId | None, Address]:
    """Read an address and, where it names one, whose it is.

    Raises:
        OperatorError: It is none of the forms of this module.
    """
    found = (_PLAIN.fullmatch(text) or _MULTI.fullmatch(text)) if len(text) <= _TEXT_MAX else None
    if found is None or not 1 <= int(found["port"]) <= 65535:
        raise OperatorError(
            f"not an address: {text[:_TEXT_MAX]!r}",
            hint="Write host:port, peer-id@host:port or /ip4/<address>/tcp/<port>/p2p/<peer id>.",
        )
    parts = found.groupdict()
    node = parse_node_id(parts["peer"]) if parts["peer"] else None
    return node, Address(parts.get("scheme") or "p2p", parts["host"].strip("[]").lower(), int(parts["port"]))


def _ip_of(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        return None
