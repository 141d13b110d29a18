"""vLLM within this process: no HTTP between, and no protection from its death either.

Prefer `vllm-managed` on machines that others count on. Imported only when it is chosen: vLLM takes 15 s to import.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import os
import uuid
from collections.abc import AsyncGenerator, Iterator
from typing import Any

from node.config import EngineSection
from node.engines.backend import Call, Completion, Served
from node.engines.faults import AttemptError, Circumstances
from node.engines.http_client import classify
from node.engines.interface import (
    Condition,
    Failure,
    Finish,
    Health,
    ModelInfo,
    TextModel,
    Token,
    TokenAlternative,
    Usage,
)
from node.engines.model import EngineModel
from node.engines.settings import engine_flags, refuse_dummy
from node.engines.surroundings import Surroundings
from node.engines.survey import probe_backend
from node.engines.traffic import Traffic
from node.errors import OperatorError

DIED = "the engine in this process died; start the node again, or use vllm-managed, which recovers"

FINISHES = {"stop": Finish.STOP, "length": Finish.LENGTH}


class VllmBackend:
    """An `AsyncLLM`.

    Args:
        engine: Started.
        model: Its name.
    """

    def __init__(self, engine: Any, model: str) -> None:
        self._engine = engine
        self.model = model
        self._tokenizer = engine.get_tokenizer()

    async def models(self) -> tuple[Served, ...]:
        """See `Backend.models`."""
        return (Served(self.model, int(self._engine.model_config.max_model_len)),)

    async def complete(self, call: Call) -> Completion:
        """See `Backend.complete`."""
        from vllm.sampling_params import RequestOutputKind

        last = None
        async with contextlib.aclosing(self._outputs(call, RequestOutputKind.FINAL_ONLY)) as outputs:
            async for output in outputs:
                last = output
        if last is None:
            raise AttemptError(Failure.UNAVAILABLE, "the engine ended without an answer")
        answer = last.outputs[0]
        usage = Usage(len(last.prompt_token_ids or ()), len(answer.token_ids))
        return Completion(answer.text, _finish(answer), usage, self.model, _tokens(answer) if call.logprobs else ())

    async def stream(self, call: Call) -> AsyncGenerator[str | Completion, None]:
        """See `Backend.stream`."""
        from vllm.sampling_params import RequestOutputKind

        texts: list[str] = []
        prompt_tokens = completion_tokens = 0
        answer = None
        async with contextlib.aclosing(self._outputs(call, RequestOutputKind.DELTA)) as outputs:
            async for output in outputs:
                answer = output.outputs[0]
                prompt_tokens = len(output.prompt_token_ids or ()) or prompt_tokens
                completion_tokens += len(answer.token_ids)
                if answer.text:
                    texts.append(answer.text)
                    yield answer.text
        if answer is None:
            raise AttemptError(Failure.UNAVAILABLE, "the engine ended without an answer")
        yield Completion("".join(texts), _finish(answer), Usage(prompt_tokens, completion_tokens), self.model)

    async def count_tokens(self, text: str) -> int:
        """See `Backend.count_tokens`."""
        return len(self._tokenizer.encode(text, add_special_tokens=False))

    async def ping(self) -> None:
        """See `Backend.ping`."""
        with _translated():
            await self._engine.check_health()

    def condition(self) -> Health | None:
        """That the engine died, once it has; nothing otherwise."""
        return Health(Condition.STOPPED, DIED) if self._engine.errored else None

    async def close(self) -> None:
        """See `Backend.close`."""
        await asyncio.to_thread(self._engine.shutdown)

    async def _outputs(self, call: Call, kind: Any) -> AsyncGenerator[Any, None]:
        with _translated():
            request = {"prompt_token_ids": self._prompt(call)}
            running = self._engine.generate(request, _sampling(call, kind), uuid.uuid4().hex)
            # Closing the generator aborts the request in the engine.
            async with contextlib.aclosing(running):
                async for output in running:
                    yield output

    def _prompt(self, call: Call) -> list[int]:
        messages = [{"role": message.role, "content": message.text} for message in call.messages]
        tokens: list[int] = self._tokenizer.apply_chat_template(
            messages, tokenize=True, add_generation_prompt=True, return_dict=False, enable_thinking=False
        )
        return tokens


async def open_in_process(section: EngineSection, around: Surroundings) -> TextModel:
    """Start vLLM here.

    Raises:
        OperatorError: It is not installed, or cannot load the model.
    """
    if not around.random_weights_allowed:
        refuse_dummy(section.args)
    os.environ.setdefault("VLLM_NO_USAGE_STATS", "1")
    os.environ.setdefault("DO_NOT_TRACK", "1")
    try:
        engine = await asyncio.to_thread(_start, section)
    except ImportError as error:
        raise OperatorError(
            f"vLLM cannot be imported here: {error}",
            hint="pip install 'swarm-node[vllm]', or set `engine.kind` to vllm-managed and `engine.python` to an "
            "interpreter that has it.",
        ) from error
    except (ValueError, RuntimeError, OSError) as error:
        raise OperatorError(f"vLLM does not load {section.model}: {error}", hint="Its own log says more.") from error
    backend = VllmBackend(engine, section.model)
    try:
        served = (await backend.models())[0]
        capabilities = await probe_backend(backend, served, (served.model,), around)
    except BaseException:
        await backend.close()
        raise
    info = ModelInfo("vllm", section.model, "in process", capabilities)
    return EngineModel(info, backend, Traffic(section.concurrency, around.dice), condition=backend.condition)


def _start(section: EngineSection) -> Any:
    """Blocks until the model is loaded. Takes the same flags as the server, so that moving to one changes nothing."""
    from vllm.engine.arg_utils import AsyncEngineArgs
    from vllm.platforms import current_platform
    from vllm.utils.argparse_utils import FlexibleArgumentParser
    from vllm.v1.engine.async_llm import AsyncLLM

    flags = [*engine_flags(section), "--disable-log-stats"]
    if current_platform.is_cpu():
        # A seeded request whose prompt is prefilled in chunks kills the engine on a CPU, for everybody.
        flags += ["--no-enable-chunked-prefill", "--distributed-executor-backend=uni"]
    parser = AsyncEngineArgs.add_cli_args(FlexibleArgumentParser(exit_on_error=False))
    try:
        parsed = parser.parse_args([*flags, *section.args])
    except (SystemExit, argparse.ArgumentError) as error:
        raise ValueError(f"`engine.args` are not vLLM's: {' '.join(section.args)}") from error
    return AsyncLLM.from_engine_args(AsyncEngineArgs.from_cli_args(parsed))


def _sampling(call: Call, kind: Any) -> Any:
    from vllm import SamplingParams
    from vllm.sampling_params import StructuredOutputsParams

    structured = None
    if call.schema is not None:
        structured = StructuredOutputsParams(json=json.loads(call.schema))
    elif call.choices:
        structured = StructuredOutputsParams(choice=list(call.choices))
    return SamplingParams(
        temperature=call.temperature,
        top_p=call.top_p,
        top_k=0,
        min_p=0.0,
        max_tokens=call.max_tokens,
        seed=call.seed,
        stop=list(call.stop) or None,
        logprobs=call.logprobs or None,
        structured_outputs=structured,
        output_kind=kind,
    )


@contextlib.contextmanager
def _translated() -> Iterator[None]:
    """What vLLM raises, as what an attempt can end in."""
    try:
        yield
    except AttemptError:
        raise
    except Exception as error:
        from vllm.exceptions import VLLMClientError
        from vllm.v1.engine.exceptions import EngineDeadError

        if isinstance(error, EngineDeadError):
            raise AttemptError(Failure.CLOSED, DIED) from error
        if isinstance(error, VLLMClientError | ValueError | TypeError):
            raise classify(400, str(error), 0.0) from error
        raise AttemptError(Failure.UNAVAILABLE, f"the engine failed: {error}", Circumstances()) from error


def _finish(answer: Any) -> Finish:
    finish = FINISHES.get(answer.finish_reason)
    if finish is None:
        raise AttemptError(Failure.UNAVAILABLE, f"the engine ended an answer for reason {answer.finish_reason!r}")
    return finish


def _tokens(answer: Any) -> tuple[Token, ...]:
    tokens = []
    for token_id, ranked in zip(answer.token_ids, answer.logprobs or (), strict=False):
        others = [TokenAlternative(item.decoded_token or "", min(0.0, item.logprob)) for item in ranked.values()]
        others.sort(key=lambda item: -item.logprob)
        own = ranked[token_id]
        tokens.append(Token(own.decoded_token or "", min(0.0, own.logprob), tuple(others)))
    return tuple(tokens)
