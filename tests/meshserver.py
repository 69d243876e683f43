"""An API server with a small mesh, in a thread, whose every free text would drive a terminal."""

from __future__ import annotations

import copy
import json
import re
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import yaml

from meshtui.changes.patch import apply
from meshtui.kube.resources import MESH_RESOURCES
from tests.ui import bookinfo

Obj = dict[str, Any]
EVIL = (
    "\x1b]52;c;ZXZpbA==\x07\x1b[2J\x1b[31m\r\b\x7f\x9b31m\x85\u202eevil\u2066\u200b\u200d\ufeff"
    "\u00ad\ufe0f\u2028\U000e0041\n\tend"
)
LOG = (
    '[2026-01-01T00:00:00.000Z] "GET /r{evil} HTTP/1.1" 503 UF {evil} - "-" 0 91 3 3 "-" '
    '"curl{evil}" "id" "reviews:9080" "10.1.0.7:9080" inbound|9080|| - - - - default\n{evil}\n'
)
_NAMED = {"name", "namespace", "uid", "resourceVersion", "kind", "apiVersion", "app", "version",
          "host", "subset", "phase", "type", "status", "podIP", "pod-template-hash", "istio",
          "timeout", "perTryTimeout", "retryOn"}  # fmt: skip


def hostile(raw: Any, key: str = "") -> Any:
    """The object with `EVIL` behind every text that says nothing about how things belong."""
    if isinstance(raw, dict):
        found = {name: hostile(value, name) for name, value in raw.items()}
        if "match" in found:
            found["name"] = str(found.get("name", "")) + EVIL
        if "annotations" in found or "resourceVersion" in found:
            found["annotations"] = {"note" + EVIL: EVIL}
        return found
    if isinstance(raw, list):
        return [hostile(value, key) for value in raw]
    return raw if key in _NAMED or not isinstance(raw, str) else raw + EVIL


def hostile_objects() -> dict[str, list[Obj]]:
    """Bookinfo; each object stands there once more with a name that a server would refuse."""
    found = bookinfo.objects()
    for vs in found["virtualservices"]:
        vs["spec"]["http"][0]["match"][0]["headers"]["end-user"]["exact"] += EVIL
        vs["spec"]["http"][0]["name"] += EVIL
    found["gateways"] = [{
        "metadata": bookinfo.meta("gw"),
        "spec": {"selector": {"istio": "ingressgateway"}, "servers": [
            {"port": {"number": 80, "name": "x" + EVIL, "protocol": "HTTP" + EVIL},
             "hosts": ["*", "h" + EVIL], "tls": {"mode": EVIL}}]},
    }]  # fmt: skip
    for objects in found.values():
        for raw in list(objects):
            objects.append(_renamed(raw))
            raw["metadata"]["annotations"] = {"note" + EVIL: EVIL}
            raw["metadata"].setdefault("labels", {})["x" + EVIL] = EVIL
    found["pods"][-1]["metadata"]["labels"].update({"version": "v9" + EVIL, "app": "reviews"})
    return found


def _renamed(raw: Obj) -> Obj:
    other = hostile(copy.deepcopy(raw))
    meta = other["metadata"]
    meta["name"] += EVIL
    for subset in other.get("spec", {}).get("subsets", ()):
        subset["name"] += EVIL
    return dict(other)


class MeshServer:
    """What a test may look at: `objects` by plural name, `writes` that were stored."""

    def __init__(self) -> None:
        self.objects = hostile_objects()
        self.writes: list[str] = []
        self.forbidden: set[str] = set()
        self.log = LOG.format(evil=EVIL.replace("\n", " ")).encode()
        server = self

        class Handler(_Handler):
            mesh = server

        self._http = _Quiet(("127.0.0.1", 0), Handler)
        self._http.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._http.server_address[1]}"
        threading.Thread(target=self._http.serve_forever, args=(0.02,), daemon=True).start()

    def close(self) -> None:
        self._http.shutdown()
        self._http.server_close()

    def kubeconfig(self, folder: Path) -> str:
        context = {"cluster": "c", "user": "u", "namespace": bookinfo.NAMESPACE}
        config = {
            "current-context": "fake",
            "clusters": [{"name": "c", "cluster": {"server": self.url}}],
            "users": [{"name": "u", "user": {"token": "secret"}}],
            "contexts": [{"name": "fake", "context": context}],
        }
        path = folder / "kubeconfig"
        path.write_text(yaml.safe_dump(config))
        return str(path)

    def answer(self, method: str, target: str, body: Any) -> tuple[int, Any]:
        """A status and a document, or bytes."""
        parts = urlsplit(target)
        path, query = unquote(parts.path), parse_qs(parts.query)
        if any(map(path.endswith, self.forbidden)):
            return 403, _status(403, f"forbidden{EVIL}")
        if path.endswith("selfsubjectaccessreviews"):
            return 201, {"status": {"allowed": True}}
        if path == "/api/v1/namespaces":
            return 200, {"items": [{"metadata": {"name": n}} for n in (bookinfo.NAMESPACE, EVIL)]}
        if path.endswith("/log"):
            return 200, self.log
        if path == "/version":
            return 200, {"gitVersion": "v1.36" + EVIL, "major": "1", "minor": "36"}
        if re.fullmatch(r"/apis/(networking\.istio|gateway\.networking\.k8s)\.io/v\w+", path):
            names = [r.plural for r in MESH_RESOURCES if r.api_version == path[len("/apis/") :]]
            return 200, {"resources": [{"name": name} for name in names]}
        for resource in MESH_RESOURCES:
            if path == resource.path():
                return 200, self._list(resource.api_version, resource.kind, resource.key)
        return self._object(method, path, query, body)

    def _list(self, api: str, kind: str, plural: str) -> Obj:
        items = [{"apiVersion": api, "kind": kind, **o} for o in self.objects.get(plural, ())]
        return {"items": items, "metadata": {"resourceVersion": "100"}}

    def _created(self, plural: str, query: Mapping[str, Any], body: Any) -> tuple[int, Any]:
        made = {**body, "metadata": {**body["metadata"], "uid": "u" + EVIL, "resourceVersion": "9"}}
        if "dryRun" not in query:
            self.objects[plural].append(made)
            self.writes.append(plural)
        return 201, made

    def _deleted(self, found: list[Obj], place: int, body: Any) -> Obj:
        """A dry run of it stands in the body: with one, the query is not looked at."""
        if "dryRun" in (body or {}):
            return found[place]
        self.writes.append("DELETE")
        return found.pop(place)

    def _object(
        self, method: str, path: str, query: Mapping[str, Any], body: Any
    ) -> tuple[int, Any]:
        *_, plural, name = path.split("/")
        if method == "POST" and name in self.objects:
            return self._created(name, query, body)
        found = self.objects.get(plural, [])
        place = next((i for i, o in enumerate(found) if o["metadata"]["name"] == name), None)
        if place is None:
            return 404, _status(404, f'{plural} "{name}" not found{EVIL}')
        if method == "DELETE":
            return 200, self._deleted(found, place, body)
        if method != "PATCH":
            return 200, found[place]
        changed: Any = apply(found[place], body)
        if "dryRun" not in query:
            changed["metadata"]["resourceVersion"] = str(100 + len(self.writes) + 1)
            self.writes.append(path)
            found[place] = changed
        return 200, changed


class _Quiet(ThreadingHTTPServer):
    """A client that leaves in the middle is no news.

    A command reads some twenty kinds at once: with the usual queue of five the others' connections
    were asked for again a second later.
    """

    request_queue_size = 128

    def handle_error(self, *_: Any) -> None:
        pass


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    mesh: MeshServer

    def _any(self) -> None:
        length = int(self.headers.get("Content-Length") or 0)
        body = json.loads(self.rfile.read(length)) if length else None
        status, document = self.mesh.answer(self.command, self.path, body)
        data = document if isinstance(document, bytes) else json.dumps(document).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        if self.command == "PATCH":
            self.send_header("Warning", '299 - "careful\x1b]52;c;eA==\x07 \\u202e"')
        self.end_headers()
        self.wfile.write(data)

    do_GET = do_POST = do_PATCH = do_DELETE = _any  # noqa: N815

    def log_message(self, *_: Any) -> None:
        pass


def _status(code: int, message: str) -> Obj:
    return {"kind": "Status", "code": code, "message": message, "reason": EVIL}


@contextmanager
def mesh_server() -> Iterator[MeshServer]:
    server = MeshServer()
    try:
        yield server
    finally:
        server.close()
