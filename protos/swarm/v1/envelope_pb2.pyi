from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class Kind(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    KIND_UNSPECIFIED: _ClassVar[Kind]
    KIND_JOB: _ClassVar[Kind]
    KIND_CANCEL: _ClassVar[Kind]
    KIND_CANDIDATE_COMMIT: _ClassVar[Kind]
    KIND_CANDIDATE_NOTICE: _ClassVar[Kind]
    KIND_RATING_COMMIT: _ClassVar[Kind]
    KIND_RATING_REVEAL: _ClassVar[Kind]
    KIND_GENERATOR_REVEAL: _ClassVar[Kind]
    KIND_ATTESTATION: _ClassVar[Kind]
    KIND_PROPOSAL: _ClassVar[Kind]
    KIND_PREVOTE: _ClassVar[Kind]
    KIND_PRECOMMIT: _ClassVar[Kind]
    KIND_CERTIFICATE: _ClassVar[Kind]
    KIND_EVIDENCE: _ClassVar[Kind]
    KIND_EXPIRY: _ClassVar[Kind]
    KIND_APPLICATION: _ClassVar[Kind]
KIND_UNSPECIFIED: Kind
KIND_JOB: Kind
KIND_CANCEL: Kind
KIND_CANDIDATE_COMMIT: Kind
KIND_CANDIDATE_NOTICE: Kind
KIND_RATING_COMMIT: Kind
KIND_RATING_REVEAL: Kind
KIND_GENERATOR_REVEAL: Kind
KIND_ATTESTATION: Kind
KIND_PROPOSAL: Kind
KIND_PREVOTE: Kind
KIND_PRECOMMIT: Kind
KIND_CERTIFICATE: Kind
KIND_EVIDENCE: Kind
KIND_EXPIRY: Kind
KIND_APPLICATION: Kind

class Envelope(_message.Message):
    __slots__ = ("protocol", "network", "kind", "payload", "signer", "signature")
    PROTOCOL_FIELD_NUMBER: _ClassVar[int]
    NETWORK_FIELD_NUMBER: _ClassVar[int]
    KIND_FIELD_NUMBER: _ClassVar[int]
    PAYLOAD_FIELD_NUMBER: _ClassVar[int]
    SIGNER_FIELD_NUMBER: _ClassVar[int]
    SIGNATURE_FIELD_NUMBER: _ClassVar[int]
    protocol: int
    network: bytes
    kind: Kind
    payload: bytes
    signer: bytes
    signature: bytes
    def __init__(self, protocol: _Optional[int] = ..., network: _Optional[bytes] = ..., kind: _Optional[_Union[Kind, str]] = ..., payload: _Optional[bytes] = ..., signer: _Optional[bytes] = ..., signature: _Optional[bytes] = ...) -> None: ...
