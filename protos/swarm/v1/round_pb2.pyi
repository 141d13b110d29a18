from protos.swarm.v1 import envelope_pb2 as _envelope_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class CheckFact(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    CHECK_FACT_UNSPECIFIED: _ClassVar[CheckFact]
    CHECK_FACT_PASSED: _ClassVar[CheckFact]
    CHECK_FACT_FAILED: _ClassVar[CheckFact]
    CHECK_FACT_NOT_CHECKABLE: _ClassVar[CheckFact]
    CHECK_FACT_MALFORMED: _ClassVar[CheckFact]
    CHECK_FACT_CONTAMINATED: _ClassVar[CheckFact]
    CHECK_FACT_UNAVAILABLE: _ClassVar[CheckFact]
CHECK_FACT_UNSPECIFIED: CheckFact
CHECK_FACT_PASSED: CheckFact
CHECK_FACT_FAILED: CheckFact
CHECK_FACT_NOT_CHECKABLE: CheckFact
CHECK_FACT_MALFORMED: CheckFact
CHECK_FACT_CONTAMINATED: CheckFact
CHECK_FACT_UNAVAILABLE: CheckFact

class SlotCount(_message.Message):
    __slots__ = ("task", "count")
    TASK_FIELD_NUMBER: _ClassVar[int]
    COUNT_FIELD_NUMBER: _ClassVar[int]
    task: int
    count: int
    def __init__(self, task: _Optional[int] = ..., count: _Optional[int] = ...) -> None: ...

class CandidateCommit(_message.Message):
    __slots__ = ("height", "slots_root", "counts")
    HEIGHT_FIELD_NUMBER: _ClassVar[int]
    SLOTS_ROOT_FIELD_NUMBER: _ClassVar[int]
    COUNTS_FIELD_NUMBER: _ClassVar[int]
    height: int
    slots_root: bytes
    counts: _containers.RepeatedCompositeFieldContainer[SlotCount]
    def __init__(self, height: _Optional[int] = ..., slots_root: _Optional[bytes] = ..., counts: _Optional[_Iterable[_Union[SlotCount, _Mapping]]] = ...) -> None: ...

class CandidateNotice(_message.Message):
    __slots__ = ("height", "task", "content", "size", "place", "ticket")
    HEIGHT_FIELD_NUMBER: _ClassVar[int]
    TASK_FIELD_NUMBER: _ClassVar[int]
    CONTENT_FIELD_NUMBER: _ClassVar[int]
    SIZE_FIELD_NUMBER: _ClassVar[int]
    PLACE_FIELD_NUMBER: _ClassVar[int]
    TICKET_FIELD_NUMBER: _ClassVar[int]
    height: int
    task: int
    content: bytes
    size: int
    place: int
    ticket: bytes
    def __init__(self, height: _Optional[int] = ..., task: _Optional[int] = ..., content: _Optional[bytes] = ..., size: _Optional[int] = ..., place: _Optional[int] = ..., ticket: _Optional[bytes] = ...) -> None: ...

class Rating(_message.Message):
    __slots__ = ("task", "content", "fact", "scores")
    TASK_FIELD_NUMBER: _ClassVar[int]
    CONTENT_FIELD_NUMBER: _ClassVar[int]
    FACT_FIELD_NUMBER: _ClassVar[int]
    SCORES_FIELD_NUMBER: _ClassVar[int]
    task: int
    content: bytes
    fact: CheckFact
    scores: _containers.RepeatedScalarFieldContainer[int]
    def __init__(self, task: _Optional[int] = ..., content: _Optional[bytes] = ..., fact: _Optional[_Union[CheckFact, str]] = ..., scores: _Optional[_Iterable[int]] = ...) -> None: ...

class RatingCommit(_message.Message):
    __slots__ = ("height", "digest")
    HEIGHT_FIELD_NUMBER: _ClassVar[int]
    DIGEST_FIELD_NUMBER: _ClassVar[int]
    height: int
    digest: bytes
    def __init__(self, height: _Optional[int] = ..., digest: _Optional[bytes] = ...) -> None: ...

class RatingReveal(_message.Message):
    __slots__ = ("height", "salt", "ratings")
    HEIGHT_FIELD_NUMBER: _ClassVar[int]
    SALT_FIELD_NUMBER: _ClassVar[int]
    RATINGS_FIELD_NUMBER: _ClassVar[int]
    height: int
    salt: bytes
    ratings: _containers.RepeatedCompositeFieldContainer[Rating]
    def __init__(self, height: _Optional[int] = ..., salt: _Optional[bytes] = ..., ratings: _Optional[_Iterable[_Union[Rating, _Mapping]]] = ...) -> None: ...

class ProbeOpening(_message.Message):
    __slots__ = ("good", "evidence")
    GOOD_FIELD_NUMBER: _ClassVar[int]
    EVIDENCE_FIELD_NUMBER: _ClassVar[int]
    good: bool
    evidence: bytes
    def __init__(self, good: _Optional[bool] = ..., evidence: _Optional[bytes] = ...) -> None: ...

class SlotOpening(_message.Message):
    __slots__ = ("task", "slot", "pseudonym", "content", "claim", "salt", "probe", "body")
    TASK_FIELD_NUMBER: _ClassVar[int]
    SLOT_FIELD_NUMBER: _ClassVar[int]
    PSEUDONYM_FIELD_NUMBER: _ClassVar[int]
    CONTENT_FIELD_NUMBER: _ClassVar[int]
    CLAIM_FIELD_NUMBER: _ClassVar[int]
    SALT_FIELD_NUMBER: _ClassVar[int]
    PROBE_FIELD_NUMBER: _ClassVar[int]
    BODY_FIELD_NUMBER: _ClassVar[int]
    task: int
    slot: int
    pseudonym: bytes
    content: bytes
    claim: bytes
    salt: bytes
    probe: ProbeOpening
    body: bytes
    def __init__(self, task: _Optional[int] = ..., slot: _Optional[int] = ..., pseudonym: _Optional[bytes] = ..., content: _Optional[bytes] = ..., claim: _Optional[bytes] = ..., salt: _Optional[bytes] = ..., probe: _Optional[_Union[ProbeOpening, _Mapping]] = ..., body: _Optional[bytes] = ...) -> None: ...

class Shortfall(_message.Message):
    __slots__ = ("task", "reason")
    TASK_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    task: int
    reason: str
    def __init__(self, task: _Optional[int] = ..., reason: _Optional[str] = ...) -> None: ...

class GeneratorReveal(_message.Message):
    __slots__ = ("height", "vrf_proof", "slots", "shortfalls")
    HEIGHT_FIELD_NUMBER: _ClassVar[int]
    VRF_PROOF_FIELD_NUMBER: _ClassVar[int]
    SLOTS_FIELD_NUMBER: _ClassVar[int]
    SHORTFALLS_FIELD_NUMBER: _ClassVar[int]
    height: int
    vrf_proof: bytes
    slots: _containers.RepeatedCompositeFieldContainer[SlotOpening]
    shortfalls: _containers.RepeatedCompositeFieldContainer[Shortfall]
    def __init__(self, height: _Optional[int] = ..., vrf_proof: _Optional[bytes] = ..., slots: _Optional[_Iterable[_Union[SlotOpening, _Mapping]]] = ..., shortfalls: _Optional[_Iterable[_Union[Shortfall, _Mapping]]] = ...) -> None: ...

class AttestedMessage(_message.Message):
    __slots__ = ("kind", "sender", "digest")
    KIND_FIELD_NUMBER: _ClassVar[int]
    SENDER_FIELD_NUMBER: _ClassVar[int]
    DIGEST_FIELD_NUMBER: _ClassVar[int]
    kind: _envelope_pb2.Kind
    sender: bytes
    digest: bytes
    def __init__(self, kind: _Optional[_Union[_envelope_pb2.Kind, str]] = ..., sender: _Optional[bytes] = ..., digest: _Optional[bytes] = ...) -> None: ...

class ProbeFinding(_message.Message):
    __slots__ = ("content", "holds")
    CONTENT_FIELD_NUMBER: _ClassVar[int]
    HOLDS_FIELD_NUMBER: _ClassVar[int]
    content: bytes
    holds: bool
    def __init__(self, content: _Optional[bytes] = ..., holds: _Optional[bool] = ...) -> None: ...

class Attestation(_message.Message):
    __slots__ = ("height", "messages", "probes")
    HEIGHT_FIELD_NUMBER: _ClassVar[int]
    MESSAGES_FIELD_NUMBER: _ClassVar[int]
    PROBES_FIELD_NUMBER: _ClassVar[int]
    height: int
    messages: _containers.RepeatedCompositeFieldContainer[AttestedMessage]
    probes: _containers.RepeatedCompositeFieldContainer[ProbeFinding]
    def __init__(self, height: _Optional[int] = ..., messages: _Optional[_Iterable[_Union[AttestedMessage, _Mapping]]] = ..., probes: _Optional[_Iterable[_Union[ProbeFinding, _Mapping]]] = ...) -> None: ...
