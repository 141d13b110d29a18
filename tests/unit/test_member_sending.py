"""A message that nobody would take in is not sent, and ends nobody."""

import asyncio
from types import SimpleNamespace

from consensus.round import Send
from consensus.types import Hash, Kind, RatingCommit
from node.driver.member import Member


def test_what_is_too_long_to_be_sent_is_told_and_does_not_stop_the_node():
    async def refuse(_body):
        raise ValueError("RATING_REVEAL of 600000 bytes, at most 523776 are accepted")

    sent = Send(Kind.RATING_COMMIT, RatingCommit(1, Hash(bytes(32))))
    facts = [[sent], []]
    pipeline = SimpleNamespace(state=None, start=lambda: facts.pop(0))
    courier = SimpleNamespace(send=refuse)
    member = Member(pipeline=pipeline, courier=courier, workshop=None, publisher=None, archivist=None, finder=None)

    async def scenario():
        running = asyncio.ensure_future(member.run())
        async with asyncio.timeout(60):
            while member.failure is None:  # noqa: ASYNC110 -- what failed is told to an attribute
                await asyncio.sleep(0.001)
        assert not running.done()
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)

    asyncio.run(scenario())
    assert "600000 bytes" in member.failure
