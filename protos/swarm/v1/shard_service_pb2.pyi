from protos.swarm.v1 import agreement_pb2 as _agreement_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class ShardServiceListRequest(_message.Message):
    __slots__ = ("job", "limit")
    JOB_FIELD_NUMBER: _ClassVar[int]
    LIMIT_FIELD_NUMBER: _ClassVar[int]
    job: bytes
    limit: int
    def __init__(self, job: _Optional[bytes] = ..., limit: _Optional[int] = ...) -> None: ...

class ShardServiceListResponse(_message.Message):
    __slots__ = ("shards",)
    SHARDS_FIELD_NUMBER: _ClassVar[int]
    shards: _containers.RepeatedCompositeFieldContainer[ShardView]
    def __init__(self, shards: _Optional[_Iterable[_Union[ShardView, _Mapping]]] = ...) -> None: ...

class ShardServiceGetCertificateRequest(_message.Message):
    __slots__ = ("height",)
    HEIGHT_FIELD_NUMBER: _ClassVar[int]
    height: int
    def __init__(self, height: _Optional[int] = ...) -> None: ...

class ShardServiceGetCertificateResponse(_message.Message):
    __slots__ = ("certificate", "snapshot")
    CERTIFICATE_FIELD_NUMBER: _ClassVar[int]
    SNAPSHOT_FIELD_NUMBER: _ClassVar[int]
    certificate: _agreement_pb2.Certificate
    snapshot: _agreement_pb2.Snapshot
    def __init__(self, certificate: _Optional[_Union[_agreement_pb2.Certificate, _Mapping]] = ..., snapshot: _Optional[_Union[_agreement_pb2.Snapshot, _Mapping]] = ...) -> None: ...

class ShardServicePullRequest(_message.Message):
    __slots__ = ("root", "offset", "file_sha256")
    ROOT_FIELD_NUMBER: _ClassVar[int]
    OFFSET_FIELD_NUMBER: _ClassVar[int]
    FILE_SHA256_FIELD_NUMBER: _ClassVar[int]
    root: bytes
    offset: int
    file_sha256: bytes
    def __init__(self, root: _Optional[bytes] = ..., offset: _Optional[int] = ..., file_sha256: _Optional[bytes] = ...) -> None: ...

class ShardServicePullResponse(_message.Message):
    __slots__ = ("offset", "data")
    OFFSET_FIELD_NUMBER: _ClassVar[int]
    DATA_FIELD_NUMBER: _ClassVar[int]
    offset: int
    data: bytes
    def __init__(self, offset: _Optional[int] = ..., data: _Optional[bytes] = ...) -> None: ...

class ShardView(_message.Message):
    __slots__ = ("root", "job", "height", "header", "rows", "file_bytes", "file_sha256", "split", "certificate_bytes", "certificate_sha256")
    ROOT_FIELD_NUMBER: _ClassVar[int]
    JOB_FIELD_NUMBER: _ClassVar[int]
    HEIGHT_FIELD_NUMBER: _ClassVar[int]
    HEADER_FIELD_NUMBER: _ClassVar[int]
    ROWS_FIELD_NUMBER: _ClassVar[int]
    FILE_BYTES_FIELD_NUMBER: _ClassVar[int]
    FILE_SHA256_FIELD_NUMBER: _ClassVar[int]
    SPLIT_FIELD_NUMBER: _ClassVar[int]
    CERTIFICATE_BYTES_FIELD_NUMBER: _ClassVar[int]
    CERTIFICATE_SHA256_FIELD_NUMBER: _ClassVar[int]
    root: bytes
    job: bytes
    height: int
    header: bytes
    rows: int
    file_bytes: int
    file_sha256: bytes
    split: str
    certificate_bytes: int
    certificate_sha256: bytes
    def __init__(self, root: _Optional[bytes] = ..., job: _Optional[bytes] = ..., height: _Optional[int] = ..., header: _Optional[bytes] = ..., rows: _Optional[int] = ..., file_bytes: _Optional[int] = ..., file_sha256: _Optional[bytes] = ..., split: _Optional[str] = ..., certificate_bytes: _Optional[int] = ..., certificate_sha256: _Optional[bytes] = ...) -> None: ...
