"""A carrier beside the network under test, as gRPC is beside libp2p: method calls instead of a wire."""

from __future__ import annotations

import asyncio

from node.errors import TransientError
from node.network.interface import NoAnswerError


class Wires:
    """A carrier for every node, as gRPC would be: to whoever listens and is not cut."""

    def __init__(self):
        self.servers = {}
        self.down = set()
        self.delivered = []

    def carrier(self, owner):
        return Carrier(self, owner)

    def exchange(self, caller, peer):
        if peer not in self.servers or {caller, peer} & self.down:
            raise TransientError("the wire is cut", waits_for="the wire")
        return self.servers[peer].exchange


class Carrier:
    def __init__(self, wires, owner):
        self.wires = wires
        self.owner = owner

    async def request(self, peer, address, protocol, data, *, timeout_s):
        assert address.startswith("grpc://")
        try:
            async with asyncio.timeout(timeout_s):
                return await self.wires.exchange(self.owner, peer).request(self.owner, protocol, data)
        except TimeoutError:
            raise NoAnswerError("slow") from None

    async def deliver(self, peer, address, topic, data, *, timeout_s):
        assert address.startswith("grpc://")
        self.wires.delivered.append((self.owner, peer, topic))
        await self.wires.exchange(self.owner, peer).deliver(self.owner, topic, data)
