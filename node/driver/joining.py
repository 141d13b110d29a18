"""A node that is no member and wants to be one: it asks, once an epoch, until it is examined (R39)."""

from __future__ import annotations

import logging

from consensus.joining import last_of_epoch
from consensus.params import Preset
from consensus.types import Application
from node.driver.courier import Courier
from node.identity.consent import Consent
from node.pipeline import Pipeline

log = logging.getLogger(__name__)


class Joining:
    """One node's applications. Each epoch's is the same whenever it is made, so asking again says nothing new.

    Args:
        consent: The owner's.
        courier: Signs, stores and tells.
        preset: The swarm's numbers.
    """

    def __init__(self, consent: Consent, courier: Courier, preset: Preset) -> None:
        self._consent, self._courier, self._preset = consent, courier, preset
        self._asked_until = 0

    async def look(self, pipeline: Pipeline, *, follows: bool) -> None:
        """Ask for the running epoch if this node is neither member nor examined and has not asked yet.

        Args:
            pipeline: Where this node stands.
            follows: Whether some peer has lately given nothing new: an application for an epoch that is over helps
                nobody.
        """
        state = pipeline.state
        until = last_of_epoch(state.height + 1, self._preset)
        if not follows or until <= self._asked_until or pipeline.halted:
            return
        if any(member.node == self._consent.node for member in state.members):
            return
        await self._courier.send(Application(until, self._consent.owner, self._consent.signature))
        self._asked_until = until
        log.info("asked to become a member, in the epoch that ends with round %d", until)
