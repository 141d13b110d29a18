"""A chat completions server that does what a test tells it to: every fault a real one was seen with.

It runs in the test's event loop and answers over real sockets. Each completion takes the next act of `script`; when
that is empty, `usual` decides.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import math
from collections import deque
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

LIKELY = {"1": 0.05, "2": 0.1, " 3": 0.15, "3": 0.1, "4": 0.4, "5": 0.1, "\n": 0.1}
"""What the scripted model would say next, when asked for log-probabilities."""


@dataclass(frozen=True)
class Say:
    """Answer with `text`, after `seconds`."""

    text: str = "fn main() {}"
    finish: str = "stop"
    seconds: float = 0.0


@dataclass(frozen=True)
class Refuse:
    """Answer with an error status."""

    status: int
    said: str = "no"
    headers: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Raw:
    """Answer with these bytes as the body of a 200."""

    data: bytes


@dataclass(frozen=True)
class Cut:
    """Send the beginning of an answer and drop the connection."""

    sent: bytes = b'{"choices":[{"mess'


@dataclass(frozen=True)
class Hang:
    """Take the request and never answer."""


Act = Say | Refuse | Raw | Cut | Hang


@dataclass
class ScriptedServer:
    """What it is and does; change it at any time."""

    models: tuple[str, ...] = ("tiny",)
    context: int | None = 4096
    key: str = ""
    schema: str = "enforced"
    """`enforced`, `ignored` or `refused`."""
    choices: bool = True
    logprobs: int = 20
    """Deepest that is granted; more is a 400. 0: the field is ignored."""
    likely: dict[str, float] = field(default_factory=lambda: dict(LIKELY))
    knows_extended: bool = True
    knows_seed: bool = True
    tokenizer: bool = True
    capacity: int = 10**9
    """Requests at once; more get a 429 with `retry_after`, or wait where `queues`."""
    queues: bool = False
    retry_after: str = ""
    usual: Act = field(default_factory=Say)
    script: deque[Act] = field(default_factory=deque)
    alive: bool = True
    """Whether even trivial questions are answered."""

    bodies: list[dict[str, Any]] = field(default_factory=list)
    keys: list[str] = field(default_factory=list)
    running: int = 0
    running_max: int = 0
    given_up: int = 0
    """Requests whose client left before the answer."""
    answered: int = 0
    refused: int = 0
    url: str = ""
    _slots: asyncio.Semaphore | None = None
    _runner: web.AppRunner | None = None
    _port: int = 0

    async def start(self) -> None:
        """Listen, on the same port as before if there was one."""
        app = web.Application()
        app.router.add_get("/v1/models", self._models)
        app.router.add_post("/v1/chat/completions", self._complete)
        app.router.add_post("/tokenize", self._tokenize)
        self._runner = web.AppRunner(app, handler_cancellation=True, access_log=None, shutdown_timeout=0.1)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", self._port, reuse_address=True)
        await site.start()
        self._port = site._server.sockets[0].getsockname()[1]
        self.url = f"http://127.0.0.1:{self._port}/v1"
        self._slots = asyncio.Semaphore(self.capacity) if self.queues else None

    async def stop(self) -> None:
        """Drop every connection and stop listening."""
        if self._runner is not None:
            runner, self._runner = self._runner, None
            for connection in list(runner.server.connections):
                if connection.transport is not None:
                    connection.transport.abort()
            await runner.cleanup()

    async def _models(self, request: web.Request) -> web.Response:
        if not self.alive:
            await asyncio.Event().wait()
        if not self._may(request):
            return _error(401, "invalid key " + request.headers.get("Authorization", ""))
        rows = [{"id": name, "object": "model"} for name in self.models]
        for row in rows:
            if self.context is not None:
                row["max_model_len"] = self.context
        return web.json_response({"object": "list", "data": rows})

    async def _tokenize(self, request: web.Request) -> web.Response:
        if not self.tokenizer:
            return _error(404, "not found")
        body = await request.json()
        return web.json_response({"count": len(body["prompt"].split())})

    async def _complete(self, request: web.Request) -> web.StreamResponse:
        self.keys.append(request.headers.get("Authorization", ""))
        body = await request.json()
        self.bodies.append(body)
        if self.running >= self.capacity and not self.queues:
            self.refused += 1
            return _error(429, "too many requests", {"Retry-After": self.retry_after} if self.retry_after else {})
        self.running += 1
        self.running_max = max(self.running_max, self.running)
        try:
            async with self._slots or contextlib.nullcontext():
                return await self._act(request, body)
        except asyncio.CancelledError:
            self.given_up += 1
            raise
        finally:
            self.running -= 1

    async def _act(self, request: web.Request, body: dict[str, Any]) -> web.StreamResponse:
        if not self._may(request):
            return _error(401, "invalid key " + request.headers.get("Authorization", ""))
        act = self.script.popleft() if self.script else self.usual
        if isinstance(act, Say):
            await asyncio.sleep(act.seconds)
            return await self._say(request, body, act)
        if isinstance(act, Refuse):
            self.refused += 1
            return _error(act.status, act.said, act.headers)
        if isinstance(act, Raw):
            return web.Response(body=act.data, content_type="application/json")
        if isinstance(act, Cut):
            response = web.StreamResponse(headers={"Content-Length": "1000"})
            await response.prepare(request)
            await response.write(act.sent)
            request.transport.abort()
            return response
        await asyncio.Event().wait()
        raise AssertionError("waits for ever")

    async def _say(self, request: web.Request, body: dict[str, Any], act: Say) -> web.StreamResponse:
        refusal = self._refusal(body)
        if refusal:
            return _error(400, refusal)
        self.answered += 1
        text = self._constrained(body) or act.text
        usage = {"prompt_tokens": 7, "completion_tokens": max(1, len(text.split()))}
        if body.get("stream"):
            return await self._stream(request, text, act.finish, usage)
        choice: dict[str, Any] = {
            "index": 0,
            "message": {"role": "assistant", "content": text},
            "finish_reason": act.finish,
        }
        if body.get("logprobs") and self.logprobs:
            choice["logprobs"] = {"content": [self._logprobs(body)]}
        return web.json_response({"model": body["model"], "choices": [choice], "usage": usage})

    def _refusal(self, body: dict[str, Any]) -> str:
        if body["model"] not in self.models:
            return f"no model {body['model']}"
        if not self.knows_extended and "top_k" in body:
            return "unknown field top_k"
        if not self.knows_seed and "seed" in body:
            return "unknown field seed"
        if self.schema == "refused" and "response_format" in body:
            return "response_format is not supported"
        if self.logprobs and body.get("top_logprobs", 0) > self.logprobs:
            return f"top_logprobs is at most {self.logprobs}"
        return ""

    def _constrained(self, body: dict[str, Any]) -> str:
        if self.choices and "structured_outputs" in body:
            return body["structured_outputs"]["choice"][0]
        if self.schema == "enforced" and "response_format" in body:
            return json.dumps(_instance(body["response_format"]["json_schema"]["schema"]))
        return ""

    def _logprobs(self, body: dict[str, Any]) -> dict[str, Any]:
        likely = self.likely
        if self.choices and "structured_outputs" in body:
            allowed = set(body["structured_outputs"]["choice"])
            likely = {text: chance for text, chance in likely.items() if text in allowed}
            total = sum(likely.values())
            likely = {text: chance / total for text, chance in likely.items()}
        ranked = sorted(likely.items(), key=lambda item: -item[1])[: body["top_logprobs"]]
        top = [{"token": text, "logprob": math.log(chance), "bytes": list(text.encode())} for text, chance in ranked]
        return top[0] | {"top_logprobs": top} if top else {"token": "?", "logprob": -1.0, "top_logprobs": []}

    async def _stream(self, request: web.Request, text: str, finish: str, usage: dict[str, int]) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await response.prepare(request)
        for n in range(0, len(text), 4):
            await response.write(_event({"choices": [{"delta": {"content": text[n : n + 4]}, "finish_reason": None}]}))
            if n == 4 and finish == "cut":
                request.transport.abort()
                return response
            await asyncio.sleep(0.01)
        await response.write(_event({"choices": [{"delta": {}, "finish_reason": finish}]}))
        await response.write(_event({"choices": [], "usage": usage}))
        await response.write(b"data: [DONE]\n\n")
        return response

    def _may(self, request: web.Request) -> bool:
        return not self.key or request.headers.get("Authorization") == f"Bearer {self.key}"


@contextlib.asynccontextmanager
async def serving(**settings: Any) -> AsyncIterator[ScriptedServer]:
    """A server that listens."""
    server = ScriptedServer(**settings)
    await server.start()
    try:
        yield server
    finally:
        await server.stop()


def _event(value: dict[str, Any]) -> bytes:
    return b"data: " + json.dumps(value).encode() + b"\n\n"


def _error(status: int, said: str, headers: dict[str, str] | None = None) -> web.Response:
    return web.json_response({"error": {"message": said, "code": status}}, status=status, headers=headers)


def _instance(schema: dict[str, Any]) -> Any:
    """Something that follows a small schema."""
    if "enum" in schema:
        return schema["enum"][0]
    kind = schema.get("type")
    if kind == "object":
        return {name: _instance(inner) for name, inner in schema.get("properties", {}).items()}
    if kind == "array":
        return [_instance(schema["items"])]
    return {"integer": schema.get("minimum", 1), "number": 0.5, "boolean": True}.get(kind, "let x = 1;\n")
