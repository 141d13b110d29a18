"""From a TCP socket to an authenticated, multiplexed connection: TCP, then Noise, then Yamux, and nothing else.

The library's own path is not used, because each of its steps lets a stranger harm the node: it offers plaintext (any
peer may then claim any key), reads lengths without a bound while negotiating, never times out a write, and takes
frames beyond the window it granted. Here the same three protocols are put together from the library's parts, with a
bound on every read and a limit on every write, and a guard between Noise and Yamux that reads each frame's header
before the multiplexer does.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, cast

import trio
from libp2p.abc import IMultiselectCommunicator, ISecureConn
from libp2p.crypto.ed25519 import create_new_key_pair as ed25519_key_pair
from libp2p.crypto.keys import KeyPair
from libp2p.crypto.x25519 import create_new_key_pair as x25519_key_pair
from libp2p.custom_types import TProtocol
from libp2p.exceptions import BaseLibp2pError
from libp2p.io.abc import ReadWriteCloser
from libp2p.io.exceptions import ConnectionClosedError
from libp2p.network.connection.raw_connection import RawConnection
from libp2p.peer.id import ID
from libp2p.protocol_muxer.exceptions import MultiselectCommunicatorError
from libp2p.protocol_muxer.multiselect import Multiselect
from libp2p.protocol_muxer.multiselect_client import MultiselectClient
from libp2p.security.noise.transport import PROTOCOL_ID as NOISE
from libp2p.security.noise.transport import Transport as Noise
from libp2p.stream_muxer.yamux.yamux import PROTOCOL_ID as YAMUX
from libp2p.stream_muxer.yamux.yamux import Yamux
from libp2p.utils.varint import encode_delim, read_varint_prefixed_bytes_limited

from consensus.types import NodeId
from node.errors import PeerFaultError
from node.network.limits import Bucket, NetworkLimits

if TYPE_CHECKING:
    from libp2p.security.secure_session import SecureSession

READ_BYTES_MAX = 65_535 + 2
"""The longest Noise message with its length: nothing below Noise is longer."""

NAME_BYTES_MAX = 256
"""Of a protocol name while negotiating; the library's own limit is 2^64."""

FRAME_BYTES_MAX = 256 * 1024
"""Longest body of one multiplexer frame: one initial window. This library sends 64 KiB at most."""

STREAM_BUFFER_BYTES_MAX = 1 << 20
"""Unread bytes of one stream. The window is 256 KiB and the library's bookkeeping may grant some more; a peer beyond
this ignores the window."""

LINK_BUFFER_BYTES_MAX = 2 << 20
"""Unread bytes of all streams of one link."""

_HEADER = struct.Struct("!BBHII")
_DATA, _WINDOW_UPDATE, _GO_AWAY = 0, 1, 3
_SYN = 1

_ED25519_MULTIHASH = bytes.fromhex("002408011220")
"""How the peer id of an Ed25519 key begins; the key follows (libp2p peer-ids specification)."""


def key_pair_of(seed: bytes) -> KeyPair:
    """The library's form of a node's key; `seed` is 32 bytes."""
    return ed25519_key_pair(seed)


def peer_id_of(node: NodeId) -> ID:
    """A node id as the library's peer id."""
    return ID(_ED25519_MULTIHASH + node)


def node_of(peer: ID) -> NodeId:
    """The node id in a peer id.

    Raises:
        PeerFaultError: `wrong-key-type`: the key is not Ed25519, so it is no node of ours.
    """
    data = peer.to_bytes()
    if len(data) != 38 or not data.startswith(_ED25519_MULTIHASH):
        raise PeerFaultError("wrong-key-type", "the peer's key is not Ed25519")
    return NodeId(data[6:])


class TcpStream(ReadWriteCloser):
    """A socket whose reads are exact and bounded and whose writes have a limit.

    The limit is what frees everything above from a peer that has stopped reading: all streams of a connection wait
    for one write lock, and closing the library's way would wait for it too.
    """

    def __init__(self, stream: trio.SocketStream, *, write_s: float, on_close: Callable[[], None]) -> None:
        self._stream = stream
        self._write_s = write_s
        self._on_close = on_close
        self._buffer = bytearray()
        self.remote_host, self.remote_port = _remote_of(stream)
        self.closed = False

    async def read(self, n: int | None = None) -> bytes:
        """Exactly `n` bytes.

        Raises:
            ConnectionClosedError: The peer closed or broke the connection, or more than a message was asked for.
        """
        if n is None or n > READ_BYTES_MAX:
            raise ConnectionClosedError(f"a read of {n} bytes")
        while len(self._buffer) < n:
            try:
                piece = await self._stream.receive_some(READ_BYTES_MAX)
            except (trio.BrokenResourceError, trio.ClosedResourceError) as error:
                raise ConnectionClosedError("the connection broke") from error
            if not piece:
                raise ConnectionClosedError("the peer closed the connection")
            self._buffer += piece
        taken = bytes(self._buffer[:n])
        del self._buffer[:n]
        return taken

    async def write(self, data: bytes) -> None:
        """All of `data`.

        Raises:
            ConnectionClosedError: The connection is closed, or the peer did not take the bytes in time.
        """
        try:
            with trio.fail_after(self._write_s):
                await self._stream.send_all(data)
        except (trio.BrokenResourceError, trio.ClosedResourceError) as error:
            raise ConnectionClosedError("the connection broke") from error
        except trio.TooSlowError as error:
            self.abort()  # half a frame may be out: nothing sensible can follow
            raise ConnectionClosedError(f"the peer took no bytes for {self._write_s} s") from error

    async def close(self) -> None:
        """Close at once; what the peer has not read yet is still sent by the kernel."""
        self.abort()
        await trio.lowlevel.checkpoint()

    def abort(self) -> None:
        """Close without waiting for anything."""
        if not self.closed:
            self.closed = True
            self._stream.socket.close()
            self._on_close()

    def get_remote_address(self) -> tuple[str, int] | None:
        """Host and port of the other side."""
        return self.remote_host, self.remote_port


def _remote_of(stream: trio.SocketStream) -> tuple[str, int]:
    try:
        host, port = stream.socket.getpeername()[:2]
    except OSError:
        return "", 0  # gone already; the first read will say so
    return str(host).removeprefix("::ffff:"), int(port)  # IPv4 as a socket for both families shows it


class BoundedCommunicator(IMultiselectCommunicator):
    """Multistream-select messages, none longer than a protocol name."""

    def __init__(self, channel: Any) -> None:
        """Negotiate on anything with `read` and `write`."""
        self._channel = channel

    async def write(self, msg_str: str | None) -> None:
        """Send one message."""
        try:
            await self._channel.write(encode_delim((msg_str or "").encode()))
        except BaseLibp2pError as error:
            raise MultiselectCommunicatorError("cannot write") from error

    async def read(self) -> str:
        """Receive one message."""
        try:
            message = await read_varint_prefixed_bytes_limited(self._channel, NAME_BYTES_MAX)
            if not message.endswith(b"\n"):
                raise MultiselectCommunicatorError("a message without its line end")
            return message[:-1].decode("ascii")
        except (BaseLibp2pError, ValueError) as error:
            raise MultiselectCommunicatorError("cannot read") from error


class FrameGuard:
    """Sits between Noise and Yamux, reads every frame header first, and ends the connection of who cheats.

    Without it a peer can fill a stream's buffer without end (the library notices and takes the bytes anyway), open
    streams without end, and keep the event loop busy with empty frames.
    """

    def __init__(self, session: SecureSession, limits: NetworkLimits, drop: Callable[[str], None]) -> None:
        self._session = session
        self._limits = limits
        self._drop = drop
        self._body_left = 0
        self._muxer: Yamux | None = None
        now = trio.current_time()
        self._bytes = Bucket(limits.link_bytes_rate, limits.link_bytes_burst, now)
        self._frames = Bucket(limits.link_frames_rate, limits.link_frames_burst, now)

    def guard(self, muxer: Yamux) -> None:
        """Begin to read headers, on behalf of this multiplexer."""
        self._muxer = muxer

    @property
    def is_initiator(self) -> bool:
        """Whether this side dialled."""
        return bool(self._session.is_initiator)

    def get_remote_address(self) -> tuple[str, int] | None:
        """Host and port of the other side."""
        return self._session.get_remote_address()

    async def read(self, n: int | None = None) -> bytes:
        """Exactly `n` bytes of the peer's, after looking at them.

        Raises:
            ConnectionClosedError: The connection is closed, or the peer broke a rule of the multiplexer.
        """
        if n is None or n > FRAME_BYTES_MAX:
            raise self._violation("link-oversize-read")
        data = await self._session.read(n)
        pause_s = self._bytes.debt_s(trio.current_time(), len(data))
        if self._muxer is not None:
            if self._body_left:
                self._body_left -= len(data)
            elif len(data) == _HEADER.size:
                self._inspect(self._muxer, *_HEADER.unpack(data))
                pause_s += self._frames.debt_s(trio.current_time(), 1)
        if pause_s > 0:
            await trio.sleep(min(pause_s, 1.0))
        return data

    def _inspect(self, muxer: Yamux, version: int, kind: int, flags: int, stream_id: int, length: int) -> None:
        if version != 0 or kind > _GO_AWAY:
            raise self._violation("link-unknown-frame")
        if kind in {_DATA, _WINDOW_UPDATE} and flags & _SYN and stream_id not in muxer.streams:
            theirs = stream_id % 2 == (0 if muxer.is_initiator else 1)
            if not theirs or stream_id == 0 or len(muxer.streams) >= self._limits.streams_max:
                raise self._violation("link-stream-limit")
        if kind != _DATA:
            return
        buffered = len(muxer.stream_buffers.get(stream_id, b""))
        if length > FRAME_BYTES_MAX or buffered + length > STREAM_BUFFER_BYTES_MAX:
            raise self._violation("link-window")
        if length + sum(map(len, muxer.stream_buffers.values())) > LINK_BUFFER_BYTES_MAX:
            raise self._violation("link-window")
        self._body_left = length

    def _violation(self, reason: str) -> ConnectionClosedError:
        self._drop(reason)
        return ConnectionClosedError(reason)

    async def write(self, data: bytes) -> None:
        """Send."""
        await self._session.write(data)

    async def close(self) -> None:
        """Close the socket."""
        await self._session.close()

    def __getattr__(self, name: str) -> Any:
        """What else the library asks of a secured connection (ids, addresses, labels) is the session's to answer."""
        return getattr(self._session, name)


class Upgrader:
    """Makes connections out of sockets, with one node's key."""

    def __init__(self, key_pair: KeyPair, limits: NetworkLimits, drop: Callable[[str], None]) -> None:
        self._noise = Noise(key_pair, noise_privkey=x25519_key_pair().private_key)
        self._limits = limits
        self._drop = drop

    async def upgrade(self, stream: TcpStream, *, dialled: bool, expected: NodeId | None = None) -> Yamux:
        """Authenticate the other side, whoever it is or as `expected`, and multiplex.

        Raises:
            PeerFaultError: It does not speak these protocols, does not prove a key, or proves another than expected.
                The socket is then closed.
        """
        try:
            return await self._upgrade(stream, dialled=dialled, expected=expected)
        except PeerFaultError:
            stream.abort()
            raise
        except Exception as error:
            # The library raises whatever its parsers raise: InvalidTag, ValueError, struct.error, DecodeError, ...
            stream.abort()
            raise PeerFaultError("handshake", f"no secure channel: {type(error).__name__}: {error}") from error
        except BaseException:
            stream.abort()
            raise

    async def _upgrade(self, stream: TcpStream, *, dialled: bool, expected: NodeId | None) -> Yamux:
        raw = RawConnection(stream, dialled)
        await _agree(raw, NOISE, dialled=dialled)
        if dialled:
            # None as the expected peer is the library's way to learn who answers; the key is proven either way.
            wanted = cast("ID", None if expected is None else peer_id_of(expected))
            session = await self._noise.secure_outbound(raw, wanted)
        else:
            session = await self._noise.secure_inbound(raw)
        peer = session.get_remote_peer()
        node_of(peer)
        guard = FrameGuard(cast("SecureSession", session), self._limits, self._drop)
        await _agree(guard, TProtocol(YAMUX), dialled=dialled)
        muxer = Yamux(cast("ISecureConn", guard), peer, is_initiator=dialled)
        guard.guard(muxer)
        return muxer


async def _agree(channel: Any, protocol: TProtocol, *, dialled: bool) -> None:
    """Settle on the one protocol that this node speaks here; the caller limits the time."""
    communicator = BoundedCommunicator(channel)
    if dialled:
        await MultiselectClient().select_one_of([protocol], communicator)
    else:
        await Multiselect({protocol: None}).negotiate(communicator)
