from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from typing import ClassVar as _ClassVar, Optional as _Optional

DESCRIPTOR: _descriptor.FileDescriptor

class Application(_message.Message):
    __slots__ = ("until", "owner", "owner_signature")
    UNTIL_FIELD_NUMBER: _ClassVar[int]
    OWNER_FIELD_NUMBER: _ClassVar[int]
    OWNER_SIGNATURE_FIELD_NUMBER: _ClassVar[int]
    until: int
    owner: bytes
    owner_signature: bytes
    def __init__(self, until: _Optional[int] = ..., owner: _Optional[bytes] = ..., owner_signature: _Optional[bytes] = ...) -> None: ...
