"""HTTP/1.1 on asyncio.Protocol: bytes to requests, answers to bytes.

It is fast because an answer that is known at once is written at once, in one
piece and without a task; it is safe because a peer that misbehaves or vanishes
costs only its own connection.  What requests mean is none of its business.
"""

import asyncio
import socket
import struct
from http import HTTPStatus

MAX_HEAD_BYTES = 64 * 1024
REASONS = {status.value: status.phrase for status in HTTPStatus}


class Request:
    """A complete HTTP request."""

    __slots__ = ("method", "target", "headers", "body", "size", "keep_alive")

    def __init__(self, method, target, headers, keep_alive):
        self.method = method
        self.target = target
        #: By lower-case name; repeated headers are joined by a comma.
        self.headers = headers
        self.keep_alive = keep_alive
        self.body = b""
        self.size = 0


class BadRequest(Exception):
    """Bytes that aren't a request this server takes; the connection ends."""

    def __init__(self, status):
        super().__init__(status)
        self.status = status


class Answer:
    """A complete HTTP answer, before it becomes bytes."""

    __slots__ = ("status", "body", "content_type", "headers", "error")

    def __init__(self, status, body, content_type, headers=None, error=None):
        self.status = status
        self.body = body
        self.content_type = content_type
        #: Headers to add, to replace, or (None) to leave out.
        self.headers = headers
        #: The AWS error code, for the log.
        self.error = error


class Connection(asyncio.Protocol):
    """One client's connection.

    Requests are answered one after the other, in order, also when they are
    pipelined.  The application gets each with `handle(connection, request)`
    and ends it with `finish()` or `drop()`, at once or later.
    """

    def __init__(self, application):
        self._application = application
        self._transport = None
        self._buffer = bytearray()
        self._pending = None  # a request whose body is still arriving
        self._busy = False  # a request is with the application
        self._advancing = False
        self._writable = True
        self._keep_alive = True
        self._timers = set()
        self._when_writable = None
        # The journal's: which number this connection has, and since when.
        self.era = None
        self.number = None
        #: The log entry of the request that is being answered.
        self.entry = None

    # --- what asyncio calls

    def connection_made(self, transport):
        self._transport = transport
        transport.get_extra_info("socket").setsockopt(
            socket.IPPROTO_TCP, socket.TCP_NODELAY, 1
        )
        self._application.connections.add(self)

    def connection_lost(self, exc):
        del exc  # a peer may leave in any way it likes
        for timer in self._timers:
            timer.cancel()
        self._timers.clear()
        self._buffer.clear()
        self._when_writable = None
        self._application.connections.discard(self)
        self._application.finished(self)

    def data_received(self, data):
        self._buffer += data
        self._advance()
        if len(self._buffer) > MAX_HEAD_BYTES and self._blocked():
            self._transport.pause_reading()

    def pause_writing(self):
        self._writable = False

    def resume_writing(self):
        self._writable = True
        if self._when_writable is not None:
            callback, self._when_writable = self._when_writable, None
            callback()
        else:
            self._advance()

    # --- what the application calls

    @property
    def closed(self):
        """Nothing more can be sent."""
        return self._transport.is_closing()

    def send(self, data):
        """Write bytes of an answer."""
        if self.entry is not None:
            self.entry.bytes_out += len(data)
        self._transport.write(data)

    def finish(self):
        """The answer is complete: on to the next request."""
        self._application.finished(self)
        self._busy = False
        if not self._keep_alive:
            self._transport.close()
            return
        self._transport.resume_reading()
        self._advance()

    def drop(self, reset=False):
        """End the connection, after what was sent (FIN) or abruptly (RST)."""
        if not reset:
            self._transport.close()
            return
        self._transport.get_extra_info("socket").setsockopt(
            socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0)
        )
        self._transport.abort()

    def close_after_answer(self):
        """This answer is the connection's last."""
        self._keep_alive = False

    def later(self, seconds, callback):
        """Call back after a while, unless the connection is gone by then."""
        timer = None

        def fire():
            self._timers.discard(timer)
            callback()

        timer = asyncio.get_running_loop().call_later(seconds, fire)
        self._timers.add(timer)

    def when_writable(self, callback):
        """Call back as soon as the peer can take more."""
        if self._writable:
            self.later(0, callback)
        else:
            self._when_writable = callback

    def abort(self):
        """End the connection now; the server is stopping."""
        self._transport.abort()

    # --- from bytes to requests

    def _blocked(self):
        return self._busy or not self._writable

    def _advance(self):
        """Hand on the requests that have arrived, one at a time."""
        if self._advancing:
            return
        self._advancing = True
        try:
            while self._buffer and not self._blocked() and not self.closed:
                request = self._next_request()
                if request is None:
                    break
                self._busy = True
                self._keep_alive = request.keep_alive
                self._application.handle(self, request)
        except BadRequest as error:
            self._keep_alive = False
            answer = Answer(error.status, b"", "text/plain")
            date = self._application.clock.date()
            self._transport.write(encode_head(answer, 0, date, None, keep_alive=False))
            self._transport.close()
        finally:
            self._advancing = False

    def _next_request(self):
        """The next complete request, or None while it is still arriving."""
        request = self._pending
        if request is None:
            request = self._next_head()
            if request is None:
                return None
        length = content_length(request.headers)
        if length > self._application.max_body_bytes(request):
            raise BadRequest(413)
        if len(self._buffer) < length:
            if self._pending is None and "expect" in request.headers:
                self._transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")
            self._pending = request
            return None
        self._pending = None
        request.body = bytes(self._buffer[:length])
        request.size += length
        del self._buffer[:length]
        return request

    def _next_head(self):
        """The next request without its body, or None."""
        end = self._buffer.find(b"\r\n\r\n")
        if end > MAX_HEAD_BYTES or (end < 0 and len(self._buffer) > MAX_HEAD_BYTES):
            raise BadRequest(431)
        if end < 0:
            return None
        head = bytes(self._buffer[:end])
        del self._buffer[: end + 4]
        request = parse_head(head)
        request.size = end + 4
        return request


def parse_head(head):
    """The request line and the headers."""
    try:
        lines = head.decode("utf-8").split("\r\n")
        method, target, version = lines[0].split(" ")
    except ValueError:
        raise BadRequest(400) from None
    if version not in ("HTTP/1.1", "HTTP/1.0"):
        raise BadRequest(505)
    if not target.startswith("/"):
        raise BadRequest(400)
    headers = {}
    for line in lines[1:]:
        name, colon, value = line.partition(":")
        if not colon or not name or name != name.strip():
            raise BadRequest(400)
        name = name.lower()
        value = value.strip()
        headers[name] = f"{headers[name]},{value}" if name in headers else value
    if "transfer-encoding" in headers:
        raise BadRequest(411)
    wishes = headers.get("connection", "").lower().replace(" ", "").split(",")
    keep_alive = (
        "close" not in wishes if version == "HTTP/1.1" else "keep-alive" in wishes
    )
    return Request(method, target, headers, keep_alive)


def content_length(headers):
    """The length of the body that follows."""
    text = headers.get("content-length", "0")
    if not (text.isascii() and text.isdigit()):
        raise BadRequest(400)
    return int(text)


# --- from answers to bytes


def encode_head(answer, length, date, request_id, keep_alive):
    """The status line and the headers; no Content-Length where length is None."""
    headers = {
        "x-amzn-RequestId": request_id,
        "Date": date,
        "Content-Type": answer.content_type,
        "Content-Length": length,
        "Connection": None if keep_alive else "close",
    }
    if answer.headers:
        by_lower_name = {name.lower(): name for name in headers}
        for name, value in answer.headers.items():
            headers[by_lower_name.get(name.lower(), name)] = value
    reason = REASONS.get(answer.status, "Unknown")
    lines = [f"HTTP/1.1 {answer.status} {reason}"]
    lines += [
        f"{name}: {value}" for name, value in headers.items() if value is not None
    ]
    return ("\r\n".join(lines) + "\r\n\r\n").encode("utf-8")
