"""HTTP/1.1 over one kept connection: small, and fast enough not to get in the way of the clock."""

import re
import socket
import time

FORM = ("Content-Type", "application/x-www-form-urlencoded")


class Answer:
    def __init__(self, status, head, body):
        self.status, self.head, self.body = status, head, body

    def header(self, name):
        found = re.search(rb"\r\n%s:[ ]*([^\r]*)" % name.encode(), self.head, re.IGNORECASE)
        return found[1].decode() if found else None


def request(method, path, headers=(), body=b""):
    lines = [f"{method} {path} HTTP/1.1", "Host: offboard", *(f"{name}: {value}" for name, value in headers)]
    if method not in ("GET", "HEAD"):
        lines.append(f"Content-Length: {len(body)}")
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


class Connection:
    """To one port of this machine; opened when it is needed, closed by any failure."""

    def __init__(self, port, patience=15.0):
        self.port, self.patience = port, patience
        self.socket, self.used = None, 0.0

    def ask(self, message):
        """Sends a request and reads its answer. Raises OSError when there is none."""
        deadline = time.monotonic() + self.patience
        try:
            self.open()
            self.socket.settimeout(self.patience)
            self.socket.sendall(message)
            answer = self.receive(deadline)
        except BaseException:
            self.close()
            raise
        self.used = time.monotonic()
        return answer

    def open(self):
        # A node closes what idles for ten seconds, perhaps just now.
        if self.socket is not None and time.monotonic() - self.used > 5:
            self.close()
        if self.socket is None:
            self.socket = socket.create_connection(("127.0.0.1", self.port), timeout=self.patience)
            self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def close(self):
        if self.socket is not None:
            self.socket.close()
            self.socket = None

    def receive(self, deadline):
        data = b""
        while b"\r\n\r\n" not in data:
            data += self.more(deadline)
        head, _, body = data.partition(b"\r\n\r\n")
        status = int(head[9:12])
        found = re.search(rb"\r\ncontent-length:[ ]*(\d+)", head, re.IGNORECASE)
        if found is None and status not in (204, 304):
            raise ConnectionError("an answer without a length")
        length = int(found[1]) if found else 0
        while len(body) < length:
            body += self.more(deadline)
        if re.search(rb"\r\nconnection:[ ]*close", head, re.IGNORECASE):
            self.close()
        return Answer(status, head, body)

    def more(self, deadline):
        left = deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError("no answer in time")
        self.socket.settimeout(left)
        data = self.socket.recv(65536)
        if not data:
            raise ConnectionResetError("closed before the answer")
        return data


class EventStream:
    """Server-sent events. `opened` is the answer's status; it has no events when that is not 200."""

    def __init__(self, port, path, headers, patience=10.0):
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=patience)
        self.rest, self.lines, self.finished = b"", b"", False
        try:
            self.socket.sendall(request("GET", path, [*headers, ("Accept", "text/event-stream")]))
            while b"\r\n\r\n" not in self.rest:
                data = self.socket.recv(65536)
                if not data:
                    raise ConnectionResetError("closed before the answer")
                self.rest += data
        except BaseException:
            self.socket.close()
            raise
        head, _, self.rest = self.rest.partition(b"\r\n\r\n")
        self.opened = int(head[9:12])

    def close(self):
        self.socket.close()

    def read(self, seconds):
        """Waits this long at most; gives the events that came, and raises EOFError at the end of the stream."""
        if events := self.take():
            return events
        if self.finished:
            raise EOFError("ended")
        self.socket.settimeout(seconds)
        try:
            data = self.socket.recv(65536)
        except TimeoutError:
            return []
        except OSError as error:
            raise EOFError(str(error)) from error
        if not data:
            raise EOFError("closed")
        self.rest += data
        return self.take()

    def take(self):
        self.unchunk()
        events = []
        while b"\n\n" in self.lines:
            block, _, self.lines = self.lines.partition(b"\n\n")
            pairs = (line.partition(":") for line in block.decode().split("\n") if not line.startswith(":"))
            fields = {name: value.removeprefix(" ") for name, _, value in pairs}
            if fields.get("event") or fields.get("data"):
                events.append(fields)
        return events

    def unchunk(self):
        """Takes whole chunks out of what came."""
        while True:
            found = re.match(rb"([0-9a-fA-F]+)\r\n", self.rest)
            if not found:
                return
            begin, length = found.end(), int(found[1], 16)
            # The connection outlives its last chunk.
            self.finished = length == 0
            if self.finished or len(self.rest) < begin + length + 2:
                return
            self.lines += self.rest[begin : begin + length]
            self.rest = self.rest[begin + length + 2 :]
