from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class Turn(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    TURN_UNSPECIFIED: _ClassVar[Turn]
    TURN_CALLER_FAULT: _ClassVar[Turn]
    TURN_OPERATOR: _ClassVar[Turn]
    TURN_LATER: _ClassVar[Turn]
TURN_UNSPECIFIED: Turn
TURN_CALLER_FAULT: Turn
TURN_OPERATOR: Turn
TURN_LATER: Turn

class ErrorDetail(_message.Message):
    __slots__ = ("turn", "rule", "hint", "exit_code", "waits_for")
    TURN_FIELD_NUMBER: _ClassVar[int]
    RULE_FIELD_NUMBER: _ClassVar[int]
    HINT_FIELD_NUMBER: _ClassVar[int]
    EXIT_CODE_FIELD_NUMBER: _ClassVar[int]
    WAITS_FOR_FIELD_NUMBER: _ClassVar[int]
    turn: Turn
    rule: str
    hint: str
    exit_code: int
    waits_for: str
    def __init__(self, turn: _Optional[_Union[Turn, str]] = ..., rule: _Optional[str] = ..., hint: _Optional[str] = ..., exit_code: _Optional[int] = ..., waits_for: _Optional[str] = ...) -> None: ...
