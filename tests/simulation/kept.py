"""What was played, kept in a file: a long report that was interrupted goes on where it ended."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any


class Kept:
    """Figures by what they are of, a line of JSON each. Of one version of the code: it has no way to know another's.

    Args:
        path: Read if it exists, and appended to. Without one nothing is kept.
    """

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._figures: dict[str, dict[str, Any]] = {}
        if path is not None and path.exists():
            for line in path.read_text(encoding="utf-8").splitlines():
                key, figures = json.loads(line)
                self._figures[json.dumps(key, sort_keys=True)] = figures

    def get(self, key: object, play: Callable[[], dict[str, Any]]) -> dict[str, Any]:
        """The figures kept under this key, or else those that playing gives, which are then kept."""
        name = json.dumps(key, sort_keys=True)
        if name not in self._figures:
            self._figures[name] = play()
            if self._path is not None:
                with self._path.open("a", encoding="utf-8") as file:
                    file.write(json.dumps([key, self._figures[name]]) + "\n")
        return self._figures[name]
