"""Rust verification: claims about cargo projects, settled by executing them in a sandbox.

Start reading in `engine.py`. `open_engine` gives a `CheckEngine`, which answers `baseline` and `run`; `write_project`
writes what was verified as an ordinary cargo project; `examine` says what this machine can do.
"""

from node.checks.cache import MemoryCache, VerdictCache
from node.checks.cargo import UncheckedError
from node.checks.diagnostics import ErrorClass, classify
from node.checks.doctor import Examination, examine
from node.checks.engine import CheckEngine, CheckSettings, Progress, open_engine
from node.checks.project import MalformedProjectError, write_project
from node.checks.sandbox.limits import Level
from node.checks.toolchain import ToolchainError

__all__ = [
    "CheckEngine",
    "CheckSettings",
    "ErrorClass",
    "Examination",
    "Level",
    "MalformedProjectError",
    "MemoryCache",
    "Progress",
    "ToolchainError",
    "UncheckedError",
    "VerdictCache",
    "classify",
    "examine",
    "open_engine",
    "write_project",
]
