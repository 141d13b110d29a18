"""What is shown to the model: the crate first, the category's instruction next, the item last.

All requests about a crate begin with the same bytes, all of one category with a few more, so that a server that keeps
prefixes computes them once. Lengths are counted in the model's own tokens where it has a tokenizer to ask; before it
is asked, a bound from below three bytes per token is tried, which mostly does.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from node.engines.interface import Message, ModelInfo, TextModel
from node.prompts import PROMPTS, Prompt, fill, inert
from node.tasks.model.places import Assignment
from node.tasks.model.states import End, Ended
from node.tasks.view import SourceView
from node.values.example import CATEGORIES
from node.values.job import Sampling

CONTEXT_UNSTATED = 4_096
"""Tokens, where a server does not say how many it reads."""

BYTES_PER_TOKEN = 2
"""A lower bound that code in common tokenizers stays above (three to four)."""

BYTES_PER_TOKEN_MAX = 6
"""More than code has in common tokenizers: what is longer need not be counted to be too long."""

TEMPLATE_TOKENS = 64
"""What a chat template adds around two messages, at most."""

ITEM_TOKENS_MIN = 700
"""Room for the item and what stands around it, without which a category is not worth asking for."""

CRATE_TOKENS_MAX = 1_200
"""Of the text about the crate: its API is long, and each token of it is read with every new item."""

CRATE_SHARE = 3
"""The crate's text has at most one part in so many of what is free."""

API_LINE_CHARS_MAX = 160
IDIOMS_MAX = 12
NOTHING = "(nothing)"


def effective(sampling: Sampling, prompt: Prompt, seed: int) -> Sampling:
    """The job's settings for one request: never longer than the category needs, with a seed of its own."""
    return replace(sampling, max_tokens=min(sampling.max_tokens, prompt.answer_tokens), seed=seed)


def tokens_needed(prompt: Prompt, sampling: Sampling) -> int:
    """The least context with which a category can be asked for, prompt and answer together, in tokens."""
    fixed = bytes_bound(prompt.system + prompt.instruction + prompt.given) + TEMPLATE_TOKENS
    return fixed + ITEM_TOKENS_MIN + min(sampling.max_tokens, prompt.answer_tokens)


def bytes_bound(text: str) -> int:
    """How many tokens a text has at most, by its length."""
    return -(-len(text.encode()) // BYTES_PER_TOKEN)


def context_needs(sampling: Sampling, categories: Iterable[str] = CATEGORIES) -> dict[str, int]:
    """Per category the least context with which it can be asked for: what an engine is held against before any job."""
    return {category: tokens_needed(PROMPTS.generate[category], sampling) for category in categories}


def context_of_model(info: ModelInfo) -> int:
    """Tokens that a model reads and writes in one request."""
    return info.capabilities.context_tokens or CONTEXT_UNSTATED


@dataclass(frozen=True, slots=True)
class Work:
    """A place and the request about it, which fits."""

    assignment: Assignment
    prompt: Prompt
    messages: tuple[Message, ...]
    seed: int


class Prompter:
    """Writes prompts about one crate for one model."""

    def __init__(self, view: SourceView, model: TextModel, sampling: Sampling) -> None:
        self._view, self._model, self._sampling = view, model, sampling
        self._context = context_of_model(model.info)
        self._about = ""

    async def open(self) -> None:
        """Write the text about the crate, the same for every category; counts tokens, hence not in `__init__`."""
        widest = max(tokens_needed(prompt, self._sampling) for prompt in PROMPTS.generate.values())
        free = self._context - widest
        lines = within_bytes(api_lines(self._view), BYTES_PER_TOKEN_MAX * CRATE_TOKENS_MAX)
        while True:
            about = crate_text(self._view, lines)
            if not lines or await self._fits(about, min(CRATE_TOKENS_MAX, max(0, free) // CRATE_SHARE)):
                self._about = about
                return
            lines = lines[: len(lines) * 3 // 4]

    def digest(self, category: str) -> bytes:
        """What a row names its prompt by."""
        return PROMPTS.generate[category].digest

    async def ask(self, assignment: Assignment, seed: int) -> Work | Ended:
        """The first request about a place; without what stands around the item, where that does not fit."""
        prompt = PROMPTS.generate[assignment.category]
        for words in (assignment.shown, {**assignment.shown, "context": NOTHING}):
            messages = self._messages(prompt, words)
            if await self._fits(_joined(messages), self._room(prompt)):
                return Work(assignment, prompt, messages, seed)
        return Ended(End.TOO_LONG, f"the item does not fit {self._context} tokens")

    async def ask_again(self, work: Work, complaint: str, answer: str) -> Work:
        """The repair turn: the same request, the answer, and what is wrong with it; without the answer if that is long.

        Everything is one user message, so that the prefix stays the same and any kind of server can be asked.
        """
        first = work.messages[-1]
        for quoted in (answer, "(too long to be shown)"):
            added = fill(work.prompt.repair, {"complaint": inert(complaint), "answer": inert(quoted)})
            messages = (*work.messages[:-1], replace(first, text=first.text + added))
            if await self._fits(_joined(messages), self._room(work.prompt)):
                return replace(work, messages=messages, seed=work.seed ^ 1)
        # There is no room for the complaint, either: the same question, with another seed.
        return replace(work, seed=work.seed ^ 1)

    def _room(self, prompt: Prompt) -> int:
        return self._context - min(self._sampling.max_tokens, prompt.answer_tokens) - TEMPLATE_TOKENS

    def _messages(self, prompt: Prompt, shown: Mapping[str, str]) -> tuple[Message, ...]:
        pin = self._view.kb.pin
        words = {"name": pin.name} | {key: inert(value) for key, value in shown.items()}
        user = "\n".join((self._about, fill(prompt.instruction, words), fill(prompt.given, words)))
        return (Message("system", prompt.system), Message("user", user))

    async def _fits(self, text: str, room: int) -> bool:
        if bytes_bound(text) <= room:
            return True
        return room > 0 and (await self._model.count_tokens(text)).tokens <= room


def _joined(messages: tuple[Message, ...]) -> str:
    return "\n".join(message.text for message in messages)


def crate_text(view: SourceView, lines: list[str]) -> str:
    """What every prompt about a crate begins with."""
    kb = view.kb
    idioms = sorted(kb.idioms, key=lambda idiom: (-idiom[1], idiom[0]))[:IDIOMS_MAX]
    words = {
        "name": kb.pin.name,
        "version": kb.pin.version,
        "edition": kb.pin.edition,
        "description": f" {inert(' '.join(kb.description.split()))}" if kb.description else "",
        "api": "\n".join(map(inert, lines)) or NOTHING,
        "idioms": ", ".join(f"{name} {count}" for name, count in idioms) or "none seen",
    }
    return fill(PROMPTS.generate[CATEGORIES[0]].preamble, words)


def within_bytes(lines: list[str], bytes_max: int) -> list[str]:
    """The first lines that have no more bytes together."""
    sizes = itertools.accumulate(len(line.encode()) + 1 for line in lines)
    return [line for line, size in zip(lines, sizes, strict=True) if size <= bytes_max]


def api_lines(view: SourceView) -> list[str]:
    """The public signatures, those nearest to the crate's root first: what is cut off is what lies deepest."""
    short = (
        line if len(line) <= API_LINE_CHARS_MAX else line[: API_LINE_CHARS_MAX - 3] + "..."
        for line in view.kb.public_api
    )
    return sorted(short, key=lambda line: (line.partition(": ")[0].count("::"), line))
