"""Runs in a container: sends one request again and again at a rate, and prints what came of it.

Needs Python 3.4 on Linux and its standard library. A line of JSON each second: what came of the
requests that were answered in it. It ends by itself, soon when anything more comes on its standard
input, and at once when that ends.
"""

# mypy: ignore-errors

import json
import math
import os
import select
import socket
import sys
import time
from collections import OrderedDict

FIRST_MS, GROWTH = 0.01, 1.05
"""The bounds of a time's bucket: `FIRST_MS * GROWTH ** n` to the next."""

PER_BUCKET = 1.0 / math.log(GROWTH)
BEHIND_S, REPORT_S, LOOK_S, STOPPING_S = 0.1, 1.0, 0.1, 1.0
"""From when on a request is late, how often there is a line, how often it looks for what has waited
for too long, and how long it waits for the last answers once it is to stop."""

EARLY_S = 0.0025
"""Where it is awake anyway, a request goes out by so much too early: to be woken is most of what a
request costs. At 500 a second that makes two at a time, below 400 mostly one."""

READ, WRITE, FAILED = select.EPOLLIN, select.EPOLLOUT, select.EPOLLERR


def whole(part, head_only):
    """Its status, and whether the connection is kept, of a plain answer that came in one piece;
    None of any other."""
    end = part.find(b"\r\n\r\n")
    head = part[:end].lower()
    at = head.find(b"\r\ncontent-length:") + 17
    status = int(part[9:12])
    if end < 0 or at < 17 or head_only or status < 200 or status in (204, 304):
        return None
    after = head.find(b"\r\n", at)
    length = int(head[at : after if after >= 0 else end])
    if len(part) != end + 4 + length:
        return None
    return status, b"\r\nconnection:" not in head


class Reply:
    """What has come of an answer so far."""

    def __init__(self, head_only):
        self.head_only = head_only
        self.data = b""
        self.status = 0
        self.left = None  # bytes of the body; None while the head is not whole
        self.keep = True
        self.chunked = self.to_the_end = False

    def feed(self, part):
        """True once it is whole."""
        self.data += part
        while self.left is None:
            head, end, rest = self.data.partition(b"\r\n\r\n")
            if not end:
                return False
            self.data = rest
            self.begin(head)
        if self.chunked:
            ended = (b"\r\n" + self.data).endswith(b"\r\n0\r\n\r\n")
            self.data = self.data[-16:]
            return ended
        self.left -= len(self.data)
        self.data = b""
        return self.left <= 0 and not self.to_the_end

    def begin(self, head):
        """The head: whether there is a body, and how long. One below 200 is not the answer yet."""
        status = int(head[9:12])
        if status < 200:
            return
        self.status = status
        length = None
        for line in head.lower().split(b"\r\n"):
            name, _, value = line.partition(b":")
            if name == b"content-length":
                length = int(value)
            elif name == b"transfer-encoding":
                self.chunked = b"chunked" in value
            elif name == b"connection":
                self.keep = b"close" not in value
        if self.head_only or status in (204, 304):
            self.left, self.chunked = 0, False
        elif self.chunked:
            self.left = 0
        else:
            self.left = length or 0
            self.to_the_end = length is None
            self.keep = self.keep and not self.to_the_end


class Connection:
    """One request at a time is asked on it."""

    def __init__(self, made):
        self.socket = made
        self.fd = made.fileno()
        self.events = WRITE
        self.connected = self.used = False  # `used`: it has answered before
        self.asked = False
        self.began = self.due = 0.0
        self.rest = b""  # what is still to be sent
        self.reply = None  # an answer that comes in several pieces


class Load:
    """The plan, and what came of it since the last line."""

    def __init__(self, plan):
        self.plan = plan
        self.request = plan["request"].encode("latin-1")
        self.head, self.workers, self.rate = plan["head"], plan["workers"], plan["rate"]
        found = socket.getaddrinfo(plan["host"], plan["port"], 0, socket.SOCK_STREAM)
        self.addresses = [one for one in found if one[0] == found[0][0]]
        self.poll = select.epoll()
        self.poll.register(0, READ)
        self.by_fd = {}
        self.busy = OrderedDict()  # by file descriptor, the one that waits longest first
        self.idle = []
        self.opened = self.sent = self.reported = 0
        self.stopping = False
        self.begun = self.now = self.due = self.last = time.monotonic()
        self.look = self.begun + LOOK_S
        self.end = self.begun + plan["seconds"]
        self.forget()

    def forget(self):
        self.codes, self.errors, self.times, self.late = {}, {}, {}, 0

    # Connections

    def connect(self):
        family, kind, proto, _, address = self.addresses[self.opened % len(self.addresses)]
        self.opened += 1
        made = socket.socket(family, kind, proto)
        made.setblocking(False)
        made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        made.connect_ex(address)
        connection = Connection(made)
        self.by_fd[connection.fd] = connection
        self.poll.register(connection.fd, WRITE)
        return connection

    def drop(self, connection):
        self.busy.pop(connection.fd, None)
        if not connection.asked and connection in self.idle:
            self.idle.remove(connection)
        del self.by_fd[connection.fd]
        self.poll.unregister(connection.fd)
        connection.socket.close()

    # Requests

    def ask(self, connection, due, began):
        """Sends the request; on a new connection once that is there."""
        connection.asked, connection.began, connection.due = True, began, due
        connection.rest = self.request
        self.busy[connection.fd] = connection
        if connection.connected:
            self.send(connection)

    def send(self, connection):
        try:
            sent = connection.socket.send(connection.rest)
        except BlockingIOError:
            sent = 0
        except OSError as problem:
            self.failed(connection, problem)
            return
        connection.connected = True
        connection.rest = connection.rest[sent:]
        events = READ | WRITE if connection.rest else READ
        if connection.events != events:
            connection.events = events
            self.poll.modify(connection.fd, events)

    def receive(self, connection):
        try:
            part = connection.socket.recv(65536)
            if not connection.asked:  # an idle one was closed, or speaks out of turn
                self.drop(connection)
            elif part:
                self.take(connection, part)
            else:
                self.ended(connection, connection.reply)
        except BlockingIOError:
            return
        except (OSError, ValueError) as problem:
            self.failed(connection, problem)

    def take(self, connection, part):
        reply = connection.reply
        if reply is None:
            plain = whole(part, self.head)
            if plain is not None:
                self.answered(connection, plain[0], plain[1])
                return
            reply = connection.reply = Reply(self.head)
        if reply.feed(part):
            self.answered(connection, reply.status, reply.keep)

    def ended(self, connection, reply):
        if reply is None or not reply.to_the_end:
            raise OSError("closed at once" if reply is None else "the connection was closed")
        self.answered(connection, reply.status, False)

    def answered(self, connection, status, keep):
        self.last = self.now
        milliseconds = (self.now - connection.began) * 1000.0
        self.codes[status] = self.codes.get(status, 0) + 1
        bucket = int(math.log(max(milliseconds / FIRST_MS, 1.0)) * PER_BUCKET)
        self.times[bucket] = self.times.get(bucket, 0) + 1
        self.late += connection.began - connection.due > BEHIND_S
        if not keep:
            self.drop(connection)
            return
        connection.asked, connection.used, connection.reply = False, True, None
        del self.busy[connection.fd]
        self.idle.append(connection)

    def failed(self, connection, problem):
        """Once more on a new connection where an idle one was closed under it."""
        self.drop(connection)
        if not connection.asked:
            return
        if connection.used and connection.reply is None and problem and self.plan["safe"]:
            self.ask(self.connect(), connection.due, connection.began)
            return
        self.last = self.now
        words = str(problem or "timed out")[:100] or type(problem).__name__
        self.errors[words] = self.errors.get(words, 0) + 1
        self.late += connection.began - connection.due > BEHIND_S

    # Time

    def start(self):
        """All that is due by now, as far as connections are free."""
        soon = self.now + EARLY_S
        while self.due <= soon and len(self.busy) < self.workers:
            if self.due >= self.end or self.now >= self.end:
                return
            connection = self.idle.pop() if self.idle else self.connect()
            self.ask(connection, self.due, self.now)
            self.sent += 1
            self.due = self.begun + self.sent / self.rate

    def turn(self):
        """Waits for the next thing, and does it. False once the standard input has ended."""
        until = self.look
        if self.due < min(until, self.end) and len(self.busy) < self.workers:
            until = self.due
        events = self.poll.poll(max(until - self.now, 0.0))
        self.now = time.monotonic()
        for fd, event in events:
            connection = self.by_fd.get(fd)
            if connection is None:
                if fd == 0 and not self.told():
                    return False
            elif event & WRITE and not event & FAILED:
                self.send(connection)
            else:
                self.receive(connection)
        self.start()
        return True

    def told(self):
        """Anything on the standard input is the order to stop; False where that has ended."""
        self.stopping, self.end = True, min(self.end, self.now)
        self.poll.unregister(0)
        return bool(os.read(0, 4096))

    def over(self):
        """Now and then: what has waited for too long, and whether all is done."""
        self.look = self.now + LOOK_S
        for connection in list(self.busy.values()):
            if self.now - connection.began >= self.plan["timeout"]:
                self.failed(connection, None)
        if self.now - self.begun >= (self.reported + 1) * REPORT_S:
            self.reported = int((self.now - self.begun) / REPORT_S)
            self.report(False)
        grace = STOPPING_S if self.stopping else self.plan["timeout"]
        return self.now >= self.end and (not self.busy or self.now >= self.end + grace)

    def report(self, done):
        line = {"codes": self.codes, "errors": self.errors, "times": self.times, "late": self.late}
        line.update(at=(self.last if done else self.now) - self.begun, done=done)
        self.forget()
        print(json.dumps(line))  # noqa: T201 - this is what it is for
        sys.stdout.flush()

    def run(self):
        while self.turn():
            if self.now >= self.look and self.over():
                break
        self.report(True)


if __name__ == "__main__":
    Load(json.loads(sys.argv[1])).run()
