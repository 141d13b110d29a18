"""A vote that came before there was room for it is had again from a peer: nobody decides without it."""

import asyncio
from types import SimpleNamespace

from consensus.types import Hash, Kind, Vote, VotePhase
from node.driver.courier import Courier
from node.driver.frames import PREFIX_BYTES, SyncAnswer, parse_sync_request
from node.driver.sync import SYNC, Sync
from node.store import open_store
from node.wire import Domain, decode_message, seal_message
from tests.support.swarm import key_of

DOMAIN = Domain(Hash(bytes(32)))
PEER = key_of(1)
HEIGHT = 1


class Link:
    """The network to one peer, which offers what it has and is not said to be held."""

    def __init__(self, envelope):
        self._envelope = envelope
        self._name = decode_message(DOMAIN, envelope).digest[:PREFIX_BYTES]
        self.offered = 0

    async def request(self, _peer, protocol, data, *, timeout_s):
        assert protocol == SYNC
        assert timeout_s > 0
        lacked = () if self._name in parse_sync_request(data).held else (self._envelope,)
        self.offered += len(lacked)
        return SyncAnswer(0, lacked).pack(bytes_max=1 << 20)


class Agreement:
    """Stands in for the pipeline: keeps votes up to a view that moves on."""

    def __init__(self):
        self.view, self.kept = 0, {}
        self.state = SimpleNamespace(height=0, plans=(SimpleNamespace(height=HEIGHT),))

    async def receive(self, message):
        if message.body.view <= self.view:
            self.kept[message.digest] = message

    def messages(self, _height):
        return self.kept

    def news(self):
        return ()


def test_a_vote_of_a_view_too_far_ahead_is_taken_once_the_member_gets_there(tmp_path):
    vote = seal_message(DOMAIN, Vote(HEIGHT, 9, VotePhase.PREVOTE, None), PEER)

    async def scenario():
        pipeline, network = Agreement(), Link(vote)
        async with await open_store(tmp_path) as store:
            courier = Courier(
                key=key_of(0),
                domain=DOMAIN,
                store=store,
                network=network,
                receive=pipeline.receive,
                receive_own=lambda _message: None,
                is_wanted=lambda _message: True,
                is_needed=lambda _message: False,
            )
            sync = Sync(
                courier=courier,
                network=network,
                store=store,
                records=None,
                pipeline=lambda: pipeline,
                on_attestations=lambda _height, _digests: None,
                hold=lambda _height: None,
            )
            await courier.take(vote)
            assert not pipeline.kept
            pipeline.view = 9
            await sync._exchange(PEER.node)
            assert [message.kind for message in pipeline.kept.values()] == [Kind.PREVOTE]
            await sync._exchange(PEER.node)
            assert network.offered == 1

    asyncio.run(scenario())
