from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class Prompt(_message.Message):
    __slots__ = ("system", "user")
    SYSTEM_FIELD_NUMBER: _ClassVar[int]
    USER_FIELD_NUMBER: _ClassVar[int]
    system: str
    user: str
    def __init__(self, system: _Optional[str] = ..., user: _Optional[str] = ...) -> None: ...

class GenerationSettings(_message.Message):
    __slots__ = ("max_tokens", "temperature_milli", "top_p_milli", "seed", "json_schema")
    MAX_TOKENS_FIELD_NUMBER: _ClassVar[int]
    TEMPERATURE_MILLI_FIELD_NUMBER: _ClassVar[int]
    TOP_P_MILLI_FIELD_NUMBER: _ClassVar[int]
    SEED_FIELD_NUMBER: _ClassVar[int]
    JSON_SCHEMA_FIELD_NUMBER: _ClassVar[int]
    max_tokens: int
    temperature_milli: int
    top_p_milli: int
    seed: int
    json_schema: str
    def __init__(self, max_tokens: _Optional[int] = ..., temperature_milli: _Optional[int] = ..., top_p_milli: _Optional[int] = ..., seed: _Optional[int] = ..., json_schema: _Optional[str] = ...) -> None: ...

class Generation(_message.Message):
    __slots__ = ("text", "finish", "prompt_tokens", "completion_tokens", "model")
    TEXT_FIELD_NUMBER: _ClassVar[int]
    FINISH_FIELD_NUMBER: _ClassVar[int]
    PROMPT_TOKENS_FIELD_NUMBER: _ClassVar[int]
    COMPLETION_TOKENS_FIELD_NUMBER: _ClassVar[int]
    MODEL_FIELD_NUMBER: _ClassVar[int]
    text: str
    finish: str
    prompt_tokens: int
    completion_tokens: int
    model: str
    def __init__(self, text: _Optional[str] = ..., finish: _Optional[str] = ..., prompt_tokens: _Optional[int] = ..., completion_tokens: _Optional[int] = ..., model: _Optional[str] = ...) -> None: ...

class InferenceServiceDescribeRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class InferenceServiceDescribeResponse(_message.Message):
    __slots__ = ("model", "backend", "context_tokens", "schema_enforced")
    MODEL_FIELD_NUMBER: _ClassVar[int]
    BACKEND_FIELD_NUMBER: _ClassVar[int]
    CONTEXT_TOKENS_FIELD_NUMBER: _ClassVar[int]
    SCHEMA_ENFORCED_FIELD_NUMBER: _ClassVar[int]
    model: str
    backend: str
    context_tokens: int
    schema_enforced: bool
    def __init__(self, model: _Optional[str] = ..., backend: _Optional[str] = ..., context_tokens: _Optional[int] = ..., schema_enforced: _Optional[bool] = ...) -> None: ...

class InferenceServiceGenerateRequest(_message.Message):
    __slots__ = ("prompt", "settings")
    PROMPT_FIELD_NUMBER: _ClassVar[int]
    SETTINGS_FIELD_NUMBER: _ClassVar[int]
    prompt: Prompt
    settings: GenerationSettings
    def __init__(self, prompt: _Optional[_Union[Prompt, _Mapping]] = ..., settings: _Optional[_Union[GenerationSettings, _Mapping]] = ...) -> None: ...

class InferenceServiceGenerateResponse(_message.Message):
    __slots__ = ("generation",)
    GENERATION_FIELD_NUMBER: _ClassVar[int]
    generation: Generation
    def __init__(self, generation: _Optional[_Union[Generation, _Mapping]] = ...) -> None: ...

class InferenceServiceGenerateStreamRequest(_message.Message):
    __slots__ = ("prompt", "settings")
    PROMPT_FIELD_NUMBER: _ClassVar[int]
    SETTINGS_FIELD_NUMBER: _ClassVar[int]
    prompt: Prompt
    settings: GenerationSettings
    def __init__(self, prompt: _Optional[_Union[Prompt, _Mapping]] = ..., settings: _Optional[_Union[GenerationSettings, _Mapping]] = ...) -> None: ...

class InferenceServiceGenerateStreamResponse(_message.Message):
    __slots__ = ("text", "generation")
    TEXT_FIELD_NUMBER: _ClassVar[int]
    GENERATION_FIELD_NUMBER: _ClassVar[int]
    text: str
    generation: Generation
    def __init__(self, text: _Optional[str] = ..., generation: _Optional[_Union[Generation, _Mapping]] = ...) -> None: ...

class InferenceServiceScoreRequest(_message.Message):
    __slots__ = ("prompt", "choices")
    PROMPT_FIELD_NUMBER: _ClassVar[int]
    CHOICES_FIELD_NUMBER: _ClassVar[int]
    prompt: Prompt
    choices: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, prompt: _Optional[_Union[Prompt, _Mapping]] = ..., choices: _Optional[_Iterable[str]] = ...) -> None: ...

class InferenceServiceScoreResponse(_message.Message):
    __slots__ = ("log_probabilities", "model", "method")
    LOG_PROBABILITIES_FIELD_NUMBER: _ClassVar[int]
    MODEL_FIELD_NUMBER: _ClassVar[int]
    METHOD_FIELD_NUMBER: _ClassVar[int]
    log_probabilities: _containers.RepeatedScalarFieldContainer[float]
    model: str
    method: str
    def __init__(self, log_probabilities: _Optional[_Iterable[float]] = ..., model: _Optional[str] = ..., method: _Optional[str] = ...) -> None: ...
