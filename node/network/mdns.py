"""Peers on the same local network, by mDNS service discovery (RFC 6762, 6763).

What is announced and believed is only where somebody may be listening. Who it is shows when it is dialled; the key in
the announcement saves dials that would be refused, no more.
"""

from __future__ import annotations

import hashlib
import ipaddress
import logging
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING

from consensus.types import NodeId
from node.network.addresses import Address

if TYPE_CHECKING:
    from zeroconf import ServiceInfo, ServiceStateChange, Zeroconf
    from zeroconf.asyncio import AsyncServiceBrowser, AsyncZeroconf

logger = logging.getLogger(__name__)

SERVICE = "_swarm-node._tcp.local."

RESOLVE_MS = 3000

FOUND_MAX = 256
"""Announcements believed in one run; a local network with more nodes has a bootstrap list."""

Found = Callable[[NodeId, Address], None]


def network_tag(network_id: str, preset_hash: bytes) -> str:
    """Short name of a network, so that nodes of another are not dialled."""
    return hashlib.sha256(b"swarm-node/v1/mdns\0" + preset_hash + network_id.encode()).hexdigest()[:16]


def announced(node: NodeId, tag: str, grpc_port: int) -> dict[str, str]:
    """The properties of an announcement."""
    return {"node": node.hex(), "network": tag, "grpc": str(grpc_port)}


def believed(
    properties: Mapping[bytes, bytes | None], hosts: Iterable[str], port: int | None, *, me: NodeId, tag: str
) -> tuple[NodeId, tuple[Address, ...]] | None:
    """Whom an announcement tells of and where; None if it is not of our network, our own, or malformed."""
    if (properties.get(b"network") or b"") != tag.encode() or port is None or not 0 < port < 65536:
        return None
    try:
        node = NodeId(bytes.fromhex((properties.get(b"node") or b"").decode()))
        grpc_port = int((properties.get(b"grpc") or b"0").decode())
    except ValueError:
        return None
    if len(node) != 32 or node == me or not 0 <= grpc_port < 65536:
        return None
    ports = [("p2p", port)] + ([("grpc", grpc_port)] if grpc_port else [])
    return node, tuple(Address(scheme, host, number) for host in hosts for scheme, number in ports)


class LanDiscovery:
    """Announces this node and calls `found` for every other. Runs on the asyncio loop."""

    def __init__(
        self,
        *,
        node: NodeId,
        network_id: str,
        preset_hash: bytes,
        host: str,
        p2p_port: int,
        grpc_port: int,
        found: Found,
    ) -> None:
        """`host` is the address that libp2p listens on; unspecified means every address of this machine."""
        self._node = node
        self._tag = network_tag(network_id, preset_hash)
        self._host = host
        self._p2p_port = p2p_port
        self._grpc_port = grpc_port
        self._found = found
        self._seen: set[str] = set()
        self._zeroconf: AsyncZeroconf | None = None
        self._browser: AsyncServiceBrowser | None = None

    async def start(self) -> None:
        """Announce and listen.

        Raises:
            OSError: There is no interface that carries multicast.
        """
        # Imported here: nodes that do not use it do not pay for it.
        from zeroconf import InterfaceChoice, ServiceInfo
        from zeroconf.asyncio import AsyncServiceBrowser, AsyncZeroconf

        hosts = machine_addresses(self._host)
        if not hosts:
            raise OSError("no address to announce")
        everywhere = ipaddress.ip_address(self._host).is_unspecified if _is_ip(self._host) else False
        self._zeroconf = AsyncZeroconf(interfaces=InterfaceChoice.All if everywhere else hosts)
        name = self._node.hex()[:24]
        info = ServiceInfo(
            SERVICE,
            f"{name}.{SERVICE}",
            port=self._p2p_port,
            properties=announced(self._node, self._tag, self._grpc_port),
            parsed_addresses=hosts,
            server=f"{name}.local.",
        )
        await self._zeroconf.async_register_service(info)
        self._browser = AsyncServiceBrowser(self._zeroconf.zeroconf, SERVICE, handlers=[self._changed])

    def _changed(self, zeroconf: Zeroconf, service_type: str, name: str, state_change: ServiceStateChange) -> None:
        from zeroconf import ServiceStateChange as Change
        from zeroconf.asyncio import AsyncServiceInfo

        if state_change is Change.Removed or (name not in self._seen and len(self._seen) >= FOUND_MAX):
            return
        self._seen.add(name)
        info = AsyncServiceInfo(service_type, name)
        loop = zeroconf.loop
        assert loop is not None
        task = loop.create_task(self._resolve(zeroconf, info))
        self._resolving = task  # a reference, or the loop may forget the task

    async def _resolve(self, zeroconf: Zeroconf, info: ServiceInfo) -> None:
        if not await info.async_request(zeroconf, RESOLVE_MS):
            return
        seen = believed(info.properties, info.parsed_addresses(), info.port, me=self._node, tag=self._tag)
        if seen is not None:
            node, addresses = seen
            for address in addresses:
                self._found(node, address)

    async def stop(self) -> None:
        """Take the announcement back."""
        if self._browser is not None:
            await self._browser.async_cancel()
        if self._zeroconf is not None:
            await self._zeroconf.async_close()


def machine_addresses(host: str) -> list[str]:
    """The concrete addresses that a listening address stands for: what can be announced."""
    if _is_ip(host) and not ipaddress.ip_address(host).is_unspecified:
        return [host]
    from zeroconf._utils.net import get_all_addresses

    return [address for address in get_all_addresses() if not ipaddress.ip_address(address).is_loopback]


def _is_ip(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True
