"""The compiled selector crate that instrumented builds link (`schemata`)."""

from __future__ import annotations

import hashlib
import subprocess
import tempfile
from pathlib import Path

from node.checks.schemata import SELECTOR_CRATE, SELECTOR_SOURCE
from node.checks.toolchain import Toolchain
from node.errors import OperatorError


def build_selector(toolchain: Toolchain, cache: Path) -> Path:
    """Path of the compiled crate, in a folder that holds nothing else; compiled once per toolchain. Blocks.

    Raises:
        OperatorError: The toolchain cannot compile a few lines.
    """
    digest = hashlib.sha256((toolchain.identity + SELECTOR_SOURCE).encode()).hexdigest()[:16]
    folder = cache / f"selector-{digest}"
    target = folder / f"lib{SELECTOR_CRATE}.rlib"
    if target.exists():
        return target
    with tempfile.TemporaryDirectory(dir=cache) as work:
        source = Path(work) / "selector.rs"
        source.write_text(SELECTOR_SOURCE)
        options = ("--crate-name", SELECTOR_CRATE, "--edition", "2021", "--crate-type", "rlib", "-C", "debuginfo=0")
        arguments = [str(toolchain.rustc), *options, str(source), "--out-dir", work]
        done = subprocess.run(arguments, stdin=subprocess.DEVNULL, capture_output=True, check=False)
        if done.returncode != 0:
            raise OperatorError(
                f"the Rust toolchain cannot compile: {done.stderr.decode(errors='replace')[:300]}",
                hint="Run `rustup default stable`, or repair the Rust installation.",
            )
        folder.mkdir(exist_ok=True)
        folder.chmod(0o755)
        made = Path(work) / target.name
        made.chmod(0o644)
        made.replace(target)  # Several nodes may do this at once; all of them write the same crate.
    return target
