"""The command line as users meet it: what it prints, and the code it ends with."""

from dataclasses import dataclass

import pytest
from click.testing import CliRunner

from node.cli import main
from node.config import load_config
from node.demo.ground import find_ports


@dataclass(frozen=True)
class Ended:
    """How a command ended."""

    code: int
    out: str
    err: str

    @property
    def error(self):
        """The one line that says what is wrong."""
        found = [line.removeprefix("error: ") for line in self.err.splitlines() if line.startswith("error: ")]
        assert len(found) == 1, self.err
        return found[0]

    @property
    def hint(self):
        found = [line.removeprefix("hint: ") for line in self.err.splitlines() if line.startswith("hint: ")]
        assert len(found) == 1, self.err
        return found[0]


def run(*words, stdin=None):
    """One command line. A traceback fails the test: users never see one."""
    result = CliRunner().invoke(main, [str(word) for word in words], input=stdin, prog_name="swarm-node")
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return Ended(result.exit_code, result.stdout, result.stderr)


@pytest.fixture
def home(tmp_path):
    """A data folder as `init` makes it, with ports that no test of another worker has."""
    folder = tmp_path / "node"
    gossip, rpc = find_ports(2)
    assert run("init", "--data", folder, "--port", gossip, "--rpc-port", rpc).code == 0
    return folder


def ports_of(home):
    """For gossip and for gRPC, as its settings say."""
    config = load_config(home / "config.toml")
    return config.network.port, config.rpc.port


def files_below(folder):
    """Everything below a folder, with its bytes."""
    return {
        str(path.relative_to(folder)): path.read_bytes() if path.is_file() else None
        for path in sorted(folder.rglob("*"))
    }
