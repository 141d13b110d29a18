"""What opening an engine takes from the world."""

from __future__ import annotations

import os
import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Surroundings:
    """Environment and chance; tests bring their own."""

    environment: Mapping[str, str] = field(default_factory=lambda: os.environ)
    dice: Callable[[], float] = random.random
    """Numbers in [0, 1), for jitter only."""
    random_weights_allowed: bool = False
    """For tests of the plumbing. No setting leads here."""
