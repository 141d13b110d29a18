"""Commands in the documents and in every help text are commands that exist, with options that exist."""

import re
import shlex
from pathlib import Path

import click
import pytest

from node.cli import COMMANDS, main
from node.config import NodeConfig, render_config
from node.errors import ExitCode
from tests.unit.cli.conftest import run

ROOT = Path(__file__).parents[3]
DOCUMENTS = ("README.md", "docs/operating.md", "docs/chain.md", "docker-compose.yml")


def all_commands():
    def below(command, path):
        yield path, command
        if isinstance(command, click.Group):
            context = click.Context(command)
            for name in command.list_commands(context):
                yield from below(command.get_command(context, name), (*path, name))

    return list(below(main, ()))


def spoken(text):
    """Command lines of ours in a text, comments cut off."""
    for line in re.findall(r"swarm-node (?!\()([a-z][^`\n#)]*)", text):
        words = shlex.split(line.replace("$$", "").rstrip("\\"))
        if words and words[0] in COMMANDS:
            yield words


def check(words):
    """Walk to the command and look at each option and whether it takes a value."""
    command = main
    while words and isinstance(command, click.Group):
        command = command.get_command(click.Context(command), words.pop(0))
        assert command is not None, words
    known = {name for option in command.params for name in (*option.opts, *option.secondary_opts)}
    unknown = [word for word in words if re.fullmatch(r"--[a-z-]+", word) and word not in {*known, "--help"}]
    assert not unknown, f"{command.name} has no {unknown}"


@pytest.mark.parametrize("name", DOCUMENTS)
def test_commands_in_the_documents_exist(name):
    found = list(spoken((ROOT / name).read_text()))
    assert found
    for words in found:
        check(words)


@pytest.mark.parametrize(
    ("path", "command"), all_commands(), ids=lambda item: " ".join(item) if type(item) is tuple else ""
)
def test_every_command_has_help_with_an_example_that_exists(path, command):
    ended = run(*path, "--help")
    assert ended.code == 0
    assert command.help
    if not isinstance(command, click.Group):
        assert "Example" in ended.out
        for words in spoken(ended.out):
            check(words)


def test_the_readme_lists_every_setting_and_no_other():
    settings, section = set(), ""
    for line in render_config(NodeConfig()).splitlines():
        if line.startswith("["):
            section = line[1:-1]
        elif line:
            settings.add(f"{section}.{line.partition(' ')[0]}")
    names = r"`((?:node|network|rpc|store|engine|work|chain)\.[a-z_]+)`"
    listed = set(re.findall(names, (ROOT / "README.md").read_text()))
    assert listed == settings


def test_exit_codes_are_as_documented():
    rows = dict(re.findall(r"^\| (\d+) \| (.+) \|$", (ROOT / "README.md").read_text(), re.MULTILINE))
    assert {str(int(code)) for code in ExitCode} | {"130"} == set(rows)
    assert "does not hold" in rows[str(int(ExitCode.NOT_SO))]
    assert "usage" in rows[str(int(ExitCode.USAGE))]
    assert "not available" in rows[str(int(ExitCode.UNAVAILABLE))]


def test_an_unknown_command_is_usage():
    assert run("dance").code == 2
