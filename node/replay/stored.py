"""A node's decided rounds, recomputed from the messages they rest on and compared with what its store says of them.

Starts from the genesis and believes nothing else: every envelope's signature, every certificate and every header is
checked, and each round is recomputed from the state that the rounds before it led to, never from a stored one. What is
compared is everything that callers are told: headers, decisions and the reasons given for them, the reputation ledger,
chain states. The store is only read, so a running node may go on beside.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, fields
from typing import Any

from consensus.agreement.validity import check_builder, check_place
from consensus.certificate import header_hash, verify_certificate
from consensus.committee import Committee
from consensus.encoding import EncodingError, decode, encode
from consensus.errors import RefusedError
from consensus.evidence import offence
from consensus.genesis import Genesis, first_state
from consensus.inputs import count_attestations
from consensus.narrowing import narrow
from consensus.params import Preset
from consensus.types import (
    Application,
    Attestation,
    Certificate,
    ChainState,
    Decision,
    Equivocation,
    Hash,
    Header,
    JobId,
    Kind,
    Signed,
)
from node.driver.archive import Archive, explained
from node.errors import NodeError, OperatorError, PeerFaultError
from node.pipeline.effects import Message
from node.pipeline.inputs import IncompleteError, InputReader
from node.pipeline.lobby import Lobby
from node.pipeline.mempool import Mempool
from node.pipeline.transition import Builder, ChainInputs, Transition, compute_transition, state_root
from node.store import RoundRow, Store
from node.values.job import JobCancel, JobSpec
from node.wire import Domain, decode_message


@dataclass(frozen=True, slots=True)
class Difference:
    """The first thing that does not hold."""

    height: int
    about: str
    """What: `certificate`, `message 0f3a...`, `header: state_root`, `decision 3`, `ledger event 17`, `state`, ..."""
    stored: str
    recomputed: str


@dataclass(frozen=True, slots=True)
class StoredReplay:
    """How far a store's rounds hold."""

    first: int
    last: int
    """Last round that holds; `first - 1` when none does."""
    messages: int
    """Signed messages read and verified, each round's counted once."""
    decisions: int
    events: int
    """Ledger events."""
    difference: Difference | None
    """None when all rounds hold."""


class _DiffersError(Exception):
    def __init__(self, about: str, stored: object, recomputed: object) -> None:
        super().__init__(about)
        self.about, self.stored, self.recomputed = about, _shown(stored), _shown(recomputed)


async def replay_store(
    store: Store,
    genesis: Genesis,
    preset: Preset,
    *,
    first: int = 1,
    last: int | None = None,
    tell: Callable[[int, int], None] = lambda _height, _last: None,
) -> StoredReplay:
    """Recompute the rounds `first` to `last`, both included, and stop at the first difference.

    Args:
        store: May be open for reading only.
        genesis: What is believed.
        preset: The genesis' numbers.
        first: Beyond 1, the stored state before that round is believed too.
        last: None for the last decided round, as of now.
        tell: Called with (height, last) before each round.

    Raises:
        OperatorError: `first` is beyond 1 and the state before it is not kept.
    """
    tip = await store.rounds.tip()
    last = min(last or (1 << 62), 0 if tip is None else tip.height)
    replay = _Replay(store, genesis, preset)
    state = first_state(genesis, preset) if first == 1 else await _stored_state(store, first - 1)
    height, difference = first, None
    for height in range(first, last + 1):
        tell(height, last)
        try:
            state = await replay.follow(state)
        except _DiffersError as error:
            difference = Difference(height, error.about, error.stored, error.recomputed)
            break
    held = height - 1 if difference else max(last, first - 1)
    return StoredReplay(first, held, replay.messages, replay.decisions, replay.events, difference)


async def _stored_state(store: Store, height: int) -> ChainState:
    row = await store.rounds.get(height)
    if row is None or row.state is None:
        raise OperatorError(
            f"the state after round {height} is not kept here",
            hint="States are kept of the newest rounds and of epochs' last ones; without --from, all is recomputed.",
        )
    return decode(ChainState, row.state)


class _Replay:
    """Follows a store's rounds; counts what it has checked."""

    def __init__(self, store: Store, genesis: Genesis, preset: Preset) -> None:
        self._store, self._genesis, self._preset = store, genesis, preset
        self._domain = Domain(genesis.network)
        self._archive = Archive(store, preset.epoch_rounds)
        self._evidence: dict[Hash, Equivocation] | None = None
        self.messages = self.decisions = self.events = 0

    async def follow(self, state: ChainState) -> ChainState:
        """The state after the round that follows `state`.

        Raises:
            _DiffersError: The store tells another story of that round.
        """
        height = state.height + 1
        row = await self._store.rounds.get(height)
        if row is None:
            raise _DiffersError("round", "is missing", "was decided, for later ones were")
        certificate = self._certificate(row, state)
        header = certificate.header
        transition = compute_transition(
            state,
            await self._inputs(state, height),
            Builder(header.builder, header.builder_view, header.vrf_proof),
            genesis=self._genesis,
            preset=self._preset,
        )
        _compare_headers(header, transition.header)
        await self._compare_decisions(state, transition)
        await self._compare_events(transition)
        _compare_states(row, transition)
        return transition.state

    def _certificate(self, row: RoundRow, state: ChainState) -> Certificate:
        """The round's certificate, once its signatures, its header's place and its builder's proof hold."""
        plan = state.plans[0]
        try:
            certificate = decode(Certificate, row.certificate)
            header = certificate.header
            verify_certificate(certificate, self._genesis.network, Committee(plan.committee))
            check_place(header, network=self._genesis.network, plan=plan, previous=state.previous, preset=self._preset)
            check_builder(header, plan)
        except (EncodingError, RefusedError) as error:
            raise _DiffersError("certificate", error, "one of more than two thirds of this round's weight") from error
        if header_hash(header) != row.header_hash:
            raise _DiffersError("header hash", row.header_hash, header_hash(header))
        return certificate

    # What was said

    async def _inputs(self, state: ChainState, height: int) -> ChainInputs:
        try:
            record = await self._archive.record(height)
        except (PeerFaultError, ValueError) as error:
            raise _DiffersError("list of messages", error, "digests") from error
        if record is None:
            raise _DiffersError("list of messages", "is missing", "digests")
        messages: dict[Hash, Message] = {}
        mempool = Mempool(Lobby(self._genesis, self._preset))
        for digest in dict.fromkeys((*record.attestations, *record.messages)):
            message = await self._message(digest)
            _sort_in(message, messages, mempool)
        for proof in await self._attested_evidence(state, record.attestations, messages):
            mempool.add_evidence(proof)
        self.messages += len(record.messages)
        try:
            return InputReader(state.plans[0], messages, mempool, state).read(record.attestations)
        except IncompleteError as error:
            missing = error.digests[0]
            raise _DiffersError(f"message {missing.hex()[:16]}", "is missing", "counts in this round") from error
        except RefusedError as error:
            raise _DiffersError("attestations", error, "ones that fix the round's inputs") from error

    async def _message(self, digest: Hash) -> Message:
        about = f"message {digest.hex()[:16]}"
        row = await self._store.envelopes.get(digest)
        if row is None:
            raise _DiffersError(about, "is missing", "counts in this round")
        try:
            message = decode_message(self._domain, row.envelope)
        except PeerFaultError as error:
            raise _DiffersError(about, error, "a signed message") from error
        if message.digest != digest:
            raise _DiffersError(about, f"is {message.digest.hex()[:16]}", digest.hex()[:16])
        return message

    async def _attested_evidence(
        self, state: ChainState, attestations: Sequence[Hash], messages: dict[Hash, Message]
    ) -> list[Equivocation]:
        """Proofs of the offences that this round's attestations name."""
        named = [messages[digest] for digest in attestations]
        signed = [narrow(message, Attestation) for message in named if isinstance(message.body, Attestation)]
        try:
            found = count_attestations(signed, state.height + 1, Committee(state.plans[0].committee))
        except RefusedError:
            return []  # The reader of the inputs refuses them for the same reason and says so.
        if not found.offences:
            return []
        if self._evidence is None:
            self._evidence = await self._all_evidence()
        return [self._evidence[name] for name in found.offences if name in self._evidence]

    async def _all_evidence(self) -> dict[Hash, Equivocation]:
        """Every equivocation at hand, by the name under which it is attested."""
        proofs: dict[Hash, Equivocation] = {}
        async for row in self._store.envelopes.each_at(0, Kind.EVIDENCE):
            try:
                body = decode_message(self._domain, row.envelope).body
            except NodeError:
                continue  # Damaged: if it counts anywhere, it will be missed there.
            if isinstance(body, Equivocation):
                proofs.setdefault(offence(body), body)
        return proofs

    # What became of it

    async def _compare_decisions(self, state: ChainState, transition: Transition) -> None:
        expected = explained(transition.outcome, state.plans[0])
        stored = await self._decisions(transition.header.height)
        if len(stored) != len(expected):
            raise _DiffersError("number of decisions", len(stored), len(expected))
        for position, (row, wanted) in enumerate(zip(stored, expected, strict=True)):
            for name, here, there in _field_pairs(row, wanted.decision):
                raise _DiffersError(f"decision {position}: {name}", here, there)
            reason = await self._store.decisions.explanation(transition.header.height, position)
            if reason != wanted.explanation:
                raise _DiffersError(f"explanation of decision {position}", reason or b"", wanted.explanation or b"")
        self.decisions += len(expected)

    async def _decisions(self, height: int) -> list[Decision]:
        found: list[Decision] = []
        after: tuple[int, int] | None = None
        try:
            while rows := await self._store.decisions.find(height=height, after=after):
                found += [row.decision for row in rows]
                after = (height, rows[-1].position)
        except EncodingError as error:
            raise _DiffersError(f"decision {len(found)}", error, "one that can be read") from error
        return found

    async def _compare_events(self, transition: Transition) -> None:
        stored = await self._store.ledger.at(transition.header.height)
        if len(stored) != len(transition.events):
            raise _DiffersError("number of ledger events", len(stored), len(transition.events))
        for row, event in zip(stored, transition.events, strict=True):
            if row.digest != event.hash() or row.body != encode(event):
                raise _DiffersError(f"ledger event {event.index}", row.body, encode(event))
        self.events += len(stored)


def _sort_in(message: Message, messages: dict[Hash, Message], mempool: Mempool) -> None:
    """Put a message where the reader of a round's inputs looks for it."""
    body = message.body
    if isinstance(body, JobSpec):
        terms = body.terms(JobId(message.digest), message.sender)
        mempool.add_job(Signed(message.sender, message.kind, message.digest, terms))
    elif isinstance(body, Equivocation):
        mempool.add_evidence(body)
    elif isinstance(body, JobCancel):
        mempool.add_cancel(narrow(message, JobCancel))
    elif isinstance(body, Application):
        mempool.lobby.need(narrow(message, Application))
    else:
        messages[message.digest] = message


def _compare_headers(stored: Header, recomputed: Header) -> None:
    for name, here, there in _field_pairs(stored, recomputed):
        raise _DiffersError(f"header: {name}", here, there)


def _compare_states(row: RoundRow, transition: Transition) -> None:
    """The state that the store goes on from; between epochs' ends old ones are not kept."""
    if row.state is None or row.state == encode(transition.state):
        return
    try:
        stored = decode(ChainState, row.state)
    except EncodingError as error:
        raise _DiffersError("state", error, state_root(transition.state)) from error
    names = [name for name, _, _ in _field_pairs(stored, transition.state)]
    raise _DiffersError(f"state: {', '.join(names)}", state_root(stored), state_root(transition.state))


def _field_pairs(stored: Any, recomputed: Any) -> Iterator[tuple[str, object, object]]:
    """Fields of two values of one kind that are not equal."""
    for field in fields(stored):
        here, there = getattr(stored, field.name), getattr(recomputed, field.name)
        if here != there:
            yield field.name, here, there


def _shown(value: object) -> str:
    """A value for a person, not longer than a line."""
    text = value.hex() if isinstance(value, bytes) else str(value)
    return text if len(text) <= 200 else f"{text[:200]}... ({len(text)} characters)"
