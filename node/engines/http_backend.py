"""An engine behind the chat completions protocol over HTTP."""

from __future__ import annotations

from collections.abc import AsyncGenerator

from node.engines import chat_form
from node.engines.backend import Call, Completion, Served
from node.engines.chat_form import Dialect
from node.engines.faults import AttemptError
from node.engines.http_client import HttpClient
from node.engines.interface import Failure, Finish, Usage

CHAT = "/chat/completions"


class HttpBackend:
    """One model of one server.

    Args:
        client: The server.
        model: As it is served.
        dialect: What the server was seen to accept.
    """

    def __init__(self, client: HttpClient, model: str, dialect: Dialect | None = None) -> None:
        self._client = client
        self.model = model
        self.dialect = dialect or Dialect()

    async def models(self) -> tuple[Served, ...]:
        """See `Backend.models`."""
        return chat_form.parse_models(await self._client.get("/models"))

    async def complete(self, call: Call) -> Completion:
        """See `Backend.complete`."""
        return chat_form.parse_completion(
            await self._client.post(CHAT, chat_form.build_body(call, self.model, self.dialect))
        )

    async def stream(self, call: Call) -> AsyncGenerator[str | Completion, None]:
        """See `Backend.stream`."""
        body = chat_form.build_body(call, self.model, self.dialect, stream=True)
        texts: list[str] = []
        finish: Finish | None = None
        usage, model = Usage(), self.model
        async for data in self._client.post_for_events(CHAT, body):
            piece = chat_form.parse_piece(data)
            finish, usage, model = piece.finish or finish, piece.usage or usage, piece.model or model
            if piece.text:
                texts.append(piece.text)
                yield piece.text
        if finish is None:
            raise AttemptError(Failure.UNAVAILABLE, "the stream ended without saying why")
        yield Completion("".join(texts), finish, usage, model)

    async def count_tokens(self, text: str) -> int:
        """See `Backend.count_tokens`. The address is vLLM's, beside `/v1`, not under it."""
        body = chat_form.build_tokenize_body(self.model, text)
        return chat_form.parse_count(await self._client.post(f"{self._client.url.removesuffix('/v1')}/tokenize", body))

    async def ping(self) -> None:
        """Any word of the server will do, a refusal included: it is alive."""
        try:
            await self._client.get("/models")
        except AttemptError as error:
            if error.circumstances.sick:
                raise

    async def close(self) -> None:
        """See `Backend.close`."""
        await self._client.close()
