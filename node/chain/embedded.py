"""An EVM in this process, behind the same JSON-RPC as any other chain: for a first try, for the demo and for tests.

It forgets everything when the process ends, and its accounts with money are published in its source: nothing of worth
belongs on it. What it has beyond the EVM is what senders meet everywhere else, a pool of transactions with rules about
nonces and fees.
"""

from __future__ import annotations

import ast
import asyncio
import contextlib
import json
import sys
from collections.abc import Callable, Hashable, Iterator
from dataclasses import dataclass
from typing import Any, TypeVar, cast

from aiohttp import web
from eth_utils.address import to_checksum_address
from eth_utils.exceptions import ValidationError

from node.chain.votes import Account


@contextlib.contextmanager
def _depth_kept() -> Iterator[None]:
    """Keep Python's own bound on nested calls.

    The EVM raises it to a hundred thousand when it is imported, beyond what a thread's stack holds: nested JSON from
    outside would then end the process instead of being refused. Our contracts call each other a few times deep.
    """
    depth = sys.getrecursionlimit()
    yield
    sys.setrecursionlimit(depth)


with _depth_kept():
    from eth.exceptions import HeaderNotFound
    from eth_tester import EthereumTester, PyEVMBackend
    from eth_tester.exceptions import BlockNotFound, TransactionFailed, TransactionNotFound

T = TypeVar("T")

GWEI = 10**9
BODY_BYTES_MAX = 1 << 20
FUNDED_SECRETS = tuple(number.to_bytes(32, "big") for number in range(1, 11))
"""Private keys of the accounts that begin with a million ether: known to everybody, which is the point."""

_SERVER_ERROR = -32000
_REVERTED = 3
_NO_METHOD = -32601
_CALL_GAS = 10_000_000


class RpcError(Exception):
    """A JSON-RPC error answer.

    Attributes:
        code: As geth gives it.
        data: Of a revert, hex.
    """

    def __init__(self, code: int, message: str, data: str | None = None) -> None:
        super().__init__(message)
        self.code, self.data = code, data


@dataclass(frozen=True, slots=True)
class PoolTransaction:
    """A transaction that no block holds yet."""

    raw: bytes
    hash: bytes
    sender: Account
    nonce: int
    max_fee: int
    tip: int


class EmbeddedChain:
    """A chain of one process. Not thread-safe: use it from one event loop."""

    def __init__(self, *, instant: bool = True) -> None:
        """Make a new chain.

        Args:
            instant: Make a block as soon as there is something to put into it; else when `mine` is called.
        """
        with _depth_kept():  # parts of it are imported here only
            self._backend = PyEVMBackend()
            self._tester = EthereumTester(self._backend)
        self._tester.disable_auto_mine_transactions()
        self._instant = instant
        self.pool: dict[tuple[Account, int], PoolTransaction] = {}
        """By sender and nonce."""
        self._logs_by_block: dict[bytes, tuple[dict[str, Any], ...]] = {}
        """By the block's hash, which another block of that number does not have."""
        self._answers: dict[Hashable, Any] = {}
        """What was computed upon the head, by what was asked; and which head that is."""
        self._answered_upon = b""
        self._methods: dict[str, Callable[..., Any]] = {
            "eth_chainId": lambda: hex(self._backend.chain.chain_id),
            "eth_blockNumber": lambda: hex(self.head),
            "eth_maxPriorityFeePerGas": lambda: hex(GWEI),
            "eth_getBalance": lambda address, _block="latest": hex(self._tester.get_balance(_checked(address))),
            "eth_getCode": lambda address, _block="latest": self._tester.get_code(_checked(address)),
            "eth_getTransactionCount": self._transaction_count,
            "eth_getBlockByNumber": self._block,
            "eth_getTransactionByHash": self._transaction,
            "eth_getTransactionReceipt": self._receipt,
            "eth_call": lambda call, block="latest": self._call(call, block),
            "eth_estimateGas": lambda call, _block="latest": self._estimate(call),
            "eth_sendRawTransaction": lambda raw: "0x" + self.offer(bytes.fromhex(raw.removeprefix("0x"))).hex(),
            "eth_getLogs": self._logs,
        }

    @property
    def head(self) -> int:
        """Number of the newest block."""
        return int(self._tester.get_block_by_number("latest")["number"])

    def offer(self, raw: bytes) -> bytes:
        """Take a signed transaction into the pool, by geth's rules; returns its hash.

        Raises:
            RpcError: The nonce is used, the fee too low to replace another, or the bytes are no transaction.
        """
        given = self._decoded(raw)
        mined = self._tester.get_nonce(_checked(given.sender))
        if given.nonce < mined:
            raise RpcError(_SERVER_ERROR, f"nonce too low: next nonce {mined}, tx nonce {given.nonce}")
        before = self.pool.get((given.sender, given.nonce))
        if before is not None and before.hash == given.hash:
            raise RpcError(_SERVER_ERROR, "already known")
        if before is not None and (given.max_fee * 10 < before.max_fee * 11 or given.tip * 10 < before.tip * 11):
            raise RpcError(_SERVER_ERROR, "replacement transaction underpriced")
        self.pool[given.sender, given.nonce] = given
        if self._instant:
            self.mine()
        return given.hash

    def mine(self, blocks: int = 1) -> None:
        """Make blocks; the first takes what can be executed of the pool."""
        base_fee = self._base_fee
        for sender in sorted({sender for sender, _ in self.pool}):
            nonce = self._tester.get_nonce(_checked(sender))
            while (given := self.pool.get((sender, nonce))) is not None and given.max_fee >= base_fee:
                self._backend.send_raw_transaction(given.raw)  # the tester's own would take it back at once
                del self.pool[sender, nonce]
                nonce += 1
        self._tester.mine_blocks(blocks)

    def fund(self, account: Account, wei: int) -> None:
        """Give an account money of the richest one's."""
        rich = self._tester.get_accounts()[0]
        fees = {"gas": 21_000, "max_fee_per_gas": 2 * self._base_fee + GWEI, "max_priority_fee_per_gas": GWEI}
        self._backend.send_transaction(
            {
                "from": bytes.fromhex(rich[2:]),
                "to": account,
                "value": wei,
                "data": b"",
                "nonce": self._tester.get_nonce(rich),
            }
            | fees
        )
        self._tester.mine_blocks(1)

    def answer(self, method: str, params: list[Any]) -> Any:
        """One JSON-RPC call.

        Raises:
            RpcError: What geth would answer with an error.
        """
        known = self._methods.get(method)
        if known is None:
            raise RpcError(_NO_METHOD, f"the method {method} does not exist/is not available")
        try:
            return known(*params)
        except (BlockNotFound, TransactionNotFound):
            return None

    def _decoded(self, raw: bytes) -> PoolTransaction:
        try:
            given = self._backend.chain.get_transaction_builder().decode(raw)
            sender = bytes(given.sender)
        except Exception as error:
            raise RpcError(_SERVER_ERROR, f"not a transaction: {error}") from error
        return PoolTransaction(
            raw, given.hash, sender, given.nonce, given.max_fee_per_gas, given.max_priority_fee_per_gas
        )

    def _transaction_count(self, address: str, block: str = "latest") -> str:
        nonce = self._tester.get_nonce(_checked(address))
        if block == "pending":
            while (bytes.fromhex(address.removeprefix("0x")), nonce) in self.pool:
                nonce += 1
        return hex(nonce)

    def _block(self, number: str, _full: bool = False) -> dict[str, Any]:
        named = number if number in {"latest", "pending", "earliest"} else int(number, 16)
        return _block_json(self._tester.get_block_by_number(named))

    def _transaction(self, name: str) -> dict[str, Any] | None:
        if any("0x" + given.hash.hex() == name for given in self.pool.values()):
            return {"hash": name, "blockNumber": None, "blockHash": None}
        found = self._tester.get_transaction_by_hash(name)
        number = found["block_number"]
        return {"hash": name, "blockNumber": None if number is None else hex(number), "blockHash": found["block_hash"]}

    def _receipt(self, name: str) -> dict[str, Any] | None:
        found = self._tester.get_transaction_receipt(name)
        if found["block_number"] is None:
            return None
        return {
            "transactionHash": name,
            "transactionIndex": hex(found["transaction_index"]),
            "blockNumber": hex(found["block_number"]),
            "blockHash": found["block_hash"],
            "contractAddress": found["contract_address"],
            "cumulativeGasUsed": hex(found["cumulative_gas_used"]),
            "gasUsed": hex(found["gas_used"]),
            "status": hex(found["status"]),
            "logs": [_log_json(log) for log in found["logs"]],
        }

    def _upon_head(self, asked: Hashable, compute: Callable[[], T]) -> T:
        """What `compute` gives, computed once upon each head: calls change nothing, and a swarm asks the same often."""
        head = self._backend.chain.get_canonical_head().hash
        if head != self._answered_upon:
            self._answers, self._answered_upon = {}, head
        if asked not in self._answers:
            self._answers[asked] = compute()
        return cast("T", self._answers[asked])

    def _call(self, call: dict[str, Any], block: str) -> str:
        named = "latest" if block in {"latest", "pending"} else int(block, 16)
        fields = self._fields(call)
        try:
            return self._upon_head(
                ("call", named, tuple(sorted(fields.items()))), lambda: str(self._tester.call(fields, named))
            )
        except TransactionFailed as error:
            raise _reverted(error) from error
        except ValidationError as error:
            raise RpcError(_SERVER_ERROR, f"insufficient funds for gas * price + value: {error}") from error

    def _estimate(self, call: dict[str, Any]) -> str:
        self._call(call, "latest")
        return hex(self._tester.estimate_gas(self._fields(call)))

    def _fields(self, call: dict[str, Any]) -> dict[str, Any]:
        """A call as the tester wants it. It insists that senders can pay, so strangers ask in the name of the rich."""
        fields: dict[str, Any] = {
            "from": _checked(call.get("from", self._tester.get_accounts()[0])),
            "data": call.get("data", call.get("input", "0x")),
            "value": int(call.get("value", "0x0"), 16),
            "gas": int(call["gas"], 16) if "gas" in call else _CALL_GAS,
            "gas_price": 2 * self._base_fee,  # calls are executed upon older blocks too, which were dearer
        }
        return fields | ({"to": _checked(call["to"])} if call.get("to") else {})

    @property
    def _base_fee(self) -> int:
        return self._upon_head("base fee", lambda: int(self._tester.get_block_by_number("pending")["base_fee_per_gas"]))

    def _logs(self, wanted: dict[str, Any]) -> list[dict[str, Any]]:
        first = int(wanted.get("fromBlock", "0x0"), 16)
        last = int(wanted["toBlock"], 16) if wanted.get("toBlock", "latest") != "latest" else self.head
        address, topics = _checked(wanted["address"]), wanted.get("topics") or []
        return [
            log
            for number in range(first, last + 1)
            for log in self._logs_of_block(number)
            if log["address"] == address and _has_topics(log["topics"], topics)
        ]

    def _logs_of_block(self, number: int) -> tuple[dict[str, Any], ...]:
        """All events of one block: the tester would read every receipt again for each member that looks."""
        try:
            name = bytes(self._backend.chain.chaindb.get_canonical_block_hash(number))
        except HeaderNotFound:
            raise BlockNotFound(f"no block {number}") from None
        if name not in self._logs_by_block:
            names = self._tester.get_block_by_number(number)["transactions"]
            receipts = map(self._tester.get_transaction_receipt, names)
            self._logs_by_block[name] = tuple(_log_json(log) for receipt in receipts for log in receipt["logs"])
        return self._logs_by_block[name]


class EmbeddedServer:
    """JSON-RPC over HTTP on loopback. Port 0 takes a free one."""

    def __init__(self, chain: EmbeddedChain, *, port: int = 0) -> None:
        self.chain = chain
        self._port = port
        self._runner: web.AppRunner | None = None

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self._port}"

    async def start(self) -> None:
        """Listen."""
        app = web.Application(client_max_size=BODY_BYTES_MAX)
        app.router.add_post("/", self._post)
        self._runner = web.AppRunner(app, access_log=None)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", self._port)
        await site.start()
        self._port = self._runner.addresses[0][1]

    async def stop(self) -> None:
        """Stop listening. The chain stays. Idempotent."""
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None

    async def reply(self, method: str, params: list[Any]) -> Any:
        """One call; a test puts its faults here."""
        await asyncio.sleep(0)
        return self.chain.answer(method, params)

    async def _post(self, request: web.Request) -> web.Response:
        try:
            asked = json.loads(await request.read())
            head = {"jsonrpc": "2.0", "id": asked["id"]}
            method, params = str(asked["method"]), list(asked.get("params", []))
        except (ValueError, KeyError, TypeError, RecursionError):
            return web.json_response(
                {"jsonrpc": "2.0", "id": None, "error": {"code": -32700, "message": "parse error"}}
            )
        try:
            return web.json_response(head | {"result": await self.reply(method, params)})
        except RpcError as error:
            told = {"code": error.code, "message": str(error)} | ({"data": error.data} if error.data else {})
            return web.json_response(head | {"error": told})


def _checked(address: str | bytes) -> str:
    return str(to_checksum_address(address))


def _reverted(error: TransactionFailed) -> RpcError:
    """The revert's data: the tester gives them as Python prints bytes, or as the text of a standard error."""
    text = str(error)
    try:
        data = ast.literal_eval(text)
    except (ValueError, SyntaxError):
        return RpcError(_REVERTED, f"execution reverted: {text}")
    return RpcError(_REVERTED, "execution reverted", "0x" + data.hex() if isinstance(data, bytes) else None)


def _has_topics(topics: list[str], wanted: list[str | list[str] | None]) -> bool:
    """Whether an event has what is asked for: per place nothing in particular, one topic, or one of several."""
    return len(topics) >= len(wanted) and all(
        want is None or topic in ([want] if isinstance(want, str) else want)
        for topic, want in zip(topics, wanted, strict=False)
    )


def _log_json(log: dict[str, Any]) -> dict[str, Any]:
    return {
        "address": log["address"],
        "topics": list(log["topics"]),
        "data": log["data"],
        "blockNumber": hex(log["block_number"]),
        "blockHash": log["block_hash"],
        "transactionHash": log["transaction_hash"],
        "transactionIndex": hex(log["transaction_index"]),
        "logIndex": hex(log["log_index"]),
        "removed": False,
    }


def _block_json(block: dict[str, Any]) -> dict[str, Any]:
    return {
        "number": hex(block["number"]),
        "hash": block["hash"],
        "parentHash": block["parent_hash"],
        "timestamp": hex(block["timestamp"]),
        "baseFeePerGas": hex(block["base_fee_per_gas"]),
        "gasLimit": hex(block["gas_limit"]),
        "gasUsed": hex(block["gas_used"]),
        "transactions": [name if isinstance(name, str) else name["hash"] for name in block["transactions"]],
    }


async def serve(port: int, block_s: float = 2.0) -> None:
    """Serve one chain to several nodes of this machine, a block every `block_s` seconds, until cancelled."""
    server = EmbeddedServer(EmbeddedChain(instant=False), port=port)
    await server.start()
    print(f"{server.url}: forgets everything when it ends; private keys with money:")
    print("\n".join(secret.hex() for secret in FUNDED_SECRETS), flush=True)
    try:
        while True:
            await asyncio.sleep(block_s)
            server.chain.mine()
    finally:
        await server.stop()


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(serve(int(sys.argv[1]) if len(sys.argv) > 1 else 8545))
