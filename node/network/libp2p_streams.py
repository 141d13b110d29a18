"""The library's streams: opened on one connection, and their frames read whole or not at all, within a limit.

A stream that ends while somebody uses it raises whatever the library was doing just then (its own errors, KeyError,
ValueError, closed channels). Here every such end has one name, `UnreachableError`; a cancellation is no `Exception`.
"""

from __future__ import annotations

import contextlib

import trio
from libp2p.abc import INetStream
from libp2p.custom_types import TProtocol
from libp2p.network.connection.swarm_connection import SwarmConn
from libp2p.protocol_muxer.multiselect_client import MultiselectClient

from node.errors import PeerFaultError
from node.network.interface import UnreachableError
from node.network.libp2p_transport import BoundedCommunicator
from node.network.request_frames import LENGTH_BYTES, frame_length

CHUNK_BYTES = 64 * 1024

SLOWEST_BYTES_PER_S = 32 * 1024
"""What the slowest link we serve carries: a frame may take its fixed limit and this much longer."""

_VARINT_BYTES_MAX = 4
"""Enough for any length we accept."""


class FrameReader:
    """Reads one stream. Whoever waits sets the limits: `first_s` for the next frame to begin, `rest_s` to end it."""

    def __init__(self, stream: INetStream) -> None:
        self._stream = stream
        self._buffer = bytearray()

    async def frame(self, bytes_max: int, *, first_s: float, rest_s: float) -> bytes:
        """The body of the next frame with a 4-byte length.

        Raises:
            UnreachableError: The stream ended, or the frame did not begin or end in time.
            PeerFaultError: `frame-too-long`.
        """
        await self._fill(1, first_s)
        await self._fill(LENGTH_BYTES, rest_s)
        length = frame_length(self._take(LENGTH_BYTES), bytes_max)
        await self._fill(length, rest_s + length / SLOWEST_BYTES_PER_S)
        return self._take(length)

    async def varint_frame(self, bytes_max: int, *, rest_s: float) -> bytes:
        """The body of the next frame with a varint length, however long it takes to begin.

        Raises:
            UnreachableError: The stream ended, or the frame did not end in time.
            PeerFaultError: `frame-too-long`.
        """
        await self._fill(1, float("inf"))
        length = await self._varint(rest_s)
        if length > bytes_max:
            raise PeerFaultError("frame-too-long", f"a frame of {length} bytes; {bytes_max} are allowed")
        await self._fill(length, rest_s + length / SLOWEST_BYTES_PER_S)
        return self._take(length)

    async def _varint(self, rest_s: float) -> int:
        length = 0
        for position in range(_VARINT_BYTES_MAX):
            await self._fill(1, rest_s)
            byte = self._take(1)[0]
            length |= (byte & 0x7F) << (7 * position)
            if byte < 0x80:
                return length
        raise PeerFaultError("frame-too-long", "a length of more than 28 bits")

    async def _fill(self, count: int, within_s: float) -> None:
        if len(self._buffer) >= count:
            return
        try:
            with trio.fail_after(within_s):
                while len(self._buffer) < count:
                    self._buffer += await self._stream.read(CHUNK_BYTES)
        except trio.TooSlowError as error:
            raise UnreachableError(f"no frame within {within_s:.0f} s") from error
        except Exception as error:
            raise UnreachableError(f"the stream ended: {type(error).__name__}") from error

    def _take(self, count: int) -> bytes:
        taken = bytes(self._buffer[:count])
        del self._buffer[:count]
        return taken


async def write_frame(stream: INetStream, frame: bytes, *, within_s: float) -> None:
    """Write a whole frame; half a frame cannot be taken back, so whoever gets an error resets the stream.

    Raises:
        UnreachableError: The stream ended, or the peer did not take the bytes in time.
    """
    try:
        with trio.fail_after(within_s + len(frame) / SLOWEST_BYTES_PER_S):
            await stream.write(frame)
    except trio.TooSlowError as error:
        raise UnreachableError(f"the peer did not take a frame within {within_s:.0f} s") from error
    except Exception as error:
        raise UnreachableError(f"the stream ended: {type(error).__name__}") from error


async def reset_quietly(stream: INetStream) -> None:
    """End a stream whatever state it is in; bounded, also while being cancelled."""
    with trio.move_on_after(1.0) as scope:
        scope.shield = True
        with contextlib.suppress(Exception):  # it was over already, in one of the ways the library knows
            await stream.reset()


async def open_stream(connection: SwarmConn, protocol: TProtocol, *, within_s: float) -> INetStream:
    """A new stream on this very connection.

    Raises:
        UnreachableError: The connection is closed, or the peer does not speak `protocol`, or not in time.
    """
    try:
        with trio.fail_after(within_s):
            stream = await connection.new_stream()
            try:
                await MultiselectClient().select_one_of([protocol], BoundedCommunicator(stream))
            except BaseException:
                await reset_quietly(stream)
                raise
    except trio.TooSlowError as error:
        raise UnreachableError(f"no stream for {protocol} within {within_s:.0f} s") from error
    except Exception as error:
        raise UnreachableError(f"no stream for {protocol}: {type(error).__name__}") from error
    stream.set_protocol(protocol)
    return stream
