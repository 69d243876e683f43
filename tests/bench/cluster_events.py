"""Events of a large mesh, by its API: objects of one kind change again and again."""

from __future__ import annotations

import base64
import http.client
import json
import random
import ssl
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import yaml

ISTIO = "/apis/networking.istio.io/v1"
MERGE = "application/merge-patch+json"


class Writer:
    """One connection to the cluster of a kubeconfig with a token."""

    def __init__(self, kubeconfig: Path) -> None:
        config = yaml.safe_load(kubeconfig.read_text())
        cluster, user = config["clusters"][0]["cluster"], config["users"][0]["user"]
        given = base64.b64decode(cluster.get("certificate-authority-data", "")).decode() or None
        trusted = ssl.create_default_context(
            cafile=cluster.get("certificate-authority"), cadata=given
        )
        host = urlsplit(cluster["server"]).netloc
        self._connection = http.client.HTTPSConnection(host, context=trusted)
        self._headers = {"Authorization": f"Bearer {user['token']}"}

    def ask(self, method: str, path: str, body: Any = None) -> Any:
        headers = {**self._headers, "Content-Type": MERGE}
        self._connection.request(method, path, json.dumps(body) if body else None, headers)
        answer = self._connection.getresponse()
        text = answer.read()
        if answer.status >= 300:
            raise SystemExit(f"{method} {path}: {answer.status} {text[:300]!r}")
        return json.loads(text)


Event = Callable[[Writer, int], None]


def _at(number: int) -> tuple[str, str]:
    return f"shop-{number // 100}", f"service-{number}"


def pod(writer: Writer, number: int) -> None:
    space, name = _at(number)
    path = f"/api/v1/namespaces/{space}/pods"
    found = writer.ask("GET", f"{path}?labelSelector=app%3D{name}&limit=1")["items"][0]
    conditions = found["status"]["conditions"]
    for one in conditions:
        if one["type"] == "Ready":
            one["status"] = "False" if one["status"] == "True" else "True"
    body = {"status": {"conditions": conditions}}
    writer.ask("PATCH", f"{path}/{found['metadata']['name']}/status", body)


def virtual_service(writer: Writer, number: int) -> None:
    space, name = _at(number)
    first = random.randint(50, 99)
    route = [
        {"destination": {"host": name, "subset": version}, "weight": weight}
        for version, weight in (("v1", first), ("v2", 100 - first), ("v3", 0))
    ]
    body = {"spec": {"http": [{"route": route}]}}
    writer.ask("PATCH", f"{ISTIO}/namespaces/{space}/virtualservices/{name}", body)


def destination_rule(writer: Writer, number: int) -> None:
    space, name = _at(number)
    pool = {"connectionPool": {"tcp": {"maxConnections": random.randint(1, 999)}}}
    path = f"{ISTIO}/namespaces/{space}/destinationrules/{name}"
    writer.ask("PATCH", path, {"spec": {"trafficPolicy": pool}})


def service(writer: Writer, number: int) -> None:
    space, name = _at(number)
    labels = {"metadata": {"labels": {"turn": str(random.randint(1, 9999))}}}
    writer.ask("PATCH", f"/api/v1/namespaces/{space}/services/{name}", labels)


EVENTS: Mapping[str, Event] = {
    "pod": pod,
    "VirtualService": virtual_service,
    "DestinationRule": destination_rule,
    "Service": service,
}
