"""Text that could place code before the witness reads its nonce (`node.checks.witness`), or in its place. Pure.

What runs first in a process cannot be watched by anything in it: a function in the right section of the binary could
read the nonce itself and prove what it likes. Examples have no business there.
"""

from __future__ import annotations

import re

_PLACES_CODE = re.compile(
    r"\b(?:link_section|global_asm|naked_asm|pushsection|(?:pre)?init_array|swarm_(?:select|choose|asserted|tests))\b"
    r"|\.section\b"
)


def early_code(text: str) -> str:
    """The word by which a text might place code in a section of its own choice; empty when there is none.

    Such a row or edit fails by name, whatever its tests say.
    """
    if "section" not in text and "_asm" not in text and "init_array" not in text and "swarm_" not in text:
        return ""  # Known at once of nearly all, where to look for whole words takes a tenth of a millisecond.
    found = _PLACES_CODE.search(text)
    return found[0] if found is not None else ""
