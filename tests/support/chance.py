"""Dice of tests: what they throw is the same in every run, so that how a build ends is not chance.

`SWARM_DICE=anew` throws them anew each time, which finds what fixed ones never will: `make fuzz`.
"""

from __future__ import annotations

import os
import random

ANEW = os.environ.get("SWARM_DICE") == "anew"


def draw_seed(usual: int) -> int:
    """The seed of a test: the usual one, or where dice are thrown anew, any. A test prints it."""
    return random.SystemRandom().randrange(1 << 32) if ANEW else usual
