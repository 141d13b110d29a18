"""The committed artifacts are what the committed sources give."""

import shutil
import subprocess
from pathlib import Path

import pytest

CONTRACTS = Path(__file__).parents[2] / "contracts"


UNREACHABLE = ("ENOTFOUND", "EAI_AGAIN", "ECONN", "ETIMEDOUT", "ERR_SOCKET_TIMEOUT", "E429", "E50")
"""What npm says where the registry does not answer; anything else is wrong with our lock file."""


def installed(copy):
    """Have the compiler in `copy`, from the checkout where it is installed, else by npm; skip where it is offline."""
    if (CONTRACTS / "node_modules" / "solc").is_dir():
        (copy / "node_modules").symlink_to(CONTRACTS / "node_modules")
        return
    command = ["npm", "ci", "--no-audit", "--no-fund", "--ignore-scripts"]
    try:
        subprocess.run(command, cwd=copy, capture_output=True, text=True, timeout=400, check=True)
    except (subprocess.CalledProcessError, subprocess.TimeoutExpired) as error:
        said = error.stderr or b""  # bytes after a time-out, whatever was asked for
        words = said if isinstance(said, str) else said.decode(errors="replace")
        if isinstance(error, subprocess.CalledProcessError) and not any(code in words for code in UNREACHABLE):
            raise AssertionError(f"npm ci: {words.strip()[-300:]}") from error
        pytest.skip(f"contracts/node_modules is not there and npm cannot make it: {error}: {words.strip()[-300:]}")


def artifacts_in(folder):
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*.json"))}


@pytest.mark.slow
@pytest.mark.skipif(not shutil.which("npm") or not shutil.which("node"), reason="npm and node are not installed")
def test_building_again_gives_the_same_bytes(tmp_path):
    copy = tmp_path / "elsewhere"
    shutil.copytree(CONTRACTS, copy, ignore=shutil.ignore_patterns("node_modules", "artifacts"))
    installed(copy)
    subprocess.run(["node", "build.mjs"], cwd=copy, check=True, timeout=800)
    fresh = artifacts_in(copy / "artifacts")
    assert "ReputationAnchor.json" in fresh
    assert fresh == artifacts_in(CONTRACTS / "artifacts"), "run `make contracts` and commit what it changes"


def test_the_lock_file_names_no_registry():
    """So that any mirror serves: integrity is in the hashes, not in where a package comes from."""
    text = (CONTRACTS / "package-lock.json").read_text()
    assert "://" not in text.replace("https://github.com/sponsors/", "").replace("https://opencollective.com/", "")
    assert text.count('"integrity": "sha512-') == text.count('"node_modules/')
