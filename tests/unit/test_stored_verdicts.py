import asyncio

from node.store import open_store
from node.workshop import StoredVerdicts


def test_a_restarted_node_knows_the_verdicts_of_the_one_before(tmp_path):
    async def one_life(act):
        async with await open_store(tmp_path) as store:
            return await asyncio.to_thread(act, StoredVerdicts(store))

    asyncio.run(one_life(lambda verdicts: verdicts.put(b"key", b"value")))
    assert asyncio.run(one_life(lambda verdicts: verdicts.get(b"key"))) == b"value"
    assert asyncio.run(one_life(lambda verdicts: verdicts.get(b"other"))) is None


def test_a_verdict_beyond_the_stores_bounds_costs_a_second_execution_and_nothing_else(tmp_path, caplog):
    async def scenario():
        async with await open_store(tmp_path) as store:
            verdicts = StoredVerdicts(store)
            await asyncio.to_thread(verdicts.put, b"key", bytes(64 << 20))
            return await asyncio.to_thread(StoredVerdicts(store).get, b"key")

    assert asyncio.run(scenario()) is None
    assert "not kept" in caplog.text
