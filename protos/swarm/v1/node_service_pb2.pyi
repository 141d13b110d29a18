from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class NodeServiceStatusRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class NodeServiceStatusResponse(_message.Message):
    __slots__ = ("node",)
    NODE_FIELD_NUMBER: _ClassVar[int]
    node: NodeView
    def __init__(self, node: _Optional[_Union[NodeView, _Mapping]] = ...) -> None: ...

class NodeServicePeersRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class NodeServicePeersResponse(_message.Message):
    __slots__ = ("peers",)
    PEERS_FIELD_NUMBER: _ClassVar[int]
    peers: _containers.RepeatedCompositeFieldContainer[PeerView]
    def __init__(self, peers: _Optional[_Iterable[_Union[PeerView, _Mapping]]] = ...) -> None: ...

class NodeServiceShutdownRequest(_message.Message):
    __slots__ = ("reason",)
    REASON_FIELD_NUMBER: _ClassVar[int]
    reason: str
    def __init__(self, reason: _Optional[str] = ...) -> None: ...

class NodeServiceShutdownResponse(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class NodeServiceReputationRequest(_message.Message):
    __slots__ = ("node", "changes")
    NODE_FIELD_NUMBER: _ClassVar[int]
    CHANGES_FIELD_NUMBER: _ClassVar[int]
    node: bytes
    changes: int
    def __init__(self, node: _Optional[bytes] = ..., changes: _Optional[int] = ...) -> None: ...

class NodeServiceReputationResponse(_message.Message):
    __slots__ = ("members",)
    MEMBERS_FIELD_NUMBER: _ClassVar[int]
    members: _containers.RepeatedCompositeFieldContainer[ReputationView]
    def __init__(self, members: _Optional[_Iterable[_Union[ReputationView, _Mapping]]] = ...) -> None: ...

class ComponentView(_message.Message):
    __slots__ = ("name", "well", "text", "waits_for")
    NAME_FIELD_NUMBER: _ClassVar[int]
    WELL_FIELD_NUMBER: _ClassVar[int]
    TEXT_FIELD_NUMBER: _ClassVar[int]
    WAITS_FOR_FIELD_NUMBER: _ClassVar[int]
    name: str
    well: bool
    text: str
    waits_for: str
    def __init__(self, name: _Optional[str] = ..., well: _Optional[bool] = ..., text: _Optional[str] = ..., waits_for: _Optional[str] = ...) -> None: ...

class Counter(_message.Message):
    __slots__ = ("name", "value")
    NAME_FIELD_NUMBER: _ClassVar[int]
    VALUE_FIELD_NUMBER: _ClassVar[int]
    name: str
    value: int
    def __init__(self, name: _Optional[str] = ..., value: _Optional[int] = ...) -> None: ...

class NodeView(_message.Message):
    __slots__ = ("node", "owner", "software", "protocol", "network", "preset", "preset_hash", "height", "epoch", "started_unix_s", "engine", "activity", "components", "counters")
    NODE_FIELD_NUMBER: _ClassVar[int]
    OWNER_FIELD_NUMBER: _ClassVar[int]
    SOFTWARE_FIELD_NUMBER: _ClassVar[int]
    PROTOCOL_FIELD_NUMBER: _ClassVar[int]
    NETWORK_FIELD_NUMBER: _ClassVar[int]
    PRESET_FIELD_NUMBER: _ClassVar[int]
    PRESET_HASH_FIELD_NUMBER: _ClassVar[int]
    HEIGHT_FIELD_NUMBER: _ClassVar[int]
    EPOCH_FIELD_NUMBER: _ClassVar[int]
    STARTED_UNIX_S_FIELD_NUMBER: _ClassVar[int]
    ENGINE_FIELD_NUMBER: _ClassVar[int]
    ACTIVITY_FIELD_NUMBER: _ClassVar[int]
    COMPONENTS_FIELD_NUMBER: _ClassVar[int]
    COUNTERS_FIELD_NUMBER: _ClassVar[int]
    node: bytes
    owner: str
    software: str
    protocol: int
    network: bytes
    preset: str
    preset_hash: bytes
    height: int
    epoch: int
    started_unix_s: int
    engine: str
    activity: str
    components: _containers.RepeatedCompositeFieldContainer[ComponentView]
    counters: _containers.RepeatedCompositeFieldContainer[Counter]
    def __init__(self, node: _Optional[bytes] = ..., owner: _Optional[str] = ..., software: _Optional[str] = ..., protocol: _Optional[int] = ..., network: _Optional[bytes] = ..., preset: _Optional[str] = ..., preset_hash: _Optional[bytes] = ..., height: _Optional[int] = ..., epoch: _Optional[int] = ..., started_unix_s: _Optional[int] = ..., engine: _Optional[str] = ..., activity: _Optional[str] = ..., components: _Optional[_Iterable[_Union[ComponentView, _Mapping]]] = ..., counters: _Optional[_Iterable[_Union[Counter, _Mapping]]] = ...) -> None: ...

class PeerView(_message.Message):
    __slots__ = ("node", "addresses", "connected", "via", "source")
    NODE_FIELD_NUMBER: _ClassVar[int]
    ADDRESSES_FIELD_NUMBER: _ClassVar[int]
    CONNECTED_FIELD_NUMBER: _ClassVar[int]
    VIA_FIELD_NUMBER: _ClassVar[int]
    SOURCE_FIELD_NUMBER: _ClassVar[int]
    node: bytes
    addresses: _containers.RepeatedScalarFieldContainer[str]
    connected: bool
    via: str
    source: str
    def __init__(self, node: _Optional[bytes] = ..., addresses: _Optional[_Iterable[str]] = ..., connected: _Optional[bool] = ..., via: _Optional[str] = ..., source: _Optional[str] = ...) -> None: ...

class ReputationChange(_message.Message):
    __slots__ = ("height", "header", "reason", "before_bp", "after_bp")
    HEIGHT_FIELD_NUMBER: _ClassVar[int]
    HEADER_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    BEFORE_BP_FIELD_NUMBER: _ClassVar[int]
    AFTER_BP_FIELD_NUMBER: _ClassVar[int]
    height: int
    header: bytes
    reason: str
    before_bp: int
    after_bp: int
    def __init__(self, height: _Optional[int] = ..., header: _Optional[bytes] = ..., reason: _Optional[str] = ..., before_bp: _Optional[int] = ..., after_bp: _Optional[int] = ...) -> None: ...

class ReputationView(_message.Message):
    __slots__ = ("node", "owner", "reputation_bp", "weight", "maturity_bp", "discrimination_bp", "accuracy_bp", "fairness_bp", "generating_bp", "suspended_until", "changes", "coming_weight")
    NODE_FIELD_NUMBER: _ClassVar[int]
    OWNER_FIELD_NUMBER: _ClassVar[int]
    REPUTATION_BP_FIELD_NUMBER: _ClassVar[int]
    WEIGHT_FIELD_NUMBER: _ClassVar[int]
    MATURITY_BP_FIELD_NUMBER: _ClassVar[int]
    DISCRIMINATION_BP_FIELD_NUMBER: _ClassVar[int]
    ACCURACY_BP_FIELD_NUMBER: _ClassVar[int]
    FAIRNESS_BP_FIELD_NUMBER: _ClassVar[int]
    GENERATING_BP_FIELD_NUMBER: _ClassVar[int]
    SUSPENDED_UNTIL_FIELD_NUMBER: _ClassVar[int]
    CHANGES_FIELD_NUMBER: _ClassVar[int]
    COMING_WEIGHT_FIELD_NUMBER: _ClassVar[int]
    node: bytes
    owner: str
    reputation_bp: int
    weight: int
    maturity_bp: int
    discrimination_bp: int
    accuracy_bp: int
    fairness_bp: int
    generating_bp: int
    suspended_until: int
    changes: _containers.RepeatedCompositeFieldContainer[ReputationChange]
    coming_weight: int
    def __init__(self, node: _Optional[bytes] = ..., owner: _Optional[str] = ..., reputation_bp: _Optional[int] = ..., weight: _Optional[int] = ..., maturity_bp: _Optional[int] = ..., discrimination_bp: _Optional[int] = ..., accuracy_bp: _Optional[int] = ..., fairness_bp: _Optional[int] = ..., generating_bp: _Optional[int] = ..., suspended_until: _Optional[int] = ..., changes: _Optional[_Iterable[_Union[ReputationChange, _Mapping]]] = ..., coming_weight: _Optional[int] = ...) -> None: ...
