"""One node's own settings: frozen, with units, loaded once from `config.toml` and passed down.

What all nodes must share is not here but in the genesis and the preset (`consensus.params`). Unknown keys are
refused: a misspelt setting that silently does nothing costs its operator more than an error.
"""

from __future__ import annotations

import dataclasses
import tomllib
import types
import typing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from node.errors import OperatorError
from node.small_files import read_small

CONFIG_BYTES_MAX = 64 * 1024


@dataclass(frozen=True, slots=True)
class NodeSection:
    """Who runs this node."""

    owner: str = ""
    """Whose node it is, if it is a founder; empty: its own. Who joins later has its owner's signature instead."""
    log_level: str = "info"


@dataclass(frozen=True, slots=True)
class NetworkSection:
    """Gossip and how peers are found."""

    host: str = "127.0.0.1"
    """Address to listen on. A concrete one: on 0.0.0.0 a node would announce an address nobody can dial."""
    port: int = 7001
    bootstrap: tuple[str, ...] = ()
    """`host:port` or `p2p://<peer id>@host:port` of any nodes; all may be down."""
    mdns: bool = False
    """Look for peers on the local network."""


@dataclass(frozen=True, slots=True)
class RpcSection:
    """The gRPC services."""

    host: str = "127.0.0.1"
    port: int = 7000
    health_port: int = 0
    """gRPC health and reflection without a key, on loopback only; 0: none."""
    operators: tuple[str, ...] = ()
    """Peer ids of other keys that may stop this node and ask it everything; its own always may."""
    model_users: tuple[str, ...] = ()
    """Peer ids of nodes that may use this node's language model; members of the same owner may anyway."""


@dataclass(frozen=True, slots=True)
class StoreSection:
    """Where the node remembers."""

    url: str = ""
    """SQLAlchemy URL; empty: SQLite in the data folder."""


ENGINE_KINDS = ("source", "openai", "vllm", "vllm-managed", "peer")


@dataclass(frozen=True, slots=True)
class EngineSection:
    """What generates, and judges where it is a language model."""

    kind: str = "source"
    """`source`: the crates' own code, no model. `openai`: a server that speaks its protocol (`vllm serve` and others).
    `vllm`: in this process. `vllm-managed`: a vLLM server that the node starts, watches and starts again.
    `peer`: the model of another node of the same owner."""
    url: str = ""
    """Of the server, for `openai`: `http://127.0.0.1:8000/v1`. With a key, plain HTTP goes to this machine only. For
    `peer` the other node's gRPC: `host:port`, with `<peer id>@` before it to hold it to that node."""
    model: str = ""
    """As the server names it, or a folder of weights for `vllm` and `vllm-managed`. Empty: the only one served."""
    key_env: str = "SWARM_NODE_ENGINE_KEY"
    """Environment variable with the server's key; not set: none."""
    key_file: str = ""
    """File whose first line is the key; goes before `key_env`. The key itself is no setting."""
    concurrency: int = 64
    """Requests at once, at most. How many the server really takes is found from its answers."""
    context_tokens: int = 0
    """Bound for `vllm` and `vllm-managed`, and for servers that do not tell theirs; 0: as the model has it."""
    python: str = ""
    """Interpreter with vLLM for `vllm-managed`, so that it can live in its own environment; empty: this one."""
    args: tuple[str, ...] = ()
    """More of vLLM's arguments for `vllm` and `vllm-managed`, e.g. `--tensor-parallel-size=2`."""
    start_s: int = 900
    """Seconds that a managed server may take to load its model."""


@dataclass(frozen=True, slots=True)
class WorkSection:
    """Generating, checking, rating."""

    cores: int = 1
    """Compilers and tests run at once."""
    sandbox: str = "auto"
    """`auto`: the strongest level that the self-test finds; or `strict`, `standard`, `container`, `none`."""
    crates: str = ""
    """Folder of fetched crates; empty: in the data folder. Nodes of one machine may share it: crates are verified."""
    bench: str = ""
    """Build folders of the checks; empty: in the data folder. Nodes of one operator and machine may share it."""
    misbehave: str = ""
    """For tests and the demo only: rate dishonestly in one of the ways of `node.rating.misbehaviour`."""


@dataclass(frozen=True, slots=True)
class ChainSection:
    """The EVM chain that the ledger is anchored on; optional, and may begin at any time."""

    endpoint: str = ""
    """JSON-RPC over HTTP; `embedded`: an EVM in this process, for a first try; empty: no chain."""
    deployment: str = ""
    """File that says where the swarm's contracts are; empty: `chain.json` in the data folder."""
    confirmations: int = 12
    """Blocks, its own included, after which a transaction is taken to stay."""
    fee_max_gwei: int = 500
    """Above this price of gas nothing is sent until the chain is cheaper."""
    shards: bool = True
    """Commit shards as well as epochs."""


@dataclass(frozen=True, slots=True)
class NodeConfig:
    """Everything an operator can set."""

    node: NodeSection = field(default_factory=NodeSection)
    network: NetworkSection = field(default_factory=NetworkSection)
    rpc: RpcSection = field(default_factory=RpcSection)
    store: StoreSection = field(default_factory=StoreSection)
    engine: EngineSection = field(default_factory=EngineSection)
    work: WorkSection = field(default_factory=WorkSection)
    chain: ChainSection = field(default_factory=ChainSection)


def load_config(path: Path) -> NodeConfig:
    """Read and check a node's settings.

    Raises:
        OperatorError: Not readable, not TOML, an unknown key, a wrong type or a value out of range; names the key.
    """
    raw = read_small(path, CONFIG_BYTES_MAX, hint="Run `swarm-node init`, which writes one, or name the right file.")
    try:
        values = tomllib.loads(raw.decode())
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise OperatorError(f"{path} is not TOML: {error}", hint="correct the line it names") from error
    return parse_config(values, str(path))


def parse_config(values: dict[str, Any], source: str) -> NodeConfig:
    """Build the settings from parsed TOML; `source` names the file in errors."""
    sections = typing.get_type_hints(NodeConfig)
    _refuse_unknown(values, sections, source)
    config = NodeConfig(**{name: _section(kind, values.get(name, {}), name, source) for name, kind in sections.items()})
    _check_ranges(config, source)
    return config


def _refuse_unknown(values: dict[str, Any], known: typing.Collection[str], source: str) -> None:
    for key in values:
        if key not in known:
            raise OperatorError(f"{source}: unknown setting `{key}`", hint=f"known here: {', '.join(sorted(known))}")


def _section(kind: Any, values: Any, name: str, source: str) -> Any:
    if not isinstance(values, dict):
        raise OperatorError(f"{source}: `{name}` is a section", hint=f"write [{name}] on a line of its own")
    hints = typing.get_type_hints(kind)
    _refuse_unknown(values, hints, f"{source} [{name}]")
    return kind(**{key: _value(hints[key], value, f"{name}.{key}", source) for key, value in values.items()})


def _value(kind: Any, value: Any, key: str, source: str) -> Any:
    wanted = list if isinstance(kind, types.GenericAlias) else kind
    if type(value) is not wanted or (wanted is list and not all(isinstance(item, str) for item in value)):
        expected = "a list of texts" if wanted is list else wanted.__name__
        raise OperatorError(f"{source}: `{key}` is {value!r}", hint=f"it has to be {expected}")
    return tuple(value) if wanted is list else value


def _check_ranges(config: NodeConfig, source: str) -> None:
    for section, port in (("network", config.network.port), ("rpc", config.rpc.port)):
        if not 1 <= port <= 65535:
            raise OperatorError(f"{source}: `{section}.port` is {port}", hint="a port is 1 to 65535")
    if not 0 <= config.rpc.health_port <= 65535:
        raise OperatorError(
            f"{source}: `rpc.health_port` is {config.rpc.health_port}", hint="1 to 65535, or 0 for none"
        )
    if not 1 <= config.work.cores <= 1024:
        raise OperatorError(f"{source}: `work.cores` is {config.work.cores}", hint="at least 1")
    check_engine(config.engine, source)
    levels = ("auto", "strict", "standard", "container", "none")
    if config.work.sandbox not in levels:
        raise OperatorError(f"{source}: `work.sandbox` is {config.work.sandbox!r}", hint=f"one of {', '.join(levels)}")
    if not 1 <= config.chain.confirmations <= 1000:
        raise OperatorError(
            f"{source}: `chain.confirmations` is {config.chain.confirmations}", hint="1 to 1000; 12 is usual"
        )
    if not 1 <= config.chain.fee_max_gwei <= 1_000_000:
        raise OperatorError(f"{source}: `chain.fee_max_gwei` is {config.chain.fee_max_gwei}", hint="1 to 1000000")


def check_engine(engine: EngineSection, source: str) -> None:
    """Refuse an engine that cannot be meant; `source` says in errors where it was named.

    Raises:
        OperatorError: An unknown kind, a value out of range, or no address or model where one is needed.
    """
    if engine.kind not in ENGINE_KINDS:
        raise OperatorError(f"{source}: `engine.kind` is {engine.kind!r}", hint=f"one of {', '.join(ENGINE_KINDS)}")
    if engine.kind in {"openai", "peer"} and not engine.url:
        raise OperatorError(
            f"{source}: `engine.url` is missing",
            hint="the address: of a server e.g. http://127.0.0.1:8000/v1, of a node e.g. 10.0.0.7:7000",
        )
    if engine.kind.startswith("vllm") and not engine.model:
        raise OperatorError(f"{source}: `engine.model` is missing", hint="a folder of weights, or a name vLLM can load")
    for name, value, least, most in (
        ("concurrency", engine.concurrency, 1, 4096),
        ("context_tokens", engine.context_tokens, 0, 1 << 22),
        ("start_s", engine.start_s, 1, 86_400),
    ):
        if not least <= value <= most:
            raise OperatorError(f"{source}: `engine.{name}` is {value}", hint=f"{least} to {most}")


def render_config(config: NodeConfig) -> str:
    """The settings as TOML, every key written out, so that an operator sees what there is to set."""
    lines = []
    for section in dataclasses.fields(config):
        lines.append(f"[{section.name}]")
        values = getattr(config, section.name)
        lines += [f"{item.name} = {_toml(getattr(values, item.name))}" for item in dataclasses.fields(values)]
        lines.append("")
    return "\n".join(lines)


def _toml(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, tuple):
        return "[" + ", ".join(_toml(item) for item in value) + "]"
    text = str(value).replace("\\", "\\\\").replace('"', '\\"')
    return f'"{text}"'
