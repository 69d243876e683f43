"""Runs in a container: sends one request again and again at a rate, and prints what came of it.

Needs Python 3.4 and its standard library. A line of JSON each second: what came of the requests
that were answered in it. It ends by itself, and at once when its standard input does.
"""

# mypy: ignore-errors

import json
import math
import os
import socket
import sys
import threading
import time

FIRST_MS, GROWTH = 0.01, 1.05
"""The bounds of a time's bucket: `FIRST_MS * GROWTH ** n` to the next."""

BEHIND_S = 0.1


def received(connection, data):
    part = connection.recv(65536)
    if not part:
        raise OSError("the connection was closed" if data else "closed at once")
    return data + part


def answer(connection, head_only):
    """The status, and whether the connection can be used again."""
    data = b""
    while True:
        while b"\r\n\r\n" not in data:
            data = received(connection, data)
        head, _, body = data.partition(b"\r\n\r\n")
        lines = head.split(b"\r\n")
        status = int(lines[0].split(b" ", 2)[1])
        if status >= 200:
            break
        data = body
    headers = {}
    for line in lines[1:]:
        name, _, value = line.partition(b":")
        headers[name.strip().lower()] = value.strip().lower()
    keep = headers.get(b"connection") != b"close"
    if head_only or status in (204, 304):
        return status, keep
    if b"chunked" in headers.get(b"transfer-encoding", b""):
        while not (b"\r\n" + body).endswith(b"\r\n0\r\n\r\n"):
            body = received(connection, body)[-65536:]
        return status, keep
    if b"content-length" not in headers:
        while connection.recv(65536):
            pass
        return status, False
    left = int(headers[b"content-length"]) - len(body)
    while left > 0:
        left -= len(received(connection, b"x")) - 1
    return status, keep


class Load:
    """The plan, and what came of it since the last line."""

    def __init__(self, plan):
        self.plan = plan
        self.request = plan["request"].encode("latin-1")
        self.stopped = threading.Event()
        self.lock = threading.Lock()
        self.next = 0
        self.left = plan["workers"]
        self.begun = time.time()
        self.end = self.begun + plan["seconds"]
        self.seen = {}
        self.forget()

    def forget(self):
        seen = self.seen
        self.seen = {"codes": {}, "errors": {}, "times": {}, "late": 0}
        return seen

    def count(self, kind, name):
        part = self.seen[kind]
        part[name] = part.get(name, 0) + 1

    def note(self, code, error, seconds, late):
        with self.lock:
            self.seen["late"] += late
            if error:
                self.count("errors", error)
                return
            self.count("codes", code)
            bucket = math.log(max(seconds * 1000.0 / FIRST_MS, 1.0)) / math.log(GROWTH)
            self.count("times", int(bucket))

    def connected(self):
        plan = self.plan
        connection = socket.create_connection((plan["host"], plan["port"]), plan["timeout"])
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return connection

    def exchange(self, connection):
        """One request; once more on a new connection where an idle one was closed under it."""
        old = connection is not None
        while True:
            if connection is None:
                connection = self.connected()
            try:
                connection.sendall(self.request)
                status, keep = answer(connection, self.plan["head"])
            except OSError as error:
                connection.close()
                if old and not isinstance(error, socket.timeout) and self.plan["safe"]:
                    old, connection = False, None
                    continue
                raise
            if not keep:
                connection.close()
            return status, connection if keep else None

    def due(self):
        """When the next request is to begin; each is asked for once."""
        with self.lock:
            number = self.next
            self.next = number + 1
        return self.begun + number / self.plan["rate"]

    def work(self):
        connection = None
        while not self.stopped.is_set():
            due = self.due()
            if due >= self.end:
                break
            self.stopped.wait(max(0.0, due - time.time()))
            began = time.time()
            if self.stopped.is_set() or began >= self.end:
                break
            status, error = 0, ""
            try:
                status, connection = self.exchange(connection)
            except (OSError, ValueError, IndexError) as problem:
                connection, error = None, str(problem)[:100] or type(problem).__name__
            self.note(status, error, time.time() - began, int(began - due > BEHIND_S))
        with self.lock:
            self.left -= 1

    def watch(self):
        while os.read(0, 4096):
            pass
        self.stopped.set()

    def report(self, done):
        with self.lock:
            seen = self.forget()
        seen["at"], seen["done"] = time.time() - self.begun, done
        print(json.dumps(seen))  # noqa: T201 - this is what it is for
        sys.stdout.flush()

    def run(self):
        threads = [self.watch] + [self.work] * self.plan["workers"]
        for target in threads:
            threading.Thread(target=target, daemon=True).start()
        last, reported = self.end + self.plan["timeout"], 0
        while self.left and time.time() < last and not self.stopped.is_set():
            time.sleep(0.1)
            if int(time.time() - self.begun) > reported:
                reported = int(time.time() - self.begun)
                self.report(False)
        self.report(True)


if __name__ == "__main__":
    Load(json.loads(sys.argv[1])).run()
    os._exit(0)  # the thread that reads standard input waits for its end
