from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class JobStatus(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    JOB_STATUS_UNSPECIFIED: _ClassVar[JobStatus]
    JOB_STATUS_OPEN: _ClassVar[JobStatus]
    JOB_STATUS_DONE: _ClassVar[JobStatus]
    JOB_STATUS_CANCELLED: _ClassVar[JobStatus]
    JOB_STATUS_EXPIRED: _ClassVar[JobStatus]
    JOB_STATUS_OUT_OF_BUDGET: _ClassVar[JobStatus]
JOB_STATUS_UNSPECIFIED: JobStatus
JOB_STATUS_OPEN: JobStatus
JOB_STATUS_DONE: JobStatus
JOB_STATUS_CANCELLED: JobStatus
JOB_STATUS_EXPIRED: JobStatus
JOB_STATUS_OUT_OF_BUDGET: JobStatus

class JobServiceSubmitRequest(_message.Message):
    __slots__ = ("envelope",)
    ENVELOPE_FIELD_NUMBER: _ClassVar[int]
    envelope: bytes
    def __init__(self, envelope: _Optional[bytes] = ...) -> None: ...

class JobServiceSubmitResponse(_message.Message):
    __slots__ = ("job", "known")
    JOB_FIELD_NUMBER: _ClassVar[int]
    KNOWN_FIELD_NUMBER: _ClassVar[int]
    job: bytes
    known: bool
    def __init__(self, job: _Optional[bytes] = ..., known: _Optional[bool] = ...) -> None: ...

class JobServiceGetRequest(_message.Message):
    __slots__ = ("job",)
    JOB_FIELD_NUMBER: _ClassVar[int]
    job: bytes
    def __init__(self, job: _Optional[bytes] = ...) -> None: ...

class JobServiceGetResponse(_message.Message):
    __slots__ = ("job",)
    JOB_FIELD_NUMBER: _ClassVar[int]
    job: JobView
    def __init__(self, job: _Optional[_Union[JobView, _Mapping]] = ...) -> None: ...

class JobServiceListRequest(_message.Message):
    __slots__ = ("limit",)
    LIMIT_FIELD_NUMBER: _ClassVar[int]
    limit: int
    def __init__(self, limit: _Optional[int] = ...) -> None: ...

class JobServiceListResponse(_message.Message):
    __slots__ = ("jobs",)
    JOBS_FIELD_NUMBER: _ClassVar[int]
    jobs: _containers.RepeatedCompositeFieldContainer[JobView]
    def __init__(self, jobs: _Optional[_Iterable[_Union[JobView, _Mapping]]] = ...) -> None: ...

class JobServiceWatchRequest(_message.Message):
    __slots__ = ("job", "after")
    JOB_FIELD_NUMBER: _ClassVar[int]
    AFTER_FIELD_NUMBER: _ClassVar[int]
    job: bytes
    after: int
    def __init__(self, job: _Optional[bytes] = ..., after: _Optional[int] = ...) -> None: ...

class JobServiceWatchResponse(_message.Message):
    __slots__ = ("event",)
    EVENT_FIELD_NUMBER: _ClassVar[int]
    event: JobEvent
    def __init__(self, event: _Optional[_Union[JobEvent, _Mapping]] = ...) -> None: ...

class JobServiceExplainRequest(_message.Message):
    __slots__ = ("subject",)
    SUBJECT_FIELD_NUMBER: _ClassVar[int]
    subject: str
    def __init__(self, subject: _Optional[str] = ...) -> None: ...

class JobServiceExplainResponse(_message.Message):
    __slots__ = ("explanation",)
    EXPLANATION_FIELD_NUMBER: _ClassVar[int]
    explanation: Explanation
    def __init__(self, explanation: _Optional[_Union[Explanation, _Mapping]] = ...) -> None: ...

class JobServiceCancelRequest(_message.Message):
    __slots__ = ("envelope",)
    ENVELOPE_FIELD_NUMBER: _ClassVar[int]
    envelope: bytes
    def __init__(self, envelope: _Optional[bytes] = ...) -> None: ...

class JobServiceCancelResponse(_message.Message):
    __slots__ = ("known",)
    KNOWN_FIELD_NUMBER: _ClassVar[int]
    known: bool
    def __init__(self, known: _Optional[bool] = ...) -> None: ...

class TaskView(_message.Message):
    __slots__ = ("crate", "category", "quota", "accepted", "attempts", "in_flight", "exhausted", "note")
    CRATE_FIELD_NUMBER: _ClassVar[int]
    CATEGORY_FIELD_NUMBER: _ClassVar[int]
    QUOTA_FIELD_NUMBER: _ClassVar[int]
    ACCEPTED_FIELD_NUMBER: _ClassVar[int]
    ATTEMPTS_FIELD_NUMBER: _ClassVar[int]
    IN_FLIGHT_FIELD_NUMBER: _ClassVar[int]
    EXHAUSTED_FIELD_NUMBER: _ClassVar[int]
    NOTE_FIELD_NUMBER: _ClassVar[int]
    crate: str
    category: str
    quota: int
    accepted: int
    attempts: int
    in_flight: int
    exhausted: bool
    note: str
    def __init__(self, crate: _Optional[str] = ..., category: _Optional[str] = ..., quota: _Optional[int] = ..., accepted: _Optional[int] = ..., attempts: _Optional[int] = ..., in_flight: _Optional[int] = ..., exhausted: _Optional[bool] = ..., note: _Optional[str] = ...) -> None: ...

class StateCount(_message.Message):
    __slots__ = ("state", "count")
    STATE_FIELD_NUMBER: _ClassVar[int]
    COUNT_FIELD_NUMBER: _ClassVar[int]
    state: str
    count: int
    def __init__(self, state: _Optional[str] = ..., count: _Optional[int] = ...) -> None: ...

class JobView(_message.Message):
    __slots__ = ("job", "coordinator", "title", "status", "admitted", "deadline_unix_s", "budget", "issued", "rows", "tasks", "states")
    JOB_FIELD_NUMBER: _ClassVar[int]
    COORDINATOR_FIELD_NUMBER: _ClassVar[int]
    TITLE_FIELD_NUMBER: _ClassVar[int]
    STATUS_FIELD_NUMBER: _ClassVar[int]
    ADMITTED_FIELD_NUMBER: _ClassVar[int]
    DEADLINE_UNIX_S_FIELD_NUMBER: _ClassVar[int]
    BUDGET_FIELD_NUMBER: _ClassVar[int]
    ISSUED_FIELD_NUMBER: _ClassVar[int]
    ROWS_FIELD_NUMBER: _ClassVar[int]
    TASKS_FIELD_NUMBER: _ClassVar[int]
    STATES_FIELD_NUMBER: _ClassVar[int]
    job: bytes
    coordinator: bytes
    title: str
    status: JobStatus
    admitted: int
    deadline_unix_s: int
    budget: int
    issued: int
    rows: int
    tasks: _containers.RepeatedCompositeFieldContainer[TaskView]
    states: _containers.RepeatedCompositeFieldContainer[StateCount]
    def __init__(self, job: _Optional[bytes] = ..., coordinator: _Optional[bytes] = ..., title: _Optional[str] = ..., status: _Optional[_Union[JobStatus, str]] = ..., admitted: _Optional[int] = ..., deadline_unix_s: _Optional[int] = ..., budget: _Optional[int] = ..., issued: _Optional[int] = ..., rows: _Optional[int] = ..., tasks: _Optional[_Iterable[_Union[TaskView, _Mapping]]] = ..., states: _Optional[_Iterable[_Union[StateCount, _Mapping]]] = ...) -> None: ...

class JobEvent(_message.Message):
    __slots__ = ("number", "at_unix_ms", "height", "name", "text", "final")
    NUMBER_FIELD_NUMBER: _ClassVar[int]
    AT_UNIX_MS_FIELD_NUMBER: _ClassVar[int]
    HEIGHT_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    TEXT_FIELD_NUMBER: _ClassVar[int]
    FINAL_FIELD_NUMBER: _ClassVar[int]
    number: int
    at_unix_ms: int
    height: int
    name: str
    text: str
    final: bool
    def __init__(self, number: _Optional[int] = ..., at_unix_ms: _Optional[int] = ..., height: _Optional[int] = ..., name: _Optional[str] = ..., text: _Optional[str] = ..., final: _Optional[bool] = ...) -> None: ...

class ExplainedStep(_message.Message):
    __slots__ = ("rule", "text", "source")
    RULE_FIELD_NUMBER: _ClassVar[int]
    TEXT_FIELD_NUMBER: _ClassVar[int]
    SOURCE_FIELD_NUMBER: _ClassVar[int]
    rule: str
    text: str
    source: bytes
    def __init__(self, rule: _Optional[str] = ..., text: _Optional[str] = ..., source: _Optional[bytes] = ...) -> None: ...

class Explanation(_message.Message):
    __slots__ = ("subject", "answer", "steps")
    SUBJECT_FIELD_NUMBER: _ClassVar[int]
    ANSWER_FIELD_NUMBER: _ClassVar[int]
    STEPS_FIELD_NUMBER: _ClassVar[int]
    subject: str
    answer: str
    steps: _containers.RepeatedCompositeFieldContainer[ExplainedStep]
    def __init__(self, subject: _Optional[str] = ..., answer: _Optional[str] = ..., steps: _Optional[_Iterable[_Union[ExplainedStep, _Mapping]]] = ...) -> None: ...
