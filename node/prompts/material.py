"""Text from outside inside a prompt: crate code, other nodes' candidates. It is data, and has to stay data.

Two things could make it more: marks that a chat template reads as the end of a turn, which servers honour inside a
message, too; and words to the model. The first are broken up (`inert`). Against the second, what is to be judged is
quoted line by line (`quoted`): whatever a line says, it begins with the quotation mark, so that no text can end its
own quotation, and the system message says what that mark means.
"""

from __future__ import annotations

import re
import unicodedata

QUOTE = "| "

_BREAKS = "\t\n\r\x0b\x0c\x1c\x1d\x1e\x85\u2028\u2029"
"""White space; what `str.splitlines` breaks at, and the tabulator."""

_SPECIAL = re.compile(
    r"<\|(?=\s*[a-zA-Z_])|(?<=[a-zA-Z_])\s*\|>"
    r"|</?(?=(?:s|bos|eos|pad|think|start_of_turn|end_of_turn)>)|\[/?(?=INST\]|SYSTEM_PROMPT\])"
    r"|<<(?=/?SYS>>)|<\uff5c|\uff5c>",
    re.IGNORECASE,
)


def inert(text: str) -> str:
    """Text without what a chat template would take for its own marks: a space is put into them."""
    return _SPECIAL.sub(lambda mark: f"{mark[0][0]} {mark[0][1:]}", text)


def quoted(text: str) -> str:
    """Text as quoted lines: marks broken up, invisible characters dropped, every line break a line's end."""
    lines = inert("".join(filter(_is_visible, text))).splitlines() or [""]
    return "\n".join(f"{QUOTE}{line}" for line in lines)


def _is_visible(character: str) -> bool:
    """Not so are controls but for white space, and format characters, such as those of writing direction."""
    return character in _BREAKS or unicodedata.category(character) not in {"Cc", "Cf"}
