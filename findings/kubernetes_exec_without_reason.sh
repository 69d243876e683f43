#!/usr/bin/env bash
# The Python client takes a command that could not be started for one that said nothing; and asked for the status, it
# raises a ValueError, a KeyError or a TypeError.
#
# One would guess: stream(api.connect_get_namespaced_pod_exec, ...) raises when the command could not be run, or its
#   WSClient has the reason: the server sends a whole Status on a channel of its own. returncode is a number or None.
# Seen with kubernetes 37.0.2 and a server that speaks v4.channel.k8s.io: a Status InternalError ("container is in
#   CONTAINER_EXITED state") makes stream() return "", as a command does that ends in order and prints nothing.
#   returncode takes the message of the first cause for a number whatever the cause is: ValueError. A Status without
#   causes (a Timeout) is KeyError. A connection that is closed in order before any Status, as when the API server
#   restarts, gives what came until then, and returncode is TypeError. Of the reason nothing is left, for returncode
#   has read it off its channel.
# Why it matters: `pilot-agent request GET stats` in a pod whose proxy has ended looks like a proxy without metrics,
#   and half a config dump like a whole one. Read channel 3 (read_channel(ERROR_CHANNEL)) instead of returncode; what
#   has no Status there isn't whole.
. "$(dirname "$0")/environment"
with_packages kubernetes==37.0.2 <<'PROGRAM'
import base64
import contextlib
import hashlib
import json
import socket
import struct
import threading

from kubernetes import client
from kubernetes.stream import stream

STDOUT, ERROR = b"\x01", b"\x03"
RFC_6455 = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"


def status(**fields):
    return ERROR + json.dumps({"kind": "Status", "apiVersion": "v1", "metadata": {}, **fields}).encode()


reached = {"code": 500, "reason": "InternalError", "message": "container is in CONTAINER_EXITED state"}
code = {"reason": "ExitCode", "message": "7"}
CASES = {
    "ends in order": [status(status="Success")],
    "ends with 7": [status(status="Failure", reason="NonZeroExitCode", details={"causes": [code]})],
    "not started": [
        status(status="Failure", details={"causes": [{"message": reached["message"]}]}, **reached)
    ],
    "timed out": [status(status="Failure", reason="Timeout", code=504)],
    "closed half way": [STDOUT + b"half"],
}


def serve(messages, times):
    """The port of a server that answers each exec with these messages and closes in order."""
    server = socket.create_server(("127.0.0.1", 0))

    def run():
        for _ in range(times):
            one, _ = server.accept()
            asked = b""
            while b"\r\n\r\n" not in asked:
                asked += one.recv(4096)
            fields = dict(line.split(b": ", 1) for line in asked.split(b"\r\n")[1:] if line)
            key = next(value for name, value in fields.items() if name.lower() == b"sec-websocket-key")
            accept = base64.b64encode(hashlib.sha1(key + RFC_6455).digest()).decode()
            head = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            protocol = "Sec-WebSocket-Protocol: v4.channel.k8s.io\r\n"
            one.sendall(f"{head}{protocol}Sec-WebSocket-Accept: {accept}\r\n\r\n".encode())
            for message in messages:
                one.sendall(b"\x82\x7e" + struct.pack(">H", len(message)) + message)
            one.sendall(b"\x88\x02\x03\xe8")
            with contextlib.suppress(OSError):
                one.recv(4096)
            one.close()

    threading.Thread(target=run, daemon=True).start()
    return server.getsockname()[1]


seen = {}
for name, messages in CASES.items():
    settings = client.Configuration()
    settings.host = f"http://127.0.0.1:{serve(messages, 2)}"
    call = client.CoreV1Api(client.ApiClient(settings)).connect_get_namespaced_pod_exec
    how = {"command": ["pilot-agent"], "stdout": True}
    text = stream(call, "pod", "shop", **how)
    whole = stream(call, "pod", "shop", _preload_content=False, **how)
    whole.run_forever(timeout=60)
    try:
        outcome = whole.returncode
    except Exception as error:
        outcome = type(error).__name__
    seen[name] = (text, outcome)
    print(f"{name}: stream() returns {text!r}; returncode {outcome}")
expected = {
    "ends in order": ("", 0),
    "ends with 7": ("", 7),
    "not started": ("", "ValueError"),
    "timed out": ("", "KeyError"),
    "closed half way": ("half", "TypeError"),
}
print("still there" if seen == expected else f"changed: was {expected}")
raise SystemExit(seen != expected)
PROGRAM
