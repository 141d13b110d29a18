"""One chain through one JSON-RPC endpoint: the only place that uses web3.

Everything that can go wrong at that edge becomes one of three things here: an `Answer` to a transaction, a revert with
the contract's own words (`RevertedError`), or a `TransientError` that names what is waited for. Endpoints' addresses
often hold a password, so that only the host is ever told.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import aiohttp
from eth_utils.crypto import keccak
from web3 import AsyncHTTPProvider, AsyncWeb3
from web3.exceptions import Web3Exception
from web3.types import RPCEndpoint

from node.chain.account import address_text
from node.chain.contracts import error_text
from node.chain.outbox import Answer, ChainView
from node.chain.votes import Account
from node.errors import NodeError, OperatorError, TransientError
from node.values.outbox import Call, Place

TIMEOUT_S = 10.0
LOG_BLOCKS = 2_000
"""Blocks asked for at once: many endpoints refuse more."""
TIP_MAX = 100 * 10**9
"""A tip beyond this, wei per gas, is an endpoint's mistake or worse: taken as this."""

WAITS_FOR = "the chain's endpoint"


class RevertedError(NodeError):
    """A contract refuses a call.

    Attributes:
        reason: Its error by name and values.
    """

    def __init__(self, reason: str) -> None:
        super().__init__(f"the contract refuses: {reason}")
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Block:
    """What is asked of a block."""

    number: int
    hash: bytes
    base_fee: int
    timestamp: int


@dataclass(frozen=True, slots=True)
class Log:
    """One event of a contract."""

    topics: tuple[bytes, ...]
    data: bytes
    block: int
    index: int


class _AnsweredError(Exception):
    """The endpoint answered, and the answer is an error of its own."""

    def __init__(self, error: Any) -> None:
        self.message = str(error.get("message", error)) if isinstance(error, dict) else str(error)
        super().__init__(self.message)
        data = error.get("data") if isinstance(error, dict) else None
        if isinstance(data, dict):  # some servers wrap it once more
            data = data.get("data")
        self.data = data if isinstance(data, str) and data.startswith("0x") else None


class Endpoint:
    """A chain by way of an endpoint. Every call is bounded in time; what it answers is checked before it is used."""

    def __init__(self, url: str, *, timeout_s: float = TIMEOUT_S) -> None:
        """Name the endpoint; nothing is asked yet.

        Raises:
            OperatorError: Not an HTTP address.
        """
        parts = urlsplit(url)
        if parts.scheme not in {"http", "https"} or not parts.hostname:
            raise OperatorError(
                "the chain's endpoint is no HTTP address",
                hint='Write it as http://host:port, or `endpoint = "embedded"` for a chain in this process.',
            )
        self.where = f"{parts.scheme}://{parts.hostname}" + (f":{parts.port}" if parts.port else "")
        """The endpoint as a person knows it; without path and password."""
        limits = aiohttp.ClientTimeout(total=timeout_s)
        self._provider = AsyncHTTPProvider(url, request_kwargs={"timeout": limits}, exception_retry_configuration=None)
        self._web3 = AsyncWeb3(self._provider)

    async def close(self) -> None:
        """Let go of connections."""
        await self._provider.disconnect()

    # Questions

    async def chain_id(self) -> int:
        """Which chain it is."""
        return _number(await self._ask("eth_chainId"))

    async def block(self, number: int | str = "latest") -> Block:
        """A block; the newest without a number.

        Raises:
            TransientError: The endpoint does not have it.
        """
        found = await self._ask("eth_getBlockByNumber", _tag(number), False)
        if not isinstance(found, dict):
            raise TransientError(f"{self.where} does not have block {number}", waits_for=WAITS_FOR)
        base_fee = _number(found.get("baseFeePerGas") or "0x0")
        return Block(_number(found.get("number")), _data(found.get("hash")), base_fee, _number(found.get("timestamp")))

    async def balance(self, account: Account) -> int:
        """Wei of an account."""
        return _number(await self._ask("eth_getBalance", address_text(account), "latest"))

    async def nonce(self, account: Account, *, pending: bool = False) -> int:
        """Transactions of an account in blocks, and with `pending` those that wait behind them as well."""
        tag = "pending" if pending else "latest"
        return _number(await self._ask("eth_getTransactionCount", address_text(account), tag))

    async def code(self, address: Account) -> bytes:
        """The code at an address; empty where there is no contract."""
        return _data(await self._ask("eth_getCode", address_text(address), "latest"))

    async def call(self, call: Call, *, sender: Account | None = None, block: int | str = "latest") -> bytes:
        """What a call would return.

        Raises:
            RevertedError: The contract refuses it.
        """
        return _data(await self._ask_contract("eth_call", _fields(call, sender), _tag(block)))

    async def estimate(self, call: Call, sender: Account) -> int:
        """Gas that a transaction would need, with room for what may change until it is executed.

        Raises:
            RevertedError: It would be refused.
        """
        gas = _number(await self._ask_contract("eth_estimateGas", _fields(call, sender)))
        return gas + gas // 5

    async def logs(self, address: Account, first: int, last: int) -> tuple[Log, ...]:
        """A contract's events in the blocks from `first` to `last`, both included, in order."""
        found: list[Log] = []
        for start in range(first, last + 1, LOG_BLOCKS):
            stop = min(last, start + LOG_BLOCKS - 1)
            wanted = {"address": address_text(address), "fromBlock": hex(start), "toBlock": hex(stop)}
            given = await self._ask("eth_getLogs", wanted)
            if not isinstance(given, list):
                raise TransientError(f"{self.where} answered no list of events", waits_for=WAITS_FOR)
            found += [_log(item) for item in given]
        return tuple(sorted(found, key=lambda log: (log.block, log.index)))

    async def place(self, tx_hash: bytes) -> Place | None:
        """The block that holds a transaction, if one does now."""
        found = await self._ask("eth_getTransactionReceipt", "0x" + tx_hash.hex())
        if not isinstance(found, dict) or found.get("blockNumber") is None:
            return None
        block, succeeded = _number(found["blockNumber"]), _number(found.get("status")) == 1
        return Place(tx_hash, block, _data(found.get("blockHash")), succeeded)

    async def is_offered(self, tx_hash: bytes) -> bool:
        """Whether the endpoint knows of a transaction that no block holds."""
        found = await self._ask("eth_getTransactionByHash", "0x" + tx_hash.hex())
        return isinstance(found, dict) and found.get("blockNumber") is None

    async def view(self, account: Account, watched: Iterable[bytes]) -> ChainView:
        """The chain as the outbox wants to see it. The nonce is read first; see `ChainView.nonce`."""
        nonce = await self.nonce(account)
        head = await self.block()
        tip = min(_number(await self._ask("eth_maxPriorityFeePerGas")), TIP_MAX)
        balance = await self.balance(account)
        places: dict[bytes, Place] = {}
        offered: set[bytes] = set()
        for name in watched:
            place = await self.place(name)
            if place is not None:
                places[name] = place
            elif await self.is_offered(name):
                offered.add(name)
        return ChainView(head.number, head.base_fee, tip, nonce, balance, places, frozenset(offered))

    async def offer(self, raw: bytes) -> tuple[Answer, str]:
        """Send a signed transaction; what the endpoint said, in our words and its own."""
        try:
            await self._ask("eth_sendRawTransaction", "0x" + raw.hex())
        except _AnsweredError as error:
            return _classified(error.message), error.message
        except TransientError as error:
            return Answer.UNREACHABLE, str(error)
        return Answer.ACCEPTED, ""

    # How it asks

    async def _ask_contract(self, method: str, *params: object) -> Any:
        try:
            return await self._ask(method, *params)
        except _AnsweredError as error:
            if error.data is not None:
                raise RevertedError(error_text(_data(error.data))) from error
            if "revert" in error.message:
                raise RevertedError(error.message) from error
            raise TransientError(f"{self.where}: {error.message}", waits_for=WAITS_FOR) from error

    async def _ask(self, method: str, *params: object) -> Any:
        """One question.

        Raises:
            TransientError: No answer, or none that is JSON-RPC.
            _AnsweredError: An error of `eth_sendRawTransaction`, `eth_call` or `eth_estimateGas`.
        """
        try:
            answer = await self._web3.provider.make_request(RPCEndpoint(method), list(params))
        except (TimeoutError, aiohttp.ClientError, OSError, Web3Exception, ValueError) as error:
            # The text of some of these holds the whole address.
            text = f"{self.where} does not answer ({type(error).__name__})"
            raise TransientError(text, waits_for=WAITS_FOR) from None
        if not isinstance(answer, dict):
            raise TransientError(f"{self.where} answers no JSON-RPC", waits_for=WAITS_FOR)
        if answer.get("error") is not None:
            error_answer = _AnsweredError(answer["error"])
            if method in {"eth_sendRawTransaction", "eth_call", "eth_estimateGas"}:
                raise error_answer
            raise TransientError(f"{self.where} refuses {method}: {error_answer.message}", waits_for=WAITS_FOR)
        return answer.get("result")


def contract_address(creator: Account, nonce: int) -> Account:
    """Where a contract will stand that `creator`'s transaction `nonce` makes: RLP of both, hashed (yellow paper, 7)."""
    number = b"" if nonce == 0 else nonce.to_bytes((nonce.bit_length() + 7) // 8, "big")
    item = number if len(number) == 1 and number[0] < 0x80 else bytes([0x80 + len(number)]) + number
    body = b"\x94" + creator + item
    return keccak(bytes([0xC0 + len(body)]) + body)[12:]


def _classified(message: str) -> Answer:
    """Servers differ in words; these are geth's, and what erigon, nethermind, reth and anvil say instead."""
    text = message.lower()
    table = (
        (Answer.KNOWN, ("already known", "known transaction", "already imported", "alreadyknown")),
        (Answer.NONCE_TOO_LOW, ("nonce too low", "nonce is too low", "oldnonce", "nonce has already been used")),
        (Answer.UNDERPRICED, ("underpriced", "fee too low", "less than block base fee", "feetoolow")),
        (Answer.NO_FUNDS, ("insufficient funds", "insufficient balance", "insufficientfunds", "exceeds balance")),
    )
    return next((answer for answer, words in table if any(word in text for word in words)), Answer.REFUSED)


def _fields(call: Call, sender: Account | None) -> dict[str, str]:
    fields = {"to": address_text(call.to), "data": "0x" + call.data.hex(), "value": hex(call.value)}
    return fields | ({"from": address_text(sender)} if sender is not None else {})


def _tag(block: int | str) -> str:
    return block if isinstance(block, str) else hex(block)


def _number(value: Any) -> int:
    if not isinstance(value, str) or len(value) > 66:
        raise TransientError(f"the endpoint answered {str(value)[:40]!r} for a number", waits_for=WAITS_FOR)
    try:
        return int(value, 16)
    except ValueError as error:
        raise TransientError(f"the endpoint answered {value[:40]!r} for a number", waits_for=WAITS_FOR) from error


def _data(value: Any) -> bytes:
    if not isinstance(value, str) or not value.startswith("0x"):
        raise TransientError(f"the endpoint answered {str(value)[:40]!r} for bytes", waits_for=WAITS_FOR)
    try:
        return bytes.fromhex(value[2:])
    except ValueError as error:
        raise TransientError(f"the endpoint answered {value[:40]!r} for bytes", waits_for=WAITS_FOR) from error


def _log(item: Any) -> Log:
    if not isinstance(item, dict) or not isinstance(item.get("topics"), list):
        raise TransientError("the endpoint answered something else for an event", waits_for=WAITS_FOR)
    topics = tuple(_data(topic) for topic in item["topics"])
    return Log(topics, _data(item.get("data")), _number(item.get("blockNumber")), _number(item.get("logIndex")))
