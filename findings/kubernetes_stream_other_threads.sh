#!/usr/bin/env bash
# While one thread opens an exec, the calls of the others go out as WebSockets, too; and after two execs at once all
# calls do, for good.
#
# One would guess: stream(api.connect_get_namespaced_pod_exec, ...) makes this one call a WebSocket. Whoever shares
#   the ApiClient, as threads may, lists and reads by plain HTTP as before.
# Seen with kubernetes 37.0.2: stream() puts another function into the shared ApiClient, and puts the one that it
#   found there back once the WebSocket is open or was refused. A list by another thread in between is sent with
#   `Upgrade: websocket` to the path of the list, and fails. Of two execs that overlap, the one that began first
#   ends first and the other puts the first one's function back: from then on every call of the client goes out as a
#   WebSocket, lists, patches and all, until the program ends.
# Why it matters: a cockpit that asks ten sidecars by exec while a watch goes on with the same client loses its
#   lists with "Handshake status 200 OK", now and then, or for ever. Give each exec an ApiClient of its own.
. "$(dirname "$0")/environment"
with_packages kubernetes==37.0.2 <<'PROGRAM'
import json
import threading
import time

from apibench import Handler, serving
from kubernetes import client
from kubernetes.stream import stream

received = []
opened = {"first": threading.Event(), "second": threading.Event()}
LIST = json.dumps({"kind": "PodList", "apiVersion": "v1", "items": []}).encode()


class Server(Handler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        received.append((self.path, self.headers.get("upgrade", "plain")))
        pod = self.path.split("/")[-2]
        if pod in opened:  # an exec: refused, but not before its turn
            opened[pod].wait(60)
            self.answer(b"", 403)
        else:
            self.answer(LIST)


def wait_for(count):
    while len(received) < count:
        time.sleep(0.01)


def execute(pod):
    try:
        stream(api.connect_get_namespaced_pod_exec, pod, "shop", command=["true"], stdout=True)
    except client.ApiException:
        pass


def listed(when):
    try:
        outcome = f"{len(api.list_namespaced_pod('shop').items)} pods"
    except client.ApiException as error:
        outcome = " ".join(str(error.reason).split()[:5])
    print(f"{when}: {received[-1][1]}, {outcome}")
    return received[-1][1]


settings = client.Configuration()
settings.host = serving(Server)
api = client.CoreV1Api(client.ApiClient(settings))

seen = [listed("before")]
threads = {pod: threading.Thread(target=execute, args=(pod,)) for pod in opened}
threads["first"].start()
wait_for(2)
seen.append(listed("while an exec is being opened"))
threads["second"].start()
wait_for(4)
for pod in ("first", "second"):
    opened[pod].set()
    threads[pod].join()
seen.append(listed("after two that overlapped"))
seen.append(listed("and again"))
expected = ["plain", "websocket", "websocket", "websocket"]
print("still there" if seen == expected else f"changed: was {expected}")
raise SystemExit(seen != expected)
PROGRAM
