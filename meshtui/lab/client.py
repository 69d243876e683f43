"""Talking to a running lab over its control socket, without an event loop."""

from __future__ import annotations

import http.client
import json
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from meshtui.lab.errors import LabError
from meshtui.lab.values import duration, share

_PATIENCE = 120.0


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer to a request that `send` made; `status` 0 where there was none."""

    status: int
    seconds: float
    served_by: str
    headers: Mapping[str, str]
    body: Any


class _UnixConnection(http.client.HTTPConnection):
    def __init__(self, path: Path) -> None:
        super().__init__("lab", timeout=_PATIENCE)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(_PATIENCE)
        self.sock.connect(str(self._path))


class LabClient:
    """Everything a lab can be told and asked besides its Kubernetes API."""

    def __init__(self, control: Path) -> None:
        self._control = control

    def status(self) -> dict[str, Any]:
        """Scenario, kubeconfig, workloads, and the process ids of the lab's children."""
        return self._dict("GET", "/status")

    def set(self, workload: str, errors: str | None = None, latency: str | None = None) -> None:
        """Let a workload fail or be slow: `errors` like `5%`, `latency` like `200ms`."""
        changes: dict[str, float] = {}
        if errors is not None:
            changes["errors"] = share(errors)
        if latency is not None:
            changes |= {"latency": duration(latency), "tail_share": 0.0}
        self._call("POST", "/set", {"workload": workload, "changes": changes})

    def load(self, rps: float) -> None:
        """Change the rate of requests."""
        self._call("POST", "/load", {"rps": rps})

    def loadgen(self) -> dict[str, int]:
        """The load generator's answers so far, by status; `error` where there was no answer."""
        found: dict[str, int] = self._dict("GET", "/load")["status"]
        return found

    def counts(self) -> dict[str, dict[str, Any]]:
        """By workload: `requests` of callers, `shadow` copies, and all of them by `status`."""
        return self._dict("GET", "/counts")

    def reset(self) -> None:
        """Start counting from 0."""
        self._call("DELETE", "/counts")

    def send(
        self,
        count: int,
        path: str = "/",
        headers: Mapping[str, str] | None = None,
        via: str = "gateway",
        host: str = "",
        method: str = "GET",
        concurrency: int = 8,
        port: int = 9080,
    ) -> list[Answer]:
        """Send requests through the gateway, or out of the pod of a workload or application.

        `host` is the Host header: `reviews:9080` inside the mesh; `port` is the one that an
        application sends to.
        """
        asked = {
            "count": count,
            "path": path,
            "headers": {**(headers or {}), **({"Host": host} if host else {})},
            "via": via,
            "method": method,
            "concurrency": concurrency,
            "port": port,
        }
        return [Answer(**answer) for answer in self._call("POST", "/send", asked)]

    def admin(self, workload: str, path: str) -> str:
        """A page of the admin interface of a workload's Envoy: `/config_dump`, `/clusters`, …"""
        return str(self._call("POST", "/admin", {"workload": workload, "path": path}))

    def _dict(self, method: str, path: str) -> dict[str, Any]:
        found: dict[str, Any] = self._call(method, path)
        return found

    def _call(self, method: str, path: str, body: Any = None) -> Any:
        connection = _UnixConnection(self._control)
        try:
            text = None if body is None else json.dumps(body)
            connection.request(method, path, text, {"Content-Type": "application/json"})
            response = connection.getresponse()
            answer = json.loads(response.read() or b"null")
        except (OSError, http.client.HTTPException, ValueError) as error:
            raise LabError(f"the lab does not answer: {error}") from error
        finally:
            connection.close()
        if response.status != 200:
            raise LabError(str((answer or {}).get("error", response.status)))
        return answer
