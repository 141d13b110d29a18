"""One round at one member, said in few words: its plan, what others send, and what it wishes done."""

from dataclasses import replace

from consensus.commitments import content_name
from consensus.encoding import hash_value
from consensus.params import MINIMAL
from consensus.round import (
    Phase,
    Round,
    Send,
    slots_root,
)
from consensus.types import (
    Attestation,
    CandidateCommit,
    CheckFact,
    GeneratorReveal,
    Hash,
    JobId,
    Kind,
    NodeId,
    ProbeOpening,
    Rating,
    RatingCommit,
    RatingReveal,
    RoundPlan,
    Seat,
    Signed,
    SlotCount,
    SlotOpening,
    Task,
    TaskKind,
)

HEIGHT = 7


def node(number: int) -> NodeId:
    return NodeId(bytes([number]) * 32)


GENERATORS = (node(1), node(2))
RATERS = (node(3), node(4), node(5))
EVERYBODY = (*GENERATORS, *RATERS)


def task(**changes) -> Task:
    plain = Task(
        index=0,
        job=JobId(bytes(32)),
        crate=0,
        category=0,
        kind=TaskKind.GENERATE,
        generators=GENERATORS,
        raters=RATERS,
        observers=(),
        slots=2,
        quota=4,
        attempt=0,
        carried=(),
    )
    return replace(plain, **changes)


def plan(*tasks: Task) -> RoundPlan:
    seats = tuple(Seat(member, 1) for member in EVERYBODY)
    return RoundPlan(HEIGHT, 0, Hash(bytes(32)), tasks or (task(),), seats, 10)


def opening(slot: int, who: int, probe: ProbeOpening | None = None) -> SlotOpening:
    body = hash_value("body", (slot, who))
    return SlotOpening(0, slot, bytes([who, slot]) * 16, content_name(body, body), body, body, bytes(32), probe)


def round_of(me: NodeId, **changes) -> Round:
    return Round(changes.get("plan", plan()), me, MINIMAL.times, salt=bytes(32))


def say(sender: NodeId, kind: Kind, body) -> Signed:
    return Signed(sender, kind, hash_value("message", (sender, kind, body)), body)


def commit(sender: NodeId) -> Signed:
    slots = (opening(0, sender[0]), opening(1, sender[0]))
    return say(
        sender, Kind.CANDIDATE_COMMIT, CandidateCommit(HEIGHT, slots_root(sender, HEIGHT, slots), (SlotCount(0, 2),))
    )


def rating(content: Hash) -> Rating:
    return Rating(0, content, CheckFact.PASSED, (9000, 9000, 9000, 9000))


def rating_commit(sender: NodeId) -> Signed:
    return say(sender, Kind.RATING_COMMIT, RatingCommit(HEIGHT, Hash(bytes(32))))


def reveal(sender: NodeId) -> Signed:
    return say(sender, Kind.RATING_REVEAL, RatingReveal(HEIGHT, bytes(32), ()))


def unmask(sender: NodeId, *slots: SlotOpening) -> Signed:
    return say(sender, Kind.GENERATOR_REVEAL, GeneratorReveal(HEIGHT, bytes(80), slots, ()))


def attestation(sender: NodeId) -> Signed:
    return say(sender, Kind.ATTESTATION, Attestation(HEIGHT, (), ()))


def feed(current: Round, *messages: Signed) -> list:
    return [effect for message in messages for effect in current.on_message(message)]


def of(kind: type, effects: list) -> list:
    return [effect for effect in effects if isinstance(effect, kind)]


def sent(effects: list) -> list[Kind]:
    return [effect.kind for effect in of(Send, effects)]


def tag(number: int, who: object = "") -> Hash:
    return Hash(hash_value("tag", (number, who)))


def hold(current: Round, slot: int, who: int) -> list:
    return current.on_candidate_held(0, opening(slot, who).content, tag(slot, who))


def through_publish(current: Round) -> list:
    """Both generators committed, all four contents held."""
    effects = current.start() + feed(current, *map(commit, GENERATORS))
    for who in (1, 2):
        for slot in (0, 1):
            effects += hold(current, slot, who)
    return effects


def time_is_up(current: Round, phase: Phase) -> list:
    """A phase ends by its time: commitments have some more, in which nothing is shown."""
    effects = current.on_timer(phase)
    return effects if current.phase > phase else effects + current.on_timer(phase)
