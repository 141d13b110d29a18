"""From what a coordinator writes to a signed job: crates pinned through cargo, terms checked before it is signed."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from consensus.params import PRESETS, Preset
from consensus.schedule import refuse_terms
from consensus.types import Hash, JobId, NodeId
from node.checks import CheckSettings, UncheckedError, open_engine
from node.crates.store import CrateStore
from node.desks.admission import unknown_category
from node.errors import ExitCode, OperatorError, PeerFaultError, TransientError
from node.identity import NodeKey
from node.prompts import PROMPTS
from node.small_files import read_small
from node.values.crate import CratePin, PreparedCrate
from node.values.example import CATEGORIES
from node.values.job import JobSpec, Sampling
from node.values.views import NodeView
from node.wire import Domain, decode_message, seal_message

FILE_BYTES_MAX = 1 << 20

_UNITS_S = {"s": 1, "m": 60, "h": 3600, "d": 86_400}


@dataclass(frozen=True, slots=True)
class Order:
    """What a coordinator asks for, in words."""

    crates: tuple[str, ...]
    categories: tuple[str, ...]
    quota: int
    generators: int
    candidates: int
    raters: int
    accept: float
    review: float
    budget: int | None
    """None: as much as all tasks could use."""
    deadline_s: int
    """From now."""
    title: str


def split_names(texts: Sequence[str]) -> tuple[str, ...]:
    """Names given one by one, or several in one text with spaces or commas between them."""
    return tuple(name for text in texts for name in re.split(r"[\s,]+", text) if name)


def parse_categories(texts: Sequence[str]) -> tuple[str, ...]:
    """Categories as given; `all` for all of them.

    Raises:
        OperatorError: None, or an unknown one.
    """
    names = split_names(texts)
    if not names:
        raise OperatorError("the job names no category", hint="Give --categories all, or some of them.")
    if "all" in names:
        return CATEGORIES
    unknown = [name for name in names if name not in CATEGORIES]
    if unknown:
        raise unknown_category(unknown[0])
    return tuple(dict.fromkeys(names))


def parse_duration(text: str) -> int:
    """Seconds from `90s`, `30m`, `2h` or `7d`.

    Raises:
        OperatorError: It is none of these, or not in the future.
    """
    found = re.fullmatch(r"(\d{1,6})([smhd])", text.strip())
    seconds = int(found[1]) * _UNITS_S[found[2]] if found else 0
    if seconds <= 0:
        raise OperatorError(f"no time from now is {text!r}", hint="Write 90s, 30m, 2h or 7d.")
    return seconds


def pin_crates(names: Sequence[str], store: CrateStore, say: Callable[[str], None]) -> tuple[CratePin, ...]:
    """Resolve and pin crates through cargo. Blocks.

    Raises:
        OperatorError: One that cargo cannot bring.
        TransientError: The registry is not reachable.
    """
    pins: dict[str, CratePin] = {}
    for name in names:
        pin = store.acquire(name).pin
        say(f"pinned {pin.label} ({pin.license or 'no licence stated'}, edition {pin.edition})")
        pins.setdefault(pin.label, pin)
    return tuple(pins.values())


async def check_builds(pins: Sequence[CratePin], store: CrateStore, bench: Path, say: Callable[[str], None]) -> None:
    """Build each crate once, in the sandbox, as every node will: what does not compile fills hardly a category.

    Where nothing can be executed, that is said and nothing refused: the nodes find out.

    Args:
        pins: Crates of `store`.
        store: Where they are.
        bench: Build folders; a node on this data folder goes on with them.
        say: Told what could not be tried.

    Raises:
        OperatorError: A crate does not compile.
    """
    try:
        engine = await open_engine(CheckSettings(folder=bench))
    except OperatorError as error:
        say(f"whether the crates compile was not tried: {error}")
        return
    try:
        for pin in pins:
            try:
                prepared = await asyncio.to_thread(_prepared, store, pin)
                baseline = await engine.baseline(prepared)
            except (UncheckedError, TransientError) as error:
                say(f"whether {pin.label} compiles was not tried: {error}")
                continue
            if not baseline.builds:
                raise OperatorError(
                    f"{pin.label} does not compile: {baseline.reason}",
                    hint="Choose another version, or give --unbuilt: what executes nothing can be filled then.",
                )
    finally:
        await engine.close()


def _prepared(store: CrateStore, pin: CratePin) -> PreparedCrate:
    return store.prepare(store.open(pin))


def preset_of(view: NodeView) -> Preset:
    """The numbers of a node's swarm.

    Raises:
        OperatorError: This version does not have them.
    """
    preset = PRESETS.get(view.preset)
    if preset is None or preset.hash() != view.preset_hash:
        raise OperatorError(
            f"the node's swarm runs preset {view.preset} ({view.preset_hash.hex()[:16]}), which is not ours",
            hint="Use the version of swarm-node that the swarm runs.",
        )
    return preset


def check_order(order: Order) -> None:
    """Refuse, before any registry is asked, what no swarm would take.

    Raises:
        OperatorError: No crate, or thresholds out of range.
    """
    if not order.crates:
        raise OperatorError("the job names no crate", hint='Give --crates "strsim semver@1.0.26".')
    if not 0 <= order.review <= order.accept < 1:  # not a number fits nowhere either
        raise OperatorError(
            f"thresholds out of range: accept above {order.accept:g}, review above {order.review:g}",
            hint="0 <= --review <= --accept < 1 is needed, e.g. --accept 0.7 --review 0.5.",
        )


def compose_job(order: Order, pins: tuple[CratePin, ...], preset: Preset, coordinator: NodeId) -> JobSpec:
    """The words to sign.

    Raises:
        OperatorError: They are outside the preset's bounds; nothing has been signed.
    """
    most = len(pins) * len(order.categories) * order.generators * order.candidates * preset.attempts_max
    spec = JobSpec(
        title=order.title or "examples of " + ", ".join(pin.name for pin in pins),
        crates=pins,
        categories=order.categories,
        quota=order.quota,
        generators=order.generators,
        candidates=order.candidates,
        raters=order.raters,
        accept_bp=round(order.accept * 10_000),
        review_bp=round(order.review * 10_000),
        budget=order.budget if order.budget is not None else max(1, most),
        deadline_unix_s=int(time.time()) + order.deadline_s,
        preset_hash=preset.hash(),
        sampling=Sampling(),
        prompt_set_digest=PROMPTS.digest,
    )
    reason = refuse_terms(spec.terms(JobId(bytes(32)), coordinator), preset)
    if reason is not None:
        raise OperatorError(f"the job cannot be admitted: {reason}", hint="Change the option that it speaks of.")
    return spec


def sign_job(spec: JobSpec, network: Hash, key: NodeKey) -> bytes:
    """The signed job, ready to be submitted or kept.

    Raises:
        OperatorError: Something in it is longer or larger than any node takes.
    """
    try:
        return seal_message(Domain(network), spec, key)
    except ValueError as error:
        raise OperatorError(f"the job cannot be signed: {error}", hint="Change what it speaks of.") from error


def read_job_file(path: Path, network: Hash) -> tuple[bytes, JobSpec]:
    """A signed job as `--save` wrote it, verified for this swarm.

    Raises:
        OperatorError: Not to be read, no signed job, changed since it was signed, or for another swarm.
    """
    data = read_small(path, FILE_BYTES_MAX, hint="Give a file that --save wrote.")
    if not data:
        raise OperatorError(f"{path} holds no signed job: it is empty", hint="Give a file that --save wrote.")
    try:
        body = decode_message(Domain(network), data).body
    except PeerFaultError as fault:
        raise _no_job(path, fault) from fault
    if not isinstance(body, JobSpec):
        raise OperatorError(f"{path} holds no job", hint="Give a file that `job submit --save` wrote.")
    return data, body


def _no_job(path: Path, fault: PeerFaultError) -> OperatorError:
    if fault.rule == "wrong-network":
        return OperatorError(
            f"the job in {path} is signed for another swarm",
            hint="A signature holds in one swarm: submit it there, or sign the job again for this one.",
        )
    if fault.rule == "bad-signature":
        return OperatorError(
            f"the signature in {path} does not hold: the job was changed after it was signed",
            hint="Use the file as --save wrote it, or sign the job again.",
            exit_code=ExitCode.USAGE,
        )
    return OperatorError(f"{path} holds no signed job: {fault}", hint="Give a file that `job submit --save` wrote.")
