from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class VotePhase(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    VOTE_PHASE_UNSPECIFIED: _ClassVar[VotePhase]
    VOTE_PHASE_PREVOTE: _ClassVar[VotePhase]
    VOTE_PHASE_PRECOMMIT: _ClassVar[VotePhase]
VOTE_PHASE_UNSPECIFIED: VotePhase
VOTE_PHASE_PREVOTE: VotePhase
VOTE_PHASE_PRECOMMIT: VotePhase

class ShardHead(_message.Message):
    __slots__ = ("job", "root", "rows")
    JOB_FIELD_NUMBER: _ClassVar[int]
    ROOT_FIELD_NUMBER: _ClassVar[int]
    ROWS_FIELD_NUMBER: _ClassVar[int]
    job: bytes
    root: bytes
    rows: int
    def __init__(self, job: _Optional[bytes] = ..., root: _Optional[bytes] = ..., rows: _Optional[int] = ...) -> None: ...

class Header(_message.Message):
    __slots__ = ("network", "height", "epoch", "previous", "builder", "builder_view", "vrf_proof", "attestation_root", "input_root", "outcome_root", "pending_root", "state_root", "snapshot_root", "ledger_head", "shards", "admitted", "counts")
    NETWORK_FIELD_NUMBER: _ClassVar[int]
    HEIGHT_FIELD_NUMBER: _ClassVar[int]
    EPOCH_FIELD_NUMBER: _ClassVar[int]
    PREVIOUS_FIELD_NUMBER: _ClassVar[int]
    BUILDER_FIELD_NUMBER: _ClassVar[int]
    BUILDER_VIEW_FIELD_NUMBER: _ClassVar[int]
    VRF_PROOF_FIELD_NUMBER: _ClassVar[int]
    ATTESTATION_ROOT_FIELD_NUMBER: _ClassVar[int]
    INPUT_ROOT_FIELD_NUMBER: _ClassVar[int]
    OUTCOME_ROOT_FIELD_NUMBER: _ClassVar[int]
    PENDING_ROOT_FIELD_NUMBER: _ClassVar[int]
    STATE_ROOT_FIELD_NUMBER: _ClassVar[int]
    SNAPSHOT_ROOT_FIELD_NUMBER: _ClassVar[int]
    LEDGER_HEAD_FIELD_NUMBER: _ClassVar[int]
    SHARDS_FIELD_NUMBER: _ClassVar[int]
    ADMITTED_FIELD_NUMBER: _ClassVar[int]
    COUNTS_FIELD_NUMBER: _ClassVar[int]
    network: bytes
    height: int
    epoch: int
    previous: bytes
    builder: bytes
    builder_view: int
    vrf_proof: bytes
    attestation_root: bytes
    input_root: bytes
    outcome_root: bytes
    pending_root: bytes
    state_root: bytes
    snapshot_root: bytes
    ledger_head: bytes
    shards: _containers.RepeatedCompositeFieldContainer[ShardHead]
    admitted: _containers.RepeatedScalarFieldContainer[bytes]
    counts: _containers.RepeatedScalarFieldContainer[int]
    def __init__(self, network: _Optional[bytes] = ..., height: _Optional[int] = ..., epoch: _Optional[int] = ..., previous: _Optional[bytes] = ..., builder: _Optional[bytes] = ..., builder_view: _Optional[int] = ..., vrf_proof: _Optional[bytes] = ..., attestation_root: _Optional[bytes] = ..., input_root: _Optional[bytes] = ..., outcome_root: _Optional[bytes] = ..., pending_root: _Optional[bytes] = ..., state_root: _Optional[bytes] = ..., snapshot_root: _Optional[bytes] = ..., ledger_head: _Optional[bytes] = ..., shards: _Optional[_Iterable[_Union[ShardHead, _Mapping]]] = ..., admitted: _Optional[_Iterable[bytes]] = ..., counts: _Optional[_Iterable[int]] = ...) -> None: ...

class Proposal(_message.Message):
    __slots__ = ("view", "valid_view", "header", "attestations")
    VIEW_FIELD_NUMBER: _ClassVar[int]
    VALID_VIEW_FIELD_NUMBER: _ClassVar[int]
    HEADER_FIELD_NUMBER: _ClassVar[int]
    ATTESTATIONS_FIELD_NUMBER: _ClassVar[int]
    view: int
    valid_view: int
    header: Header
    attestations: _containers.RepeatedScalarFieldContainer[bytes]
    def __init__(self, view: _Optional[int] = ..., valid_view: _Optional[int] = ..., header: _Optional[_Union[Header, _Mapping]] = ..., attestations: _Optional[_Iterable[bytes]] = ...) -> None: ...

class Vote(_message.Message):
    __slots__ = ("height", "view", "phase", "header", "signature")
    HEIGHT_FIELD_NUMBER: _ClassVar[int]
    VIEW_FIELD_NUMBER: _ClassVar[int]
    PHASE_FIELD_NUMBER: _ClassVar[int]
    HEADER_FIELD_NUMBER: _ClassVar[int]
    SIGNATURE_FIELD_NUMBER: _ClassVar[int]
    height: int
    view: int
    phase: VotePhase
    header: bytes
    signature: bytes
    def __init__(self, height: _Optional[int] = ..., view: _Optional[int] = ..., phase: _Optional[_Union[VotePhase, str]] = ..., header: _Optional[bytes] = ..., signature: _Optional[bytes] = ...) -> None: ...

class Certificate(_message.Message):
    __slots__ = ("header", "view", "signers", "signatures")
    HEADER_FIELD_NUMBER: _ClassVar[int]
    VIEW_FIELD_NUMBER: _ClassVar[int]
    SIGNERS_FIELD_NUMBER: _ClassVar[int]
    SIGNATURES_FIELD_NUMBER: _ClassVar[int]
    header: Header
    view: int
    signers: bytes
    signatures: _containers.RepeatedScalarFieldContainer[bytes]
    def __init__(self, header: _Optional[_Union[Header, _Mapping]] = ..., view: _Optional[int] = ..., signers: _Optional[bytes] = ..., signatures: _Optional[_Iterable[bytes]] = ...) -> None: ...

class Seat(_message.Message):
    __slots__ = ("node", "weight")
    NODE_FIELD_NUMBER: _ClassVar[int]
    WEIGHT_FIELD_NUMBER: _ClassVar[int]
    node: bytes
    weight: int
    def __init__(self, node: _Optional[bytes] = ..., weight: _Optional[int] = ...) -> None: ...

class Snapshot(_message.Message):
    __slots__ = ("epoch", "seats", "seed")
    EPOCH_FIELD_NUMBER: _ClassVar[int]
    SEATS_FIELD_NUMBER: _ClassVar[int]
    SEED_FIELD_NUMBER: _ClassVar[int]
    epoch: int
    seats: _containers.RepeatedCompositeFieldContainer[Seat]
    seed: bytes
    def __init__(self, epoch: _Optional[int] = ..., seats: _Optional[_Iterable[_Union[Seat, _Mapping]]] = ..., seed: _Optional[bytes] = ...) -> None: ...
