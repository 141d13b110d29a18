"""The container image and the three-node swarm, as far as they can be checked without a container engine."""

import ipaddress
import json
import re
import shlex
import subprocess
import sys
import tomllib
from pathlib import Path

import click
import pytest

from node.cli import main

ROOT = Path(__file__).parents[2]
DOCKERFILE = (ROOT / "Dockerfile").read_text()
COMPOSE = ROOT / "docker-compose.yml"
NODES = ("node1", "node2", "node3")


def instructions() -> list[tuple[str, str]]:
    """The Dockerfile's instructions, continued lines joined, comments left out."""
    text = re.sub(r"^#.*\n", "", DOCKERFILE, flags=re.MULTILINE).replace("\\\n", " ")
    return [(line.split()[0], line.split(maxsplit=1)[1]) for line in text.splitlines() if line.strip()]


@pytest.fixture(scope="module")
def compose() -> dict:
    yaml = pytest.importorskip("ruamel.yaml", reason="check-jsonschema, which brings a YAML parser, is not installed")
    return yaml.YAML(typ="safe", pure=True).load(COMPOSE)


def test_the_compose_file_is_valid_by_the_compose_specification():
    pytest.importorskip("check_jsonschema", reason="check-jsonschema, which holds the schema, is not installed")
    command = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.compose-spec", COMPOSE]
    checked = subprocess.run(command, capture_output=True, text=True, check=False)
    assert checked.returncode == 0, checked.stdout + checked.stderr


def test_the_image_is_built_by_the_command_that_developers_use():
    runs = [text for name, text in instructions() if name == "RUN"]
    assert "make setup" in runs
    assert re.search(r"^setup:", (ROOT / "Makefile").read_text(), re.MULTILINE)
    assert not any("pip install" in text for text in runs), "pip is make's business"


def test_the_image_runs_as_an_ordinary_user_and_tells_how_it_is():
    names = [name for name, _ in instructions()]
    last_stage = names[len(names) - 1 - names[::-1].index("FROM") :]
    assert last_stage.index("USER") < last_stage.index("ENTRYPOINT")
    users = [text for name, text in instructions() if name == "USER"]
    assert users == ["swarm"]
    assert last_stage.count("HEALTHCHECK") == 1


def test_every_stage_starts_from_a_pinned_release():
    releases = dict(text.split("=") for name, text in instructions() if name == "ARG")
    for name, text in instructions():
        image = text.split()[0]
        if name == "FROM" and image not in {"base", "build"}:
            assert re.fullmatch(r"rust:\$\{RUST_RELEASE\}-slim-bookworm", image)
    assert re.fullmatch(r"\d+\.\d+\.\d+", releases["RUST_RELEASE"])


def test_the_build_context_holds_what_is_installed_and_nothing_private():
    lines = (ROOT / ".dockerignore").read_text().splitlines()
    patterns = [line for line in lines if line and not line.startswith("#")]
    assert patterns[0] == "*"
    allowed = {pattern[1:].rstrip("/") for pattern in patterns if pattern.startswith("!")}
    packages = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]["packages"]["find"]["include"]
    assert {package.rstrip("*") for package in packages} <= allowed
    rule = re.search(r"^\.stamps/setup:(.*)$", (ROOT / "Makefile").read_text(), re.MULTILINE)
    needed = {name for name in rule[1].split() if not name.startswith(".stamps")}
    assert needed | {"Makefile", "README.md", "LICENSE", ".ci/system-packages"} <= allowed
    assert not {".git", ".venv", "out", "tests", ".demo"} & allowed


def test_each_node_has_a_data_volume_an_address_and_waits_for_the_genesis(compose):
    volumes, addresses = set(), set()
    subnet = ipaddress.ip_network(compose["networks"]["swarm"]["ipam"]["config"][0]["subnet"])
    for name in NODES:
        node = compose["services"][name]
        (data,) = [mount.split(":")[0] for mount in node["volumes"] if mount.endswith(":/data")]
        volumes.add(data)
        addresses.add(ipaddress.ip_address(node["networks"]["swarm"]["ipv4_address"]))
        assert node["depends_on"]["init"]["condition"] == "service_completed_successfully"
    assert len(volumes) == len(addresses) == 3
    assert volumes < set(compose["volumes"])
    assert all(address in subnet for address in addresses)


def test_init_prepares_every_nodes_volume_and_makes_them_known_to_each_other(compose):
    init = compose["services"]["init"]
    mounted = {mount.split(":")[0]: mount.split(":")[1] for mount in init["volumes"]}
    assert {mounted[name] for name in NODES} == {"/nodes/1", "/nodes/2", "/nodes/3"}
    (script,) = init["command"]
    for name in NODES:
        assert f"--bootstrap {compose['services'][name]['networks']['swarm']['ipv4_address']}:7001" in script
    made = next(text for name, text in instructions() if name == "RUN" and "install --directory" in text)
    for folder in ("/data", "/network", "/nodes/1", "/nodes/2", "/nodes/3"):
        assert folder in shlex.split(made), "a new volume takes its owner from the image's folder"


@pytest.mark.parametrize("name", [*NODES, "init"])
def test_containers_have_no_power_beyond_what_the_sandbox_needs(compose, name):
    service = compose["services"][name]
    assert "privileged" not in service
    assert "cap_add" not in service
    assert service["cap_drop"] == ["ALL"]
    assert "no-new-privileges:true" in service["security_opt"]
    if name in NODES:
        assert service["read_only"] is True
        assert {"seccomp=unconfined", "systempaths=unconfined"} < set(service["security_opt"])
    assert all(port.startswith("127.0.0.1:") for port in service.get("ports", []))


def command_lines(compose) -> list[list[str]]:
    """Every `swarm-node` command line in the two files, its words after the program's name."""
    lines = [json.loads(text) for name, text in instructions() if name == "CMD"]
    lines += [json.loads(text.partition("CMD ")[2])[1:] for name, text in instructions() if name == "HEALTHCHECK"]
    lines += [compose["services"][name]["command"] for name in NODES]
    (script,) = compose["services"]["init"]["command"]
    spoken = [line for line in script.replace("\\\n", " ").splitlines() if "swarm-node" in line]
    return lines + [shlex.split(line)[1:] for line in spoken]


def test_the_commands_exist_with_these_options(compose):
    lines = command_lines(compose)
    assert {line[0] for line in lines} == {"start", "init", "status"}
    for name, *words in lines:
        command = main.get_command(click.Context(main), name)
        assert command is not None, name
        known = {flag for parameter in command.params for flag in parameter.opts}
        assert {word for word in words if word.startswith("--")} <= known, name
