"""`engine test`: does this engine work, how fast, does it obey, and what exactly is to be changed where it does not."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from node.engines.interface import (
    Failure,
    Finish,
    Message,
    ModelError,
    ModelInfo,
    SchemaSupport,
    TextModel,
    TextRequest,
    TextResponse,
)
from node.findings import Finding, Grade
from node.values.job import Sampling

STREAMS = (1, 8, 32)
ANSWER_TOKENS = 128
SCHEMA_ASKED = 16
SCHEMA_TOKENS = 512
REQUEST_S = 300.0
CONTEXT_WANTED = 8192
"""Crate context of 4 K tokens, a function, instructions, and an answer of 2 K."""
GAIN_WANTED = 2.0
"""Times the speed of one stream that 32 must reach: any server that batches does."""

SCHEMA = json.dumps(
    {
        "type": "object",
        "properties": {
            "code": {"type": "string"},
            "score": {"type": "integer", "minimum": 1, "maximum": 5},
            "kind": {"enum": ["bug", "style", "speed"]},
        },
        "required": ["code", "score", "kind"],
        "additionalProperties": False,
    }
)

VLLM_SCHEMA = '--structured-outputs-config \'{"backend":"guidance","disable_any_whitespace":true}\''

RUBRIC = Message("system", "You are an experienced Rust engineer. You answer briefly and with code.")
TASKS = (
    "Write a function that parses a semantic version.",
    "Write a function that reverses the words of a string.",
    "Explain what Iterator::fold does, with an example.",
    "Write a doc comment for fn clamp(low: i64, high: i64, value: i64) -> i64.",
)


@dataclass(frozen=True, slots=True)
class Speed:
    """How fast answers came."""

    streams: int
    """Requests at once."""
    answers: int
    tokens: int
    seconds: float
    failures: tuple[str, ...] = ()
    """Of the requests that ended without an answer."""

    @property
    def tokens_per_s(self) -> float:
        """Of all streams together."""
        return self.tokens / self.seconds if self.seconds > 0 else 0.0


@dataclass(frozen=True, slots=True)
class Obedience:
    """What became of requests with a JSON schema."""

    asked: int
    valid: int
    cut: int
    """Ended at max_tokens."""
    salvaged: int
    """Of the valid, those that were JSON only with forgiving."""


@dataclass(frozen=True, slots=True)
class EngineReport:
    """Everything that was found out."""

    info: ModelInfo
    speeds: tuple[Speed, ...]
    obedience: Obedience
    findings: tuple[Finding, ...]


Extra = Callable[[TextModel], Awaitable[Sequence[Finding]]]
"""A further examination, e.g. the judge's calibration probe."""


async def examine_engine(
    model: TextModel, *, streams: Sequence[int] = STREAMS, extra: Sequence[Extra] = ()
) -> EngineReport:
    """Ask an opened engine for answers and say what is to be said of them. Its failures are findings, not errors."""
    speeds = [await measure_speed(model, count) for count in streams]
    obedience = await measure_obedience(model)
    findings = [
        *judge_capabilities(model.info),
        *judge_speeds(speeds),
        judge_obedience(model.info, obedience),
    ]
    for examine in extra:
        findings += await examine(model)
    return EngineReport(model.info, tuple(speeds), obedience, tuple(findings))


async def measure_speed(model: TextModel, streams: int, *, rounds: int = 2) -> Speed:
    """Keep `streams` requests going, `rounds` for each, after one round to warm up that does not count."""
    await _keep_going(model, streams, 1)
    return await _keep_going(model, streams, rounds)


async def _keep_going(model: TextModel, streams: int, rounds: int) -> Speed:
    loop = asyncio.get_running_loop()
    numbers = iter(range(streams * rounds))
    answers: list[TextResponse] = []
    failures: list[str] = []

    async def one_stream() -> None:
        for number in numbers:
            sampling = Sampling(temperature_milli=700, max_tokens=ANSWER_TOKENS, seed=number)
            try:
                answers.append(await model.generate(_request(number, sampling, None)))
            except ModelError as error:
                failures.append(f"{error.failure}: {error}")

    begun = loop.time()
    await asyncio.gather(*(one_stream() for _ in range(streams)))
    tokens = sum(answer.usage.completion_tokens for answer in answers)
    return Speed(streams, len(answers), tokens, loop.time() - begun, tuple(failures))


async def measure_obedience(model: TextModel) -> Obedience:
    """Ask for answers of a form and count those that have it."""
    asked = []
    for number in range(SCHEMA_ASKED):
        sampling = Sampling(temperature_milli=700, max_tokens=SCHEMA_TOKENS, seed=number)
        asked.append(model.generate(_request(number, sampling, SCHEMA)))
    ends = await asyncio.gather(*asked, return_exceptions=True)
    for end in ends:
        if isinstance(end, BaseException) and not isinstance(end, ModelError):
            raise end
    answers = [end for end in ends if isinstance(end, TextResponse)]
    valid = [answer for answer in answers if answer.finish is Finish.STOP and obeys(answer)]
    return Obedience(
        asked=len(ends),
        valid=len(valid),
        cut=sum(answer.finish is Finish.LENGTH for answer in answers),
        salvaged=sum(answer.json is not None and answer.json.salvaged for answer in valid),
    )


def obeys(answer: TextResponse) -> bool:
    """Whether an answer has the form of `SCHEMA`."""
    value = answer.json.value if answer.json is not None else None
    return (
        isinstance(value, dict)
        and value.keys() == {"code", "score", "kind"}
        and isinstance(value["code"], str)
        and type(value["score"]) is int
        and 1 <= value["score"] <= 5
        and value["kind"] in {"bug", "style", "speed"}
    )


def _request(number: int, sampling: Sampling, schema: str | None) -> TextRequest:
    form = " Answer as JSON with `code`, `score` from 1 to 5 and `kind`: bug, style or speed." if schema else ""
    task = Message("user", f"{TASKS[number % len(TASKS)]} Variant {number}.{form}")
    deadline_s = asyncio.get_running_loop().time() + REQUEST_S
    return TextRequest((RUBRIC, task), sampling, deadline_s, schema=schema, label="engine-test")


# What is to be said of it. Pure.


def judge_capabilities(info: ModelInfo) -> list[Finding]:
    """What the probes say."""
    found = info.capabilities
    findings = []
    if found.schema is SchemaSupport.ENFORCED:
        findings.append(Finding("schema", Grade.GOOD, "JSON schemas are enforced"))
    else:
        fix = f"vLLM: {VLLM_SCHEMA}. Ollama: 0.5 or newer, served locally. llama-server: a build of 2025 or newer."
        findings.append(Finding("schema", Grade.WRONG, "the server takes JSON schemas and ignores them", fix))
    if found.logprobs >= 5:
        findings.append(Finding("scores", Grade.GOOD, f"{found.logprobs} log-probabilities per token"))
    else:
        text = f"{found.logprobs or 'no'} log-probabilities per token: judging has to sample, coarsely and five times"
        fix = "vLLM: --max-logprobs 20 (its default). Ollama: 0.12.11 or newer. Else judge with another engine."
        findings.append(Finding("scores", Grade.NOTE, text, fix))
    if not found.choices:
        text = "answers cannot be restricted to a list: a model that dodges the question gives weak scores"
        findings.append(Finding("choices", Grade.NOTE, text, "vLLM 0.12 or newer has it; others often do not."))
    findings.append(_judge_context(found.context_tokens))
    if not found.tokenizer:
        text = "prompts are measured by an estimate, and use about half of the context"
        findings.append(
            Finding("tokenizer", Grade.NOTE, text, "Servers with /tokenize (vLLM, llama-server) are exact.")
        )
    return findings


def _judge_context(context: int | None) -> Finding:
    if context is None:
        fix = "Set `engine.context_tokens` to what the server was started with: some cut longer prompts silently."
        return Finding("context", Grade.NOTE, "the server does not tell its context", fix)
    if context < CONTEXT_WANTED:
        fix = f"vLLM: --max-model-len {CONTEXT_WANTED}. Ollama: num_ctx. llama-server: --ctx-size, per slot."
        return Finding("context", Grade.NOTE, f"{context} tokens: little room for a crate's context", fix)
    return Finding("context", Grade.GOOD, f"{context} tokens")


def judge_speeds(speeds: Sequence[Speed]) -> list[Finding]:
    """Whether it batches, and whether it answered at all."""
    findings = []
    failures = [failure for speed in speeds for failure in speed.failures]
    if failures:
        asked = sum(speed.answers for speed in speeds) + len(failures)
        fix = "The reason stands behind the count; a server's own log says more."
        if any(failure.startswith(Failure.DEADLINE) for failure in failures):
            fix = "It is too slow for its load: lower `engine.concurrency`, or serve a smaller model."
        text = f"{len(failures)} of {asked} requests ended without an answer, e.g. {failures[0]}"
        findings.append(Finding("answers", Grade.WRONG, text, fix))
    if any(speed.answers and not speed.tokens for speed in speeds):
        text = "the server does not count its tokens, so its speed cannot be told"
        findings.append(Finding("speed", Grade.NOTE, text))
        return findings
    rates = {speed.streams: speed.tokens_per_s for speed in speeds}
    said = ", ".join(f"{rate:,.0f} tokens/s at {streams}" for streams, rate in rates.items())
    one, most = rates.get(1, 0.0), rates.get(max(rates, default=1), 0.0)
    if len(rates) > 1 and most < GAIN_WANTED * one:
        fix = "vLLM: --max-num-seqs 64 or more. llama-server: --parallel 8. Ollama: OLLAMA_NUM_PARALLEL=8."
        findings.append(Finding("speed", Grade.NOTE, f"{said}: it hardly works on several requests at once", fix))
    else:
        findings.append(Finding("speed", Grade.GOOD, said))
    return findings


def judge_obedience(info: ModelInfo, found: Obedience) -> Finding:
    """Whether answers have the form asked for."""
    text = f"{found.valid} of {found.asked} answers have the form asked for"
    if found.salvaged:
        text += f", {found.salvaged} of them only after forgiving raw control characters or a code fence"
    if found.valid == found.asked and not found.salvaged:
        return Finding("obedience", Grade.GOOD, text)
    if found.cut:
        fix = f"{found.cut} were cut off; weak models write white space for ever unless it is forbidden: {VLLM_SCHEMA}"
    elif info.capabilities.schema is SchemaSupport.ENFORCED:
        fix = f"Its enforcer lets invalid JSON through; take another one. vLLM: {VLLM_SCHEMA}"
    else:
        fix = "Serve it with an enforced JSON schema, or take a larger model."
    grade = Grade.NOTE if found.valid * 2 >= found.asked else Grade.WRONG
    return Finding("obedience", grade, text, fix)
