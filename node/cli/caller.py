"""Which node a command talks to and with whose key: the options that most commands share."""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from node.errors import OperatorError

if TYPE_CHECKING:  # heavy; imported where they are used
    from consensus.types import JobId
    from node.home import NodeHome
    from node.identity import NodeKey
    from node.rpc.client import NodeClient

DEFAULT_DATA = "~/.swarm-node"


def data_option(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add `--data`."""
    return click.option(
        "--data",
        type=click.Path(path_type=Path),
        default=DEFAULT_DATA,
        envvar="SWARM_NODE_DATA",
        show_default=True,
        help="The node's data folder.",
    )(command)


def passphrase_option(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add `--passphrase-file`."""
    return click.option(
        "--passphrase-file",
        type=click.Path(path_type=Path, dir_okay=False),
        envvar="SWARM_NODE_PASSPHRASE_FILE",
        help="File whose first line opens the identity. Mode 0600.",
    )(command)


def json_option(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add `--json`."""
    return click.option("--json", "as_json", is_flag=True, help="Print JSON.")(command)


@dataclass(frozen=True, slots=True)
class Caller:
    """What the shared options say."""

    data: Path
    node: str | None
    key: Path | None
    passphrase_file: Path | None

    @property
    def home(self) -> NodeHome:
        """The data folder."""
        return home_of(self.data)

    def load_key(self) -> NodeKey:
        """The key that calls and signs: of `--key`, else of the data folder.

        Raises:
            OperatorError: There is none, or it cannot be opened.
        """
        return load_key(self.key or self.home.root, self.passphrase_file)

    def connect(self) -> NodeClient:
        """Prepare to call the node that is meant; the connection is made by the first call.

        A stranger's node may be asked without an identity: keys are free, and one is made for this command then.

        Raises:
            OperatorError: No node is named and the data folder holds none.
        """
        from node.config import load_config
        from node.identity import IdentityStore, NodeKey
        from node.rpc.client import NodeClient

        own = IdentityStore((self.key or self.home.root).expanduser())
        if self.node is not None:
            return NodeClient.connect(self.node, self.load_key() if own.exists else NodeKey.generate())
        if not self.home.config.is_file():
            raise OperatorError(
                f"{self.home.root} holds no node",
                hint="Make one with `swarm-node init`, name its folder with --data, or a running node with --node.",
            )
        rpc = load_config(self.home.config).rpc
        host = f"[{rpc.host}]" if ":" in rpc.host else rpc.host
        # The folder's own node must answer there: its operator's calls are for nobody else.
        expected = load_key(self.home.root, self.passphrase_file)
        return NodeClient.connect(f"{host}:{rpc.port}", self.load_key(), node=expected.node)


def caller_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options that say whom to call; the command gets a `caller`."""

    @data_option
    @click.option("--node", metavar="HOST:PORT", help="Another node's gRPC address instead of the data folder's own.")
    @click.option(
        "--key",
        type=click.Path(path_type=Path, file_okay=False),
        help="Folder of the identity to call and sign with, where it is not the data folder's.",
    )
    @passphrase_option
    @functools.wraps(command)
    def with_caller(
        *args: Any, data: Path, node: str | None, key: Path | None, passphrase_file: Path | None, **options: Any
    ) -> Any:
        return command(*args, caller=Caller(data, node, key, passphrase_file), **options)

    return with_caller


def home_of(data: Path) -> NodeHome:
    """The data folder that an option names."""
    from node.home import NodeHome

    return NodeHome(data.expanduser().absolute())


def load_key(folder: Path, passphrase_file: Path | None) -> NodeKey:
    """The identity in a folder.

    Raises:
        OperatorError: There is none, or it cannot be opened.
    """
    from node.identity import IdentityStore

    return IdentityStore(folder.expanduser(), passphrase=read_passphrase(passphrase_file)).load()


def read_passphrase(path: Path | None) -> bytes | None:
    """The passphrase in a file; None where no file is given.

    Raises:
        OperatorError: It cannot be read, or others may read it.
    """
    from node.identity import load_passphrase

    return None if path is None else load_passphrase(path.expanduser())


async def find_job(client: NodeClient, text: str) -> JobId:
    """The job whose id begins with `text`, as people write it.

    Raises:
        OperatorError: It is no beginning of an id, or of none or several of the node's jobs.
    """
    from consensus.types import JobId
    from node.errors import ExitCode

    text = text.lower()
    if not 4 <= len(text) <= 64 or set(text) - set("0123456789abcdef"):
        raise OperatorError(
            f"{text[:70]!r} is no job id", hint="Give its first hex digits, as `swarm-node job list` shows them."
        )
    if len(text) == 64:
        return JobId(bytes.fromhex(text))
    found = [view.job for view in await client.list_jobs() if view.job.hex().startswith(text)]
    if len(found) != 1:
        raise OperatorError(
            f"{len(found)} jobs begin with {text}" if found else f"no job of this node begins with {text}",
            hint="Give more digits." if found else "List its jobs with `swarm-node job list`.",
            exit_code=ExitCode.NOT_SO,
        )
    return found[0]
