"""Running a command as an ordinary user while the tests themselves run as root."""

from __future__ import annotations

import os
import pwd
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from node.checks.toolchain import find_toolchain

_UID = "54321"

_SCRIPT = """
set -e
# A mount namespace of our own, in which a closed home directory shows the few programs that are needed.
held=$(mktemp -d); n=0
for kept in $KEPT; do n=$((n+1)); mkdir "$held/$n"; mount --bind "$kept" "$held/$n"; done
mount -t tmpfs -o mode=755 tmpfs "$HOME_DIRECTORY"
n=0
for kept in $KEPT; do n=$((n+1)); mkdir -p "$kept"; mount --bind "$held/$n" "$kept"; done
exec setpriv --reuid "$USER_ID" --regid "$USER_ID" --clear-groups -- "$@"
"""


def run_as_nobody(words: Sequence[str], *, cwd: Path) -> subprocess.CompletedProcess[str]:
    """Run a command as a user without rights, who still finds this Python and this Rust toolchain."""
    toolchain = find_toolchain()
    home = Path(pwd.getpwuid(os.getuid()).pw_dir)  # not $HOME, which may be another on purpose
    needed = [
        path for path in (toolchain.sysroot, Path(sys.base_prefix), Path(sys.prefix)) if path.is_relative_to(home)
    ]
    script = _SCRIPT if needed else 'exec setpriv --reuid "$USER_ID" --regid "$USER_ID" --clear-groups -- "$@"'
    environment = {
        "PATH": f"{toolchain.programs}:/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin",
        "KEPT": " ".join(map(str, needed)),
        "HOME_DIRECTORY": str(home),
        "USER_ID": _UID,
        "HOME": "/nonexistent",
        "PYTHONDONTWRITEBYTECODE": "1",
    }
    return subprocess.run(
        ["unshare", "--mount", "--propagation", "private", "--", "sh", "-c", script, "sh", *words],
        cwd=cwd,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=1700,
    )
