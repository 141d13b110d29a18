"""Which split a crate belongs to: all of its versions, in every shard, on every node, for ever the same one.

Rows of one crate share code, so a crate that stands in two splits lets a model be tested on what it was trained with.
The rule reads nothing but the crate's name; nobody can choose it, and a verifier checks it for every file.
"""

from __future__ import annotations

import hashlib

SPLITS = ("train", "validation", "test")

_TAG = b"swarm-node/v1/split\0"


def split_of(crate_name: str) -> str:
    """The split of a crate: of a hundred names about 90 go to train, 5 to validation, 5 to test.

    Names are compared as the registry does, which takes `-` for `_` and ignores case.
    """
    name = crate_name.lower().replace("-", "_")
    draw = int.from_bytes(hashlib.sha256(_TAG + name.encode()).digest()[:8], "big") % 100
    return "train" if draw < 90 else "validation" if draw < 95 else "test"
