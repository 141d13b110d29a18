"""Who is calling, may they, and is there room: asked once for every call, before anything of it is read."""

from __future__ import annotations

import contextlib
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

from consensus.types import NodeId
from node.errors import PeerFaultError, TransientError
from node.identity import short_name
from node.rpc.binding import verify_leaf
from node.rpc.failures import BUSY
from node.rpc.methods import Access

CALLS_MAX = 512
"""In flight at a node, of all callers together."""

CALLS_PER_CALLER_MAX = 64
"""Of one key: a busy peer leaves room for the others. Many keys are free, which is what `CALLS_MAX` is for."""


class Gate:
    """Lets calls in, one by one, and counts them out."""

    def __init__(
        self,
        own: NodeId,
        *,
        is_operator: Callable[[NodeId], bool],
        is_model_user: Callable[[NodeId], bool] = lambda _: False,
        clock: Callable[[], float],
        calls_max: int = CALLS_MAX,
    ) -> None:
        """Set the policy.

        Args:
            own: This node's key, which may call everything.
            is_operator: Whether another key is the operator's, too. It must rest on what the operator said, such as
                a list in the configuration, or on proof: never on the owner that a peer claims for itself.
            is_model_user: Whether a key may use this node's language model without being the operator's. On the same
                grounds.
            clock: Seconds since 1970, for the expiry of bindings.
            calls_max: As `CALLS_MAX`.
        """
        self._own = own
        self._is_operator = is_operator
        self._is_model_user = is_model_user
        self._clock = clock
        self._calls_max = calls_max
        self._in_flight: Counter[NodeId] = Counter()

    def identify(self, context: Any) -> NodeId:
        """The caller's node.

        Raises:
            PeerFaultError: The connection shows no certificate (`no-key`), or one that is not bound to a node
                (`bad-binding`, `expired-binding`).
        """
        certificates = context.auth_context().get("x509_pem_cert")
        if not certificates:  # TLS asks for one already; this holds whatever port somebody adds one day
            raise PeerFaultError("no-key", "the connection shows no certificate")
        return verify_leaf(certificates[0], now_unix_s=self._clock())

    def allow(self, caller: NodeId, access: Access, path: str) -> None:
        """Refuse who may not.

        Raises:
            PeerFaultError: This key does not do (`not-allowed`).
        """
        if access is Access.KEYED or self._is_privileged(caller):
            return
        if access is Access.MODEL_USER and self._is_model_user(caller):
            return
        raise PeerFaultError("not-allowed", f"{path} is for this node's operator, not for {short_name(caller)}")

    @contextlib.contextmanager
    def room_for(self, caller: NodeId) -> Iterator[None]:
        """Hold a place for one call. However many strangers call, the operator can still look and stop the node.

        Raises:
            TransientError: The caller, or everybody together, has too many in flight.
        """
        full = self._in_flight.total() >= self._calls_max and not self._is_privileged(caller)
        if full or self._in_flight[caller] >= CALLS_PER_CALLER_MAX:
            raise TransientError(
                f"{self._in_flight[caller]} calls of yours and {self._in_flight.total()} in all are in flight",
                waits_for=BUSY,
            )
        self._in_flight[caller] += 1
        try:
            yield
        finally:
            self._in_flight[caller] -= 1
            if not self._in_flight[caller]:
                del self._in_flight[caller]  # keys come and go; only those in flight are remembered

    def _is_privileged(self, caller: NodeId) -> bool:
        return caller == self._own or self._is_operator(caller)
