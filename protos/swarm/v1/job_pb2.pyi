from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class CratePin(_message.Message):
    __slots__ = ("name", "version", "checksum", "source_digest", "license", "edition")
    NAME_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    CHECKSUM_FIELD_NUMBER: _ClassVar[int]
    SOURCE_DIGEST_FIELD_NUMBER: _ClassVar[int]
    LICENSE_FIELD_NUMBER: _ClassVar[int]
    EDITION_FIELD_NUMBER: _ClassVar[int]
    name: str
    version: str
    checksum: bytes
    source_digest: bytes
    license: str
    edition: str
    def __init__(self, name: _Optional[str] = ..., version: _Optional[str] = ..., checksum: _Optional[bytes] = ..., source_digest: _Optional[bytes] = ..., license: _Optional[str] = ..., edition: _Optional[str] = ...) -> None: ...

class Sampling(_message.Message):
    __slots__ = ("temperature_milli", "top_p_milli", "max_tokens", "seed")
    TEMPERATURE_MILLI_FIELD_NUMBER: _ClassVar[int]
    TOP_P_MILLI_FIELD_NUMBER: _ClassVar[int]
    MAX_TOKENS_FIELD_NUMBER: _ClassVar[int]
    SEED_FIELD_NUMBER: _ClassVar[int]
    temperature_milli: int
    top_p_milli: int
    max_tokens: int
    seed: int
    def __init__(self, temperature_milli: _Optional[int] = ..., top_p_milli: _Optional[int] = ..., max_tokens: _Optional[int] = ..., seed: _Optional[int] = ...) -> None: ...

class JobSpec(_message.Message):
    __slots__ = ("title", "crates", "categories", "quota", "generators", "candidates", "raters", "accept_bp", "review_bp", "budget", "deadline_unix_s", "preset_hash", "sampling", "prompt_set_digest")
    TITLE_FIELD_NUMBER: _ClassVar[int]
    CRATES_FIELD_NUMBER: _ClassVar[int]
    CATEGORIES_FIELD_NUMBER: _ClassVar[int]
    QUOTA_FIELD_NUMBER: _ClassVar[int]
    GENERATORS_FIELD_NUMBER: _ClassVar[int]
    CANDIDATES_FIELD_NUMBER: _ClassVar[int]
    RATERS_FIELD_NUMBER: _ClassVar[int]
    ACCEPT_BP_FIELD_NUMBER: _ClassVar[int]
    REVIEW_BP_FIELD_NUMBER: _ClassVar[int]
    BUDGET_FIELD_NUMBER: _ClassVar[int]
    DEADLINE_UNIX_S_FIELD_NUMBER: _ClassVar[int]
    PRESET_HASH_FIELD_NUMBER: _ClassVar[int]
    SAMPLING_FIELD_NUMBER: _ClassVar[int]
    PROMPT_SET_DIGEST_FIELD_NUMBER: _ClassVar[int]
    title: str
    crates: _containers.RepeatedCompositeFieldContainer[CratePin]
    categories: _containers.RepeatedScalarFieldContainer[str]
    quota: int
    generators: int
    candidates: int
    raters: int
    accept_bp: int
    review_bp: int
    budget: int
    deadline_unix_s: int
    preset_hash: bytes
    sampling: Sampling
    prompt_set_digest: bytes
    def __init__(self, title: _Optional[str] = ..., crates: _Optional[_Iterable[_Union[CratePin, _Mapping]]] = ..., categories: _Optional[_Iterable[str]] = ..., quota: _Optional[int] = ..., generators: _Optional[int] = ..., candidates: _Optional[int] = ..., raters: _Optional[int] = ..., accept_bp: _Optional[int] = ..., review_bp: _Optional[int] = ..., budget: _Optional[int] = ..., deadline_unix_s: _Optional[int] = ..., preset_hash: _Optional[bytes] = ..., sampling: _Optional[_Union[Sampling, _Mapping]] = ..., prompt_set_digest: _Optional[bytes] = ...) -> None: ...

class JobCancel(_message.Message):
    __slots__ = ("job",)
    JOB_FIELD_NUMBER: _ClassVar[int]
    job: bytes
    def __init__(self, job: _Optional[bytes] = ...) -> None: ...
