"""Opening an engine: settings to a `TextModel` that was seen to work, or an error that says what to change.

Everything an operator can get wrong ends here, before any job is taken.
"""

from __future__ import annotations

from collections.abc import Mapping

from node.config import EngineSection
from node.engines.interface import ModelInfo, TextModel
from node.engines.server import open_http
from node.engines.settings import load_key, parse_url, refuse_random
from node.engines.surroundings import Surroundings
from node.errors import OperatorError

KINDS = ("openai", "vllm", "vllm-managed")
"""Engines that this room opens. A model lent by another node is opened by gRPC's client."""

CONTACT_S = 10.0
"""For the first answer of a server that should be running already."""


async def open_model(section: EngineSection, surroundings: Surroundings | None = None) -> TextModel:
    """Open and probe the engine that the settings name.

    Raises:
        OperatorError: It cannot work as set: unknown kind, no key, nobody answers, the model is not served or has
            random weights, schemas are refused, vLLM is not installed, or a managed server does not come up.
    """
    around = surroundings or Surroundings()
    if section.kind not in KINDS:
        raise OperatorError(
            f"{section.kind!r} opens no language model here", hint=f"`engine.kind`: {', '.join(KINDS)}."
        )
    if section.model and not around.random_weights_allowed:
        refuse_random(section.model)
    if section.kind == "openai":
        key = load_key(section, around.environment)
        return await open_http(section, parse_url(section.url, key), key, around, contact_s=CONTACT_S)
    if section.kind == "vllm-managed":
        from node.engines.managed import open_managed

        return await open_managed(section, around)
    from node.engines.vllm_backend import open_in_process

    return await open_in_process(section, around)


def require_context(info: ModelInfo, needed_tokens: Mapping[str, int]) -> None:
    """Refuse a model that is too short for a category.

    Args:
        info: The opened model. One that does not tell its context is believed.
        needed_tokens: Per category, prompt and answer together.

    Raises:
        OperatorError: Names the categories.
    """
    context = info.capabilities.context_tokens
    short = [name for name, tokens in needed_tokens.items() if context is not None and tokens > context]
    if short:
        most = max(needed_tokens[name] for name in short)
        raise OperatorError(
            f"the context of {info.model} has {context} tokens: too small for {', '.join(short)} (up to {most})",
            hint=f"Serve it with a context of at least {most} tokens (--max-model-len), or take another model.",
        )
