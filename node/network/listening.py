"""The listening socket, opened on the asyncio side so that it outlives every life of the network thread."""

from __future__ import annotations

import errno
import socket

from node.errors import OperatorError

LISTEN_BACKLOG = 128


def open_listener(host: str, port: int) -> socket.socket:
    """A bound, listening socket.

    Raises:
        OperatorError: The address cannot be bound.
    """
    where = f"{host} port {port}"
    try:
        family, kind, proto, _, place = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        listening = socket.socket(family, kind, proto)
    except OSError as error:
        raise OperatorError(f"{where} is no address to listen on: {error}", hint="Check the listen address.") from error
    try:
        # Not SO_REUSEPORT, which the library would set: two nodes would share the port without noticing.
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind(place)
        listening.listen(LISTEN_BACKLOG)
        listening.setblocking(False)
    except OSError as error:
        listening.close()
        taken = error.errno == errno.EADDRINUSE
        raise OperatorError(
            f"cannot listen on {where}: {'it is in use' if taken else error.strerror}",
            hint="Choose another port, or stop the process that has this one." if taken else "Check the address.",
        ) from error
    return listening
