"""A carrier beside the network under test, as gRPC is beside libp2p: method calls instead of a wire."""

from __future__ import annotations

import asyncio

from node.network.interface import NoAnswerError, UnreachableError


class Wires:
    """A carrier for every node, as gRPC would be: to whoever is known and not cut."""

    def __init__(self):
        self.servers = {}
        self.down = set()
        self.delivered = []

    def carrier(self, owner):
        return Carrier(self, owner)

    def server(self, caller, peer):
        if peer not in self.servers or {caller, peer} & self.down:
            raise UnreachableError("the wire is cut")
        return self.servers[peer]


class Carrier:
    def __init__(self, wires, owner):
        self.wires = wires
        self.owner = owner
        self.known = set()

    def learn(self, peer, _host, _port):
        self.known.add(peer)

    def knows(self, peer):
        return peer in self.known

    async def request(self, peer, protocol, data, *, timeout_s):
        try:
            async with asyncio.timeout(timeout_s):
                return await self.wires.server(self.owner, peer).on_request(self.owner, protocol, data)
        except TimeoutError:
            raise NoAnswerError("slow") from None

    async def deliver(self, peer, topic, data, *, timeout_s):
        self.wires.delivered.append((self.owner, peer, topic))
        self.wires.server(self.owner, peer).on_delivery(self.owner, topic, data)
