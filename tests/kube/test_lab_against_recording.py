"""Every exchange recorded from a real API server, replayed in order against the lab's."""

from __future__ import annotations

import asyncio
import json
import re
from pathlib import Path
from typing import Any

import pytest
from lab_fixtures import VS, Answer, Client, running_lab

from meshtui.lab.api.access import EVERYTHING, User
from meshtui.lab.store import Store

Json = Any
RECORDING = json.loads((Path(__file__).parent / "data/exchanges.json").read_text())["exchanges"]
ANSWERS = {e["name"]: e["response"] for e in RECORDING}
TOKENS = {"none": ""}
LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"
PARTIAL = {"aggregated-discovery": "the recording kept one group of the many a server has"}
"""Exchanges of which only a part is compared, with the reason. All others are compared whole."""

VOLATILE = (
    (re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"), "<uid>"),
    (re.compile(r"20\d\d-\d\d-\d\dT\d\d:\d\d:\d\dZ"), "<time>"),
    (re.compile(r'(resourceVersion\\*":\\*")\d+'), r"\1<version>"),
    (re.compile(r"(too old resource version: 1) \(\d+\)"), r"\1 (<version>)"),
    (re.compile(r"\b(meshtui-)[a-z0-9]{5}\b"), r"\1<random>"),
)
RENAMED = {"resourceVersion", "continue", "serverAddress"}


def users() -> tuple[User, ...]:
    """The recorded server's: its viewer had no rights but to ask about itself."""
    return User("admin", "admin-token", EVERYTHING), User("viewer", "viewer-token")


def normal(value: Json, key: str = "") -> Json:
    """`value` without what differs from one run to the next."""
    if isinstance(value, dict):
        hidden = ("managedFields", LAST_APPLIED)
        return {k: normal(v, k) for k, v in value.items() if k not in hidden}
    if isinstance(value, list):
        return [normal(v, key) for v in value]
    if not isinstance(value, str) or not value:
        return value
    if key in RENAMED:
        return f"<{key}>"
    if key == "cells":
        return re.sub(r"^\d+[smhd].*$", "<age>", value)
    for pattern, stand_in in VOLATILE:
        value = pattern.sub(stand_in, value)
    return value


def by_name(resources: list[Json]) -> list[Json]:
    """Discovery lists the resources of a group in no order of its own."""
    return sorted(resources, key=lambda r: str(r["name"]))


async def seed(store: Store, client: Client) -> None:
    """What the recorded server held at the start, taken from its answers."""
    for service in ANSWERS["list-label-selector"]["body"]["items"]:
        store.put("", "services", service)
    for obj in ANSWERS["list-vs"]["body"]["items"]:
        meta = {"annotations": {}, "name": obj["metadata"]["name"], "namespace": "default"}
        applied = obj | {"metadata": meta}
        text = json.dumps(applied, separators=(",", ":")) + "\n"
        meta = meta | {"annotations": {LAST_APPLIED: text}}
        new = obj | {"metadata": meta}
        answer = await client.post(VS, new, fieldManager="kubectl-client-side-apply")
        assert answer.status == 201, answer.text


class Replay:
    """Sends the recorded requests; versions and tokens in them become the lab's own."""

    def __init__(self, client: Client):
        self.client = client
        self.answers: dict[str, Answer] = {}

    async def run(self) -> dict[str, Answer]:
        for exchange in RECORDING:
            if exchange["name"] == "watch":
                await self.writes_seen_by_the_watch()
            self.answers[exchange["name"]] = await self.send(exchange["request"])
        return self.answers

    async def writes_seen_by_the_watch(self) -> None:
        await self.client.merge_patch(f"{VS}/tmp", {"metadata": {"labels": {"a": "b"}}})
        await self.client.call("DELETE", f"{VS}/tmp")

    async def send(self, request: Json) -> Answer:
        token = request.get("token", "admin-token")
        client = self.client.as_user(TOKENS.get(token, token))
        body = request.get("body")
        if body is not None:
            body = json.loads(self.translate(json.dumps(body), '"value": "{}"'))
        return await client.call(
            request["method"],
            self.translate(request["path"], "resourceVersion={}"),
            body,
            request.get("content_type", "application/json"),
            request["accept"],
        )

    def translate(self, text: str, form: str) -> str:
        versions = {"293": ("list-vs", ("items", 2)), "587": ("create-201", ())}
        for recorded, (name, path) in versions.items():
            if name in self.answers:
                found = self.answers[name].json
                for step in path:
                    found = found[step]
                ours = found["metadata"]["resourceVersion"]
                text = text.replace(form.format(recorded), form.format(ours))
        if "continue=" in text:
            token = self.answers["list-limit"].json["metadata"]["continue"]
            text = re.sub(r"continue=\w+", f"continue={token}", text)
        return text.replace("timeoutSeconds=4", "timeoutSeconds=1")


async def replay() -> dict[str, Answer]:
    async with running_lab(users()) as lab:
        await seed(lab.store, lab.client)
        return await Replay(lab.client).run()


@pytest.fixture(scope="module")
def answers() -> dict[str, Answer]:
    return asyncio.run(replay())


@pytest.mark.parametrize("name", [e["name"] for e in RECORDING])
def test_answers_as_the_real_server_did(name: str, answers: dict[str, Answer]) -> None:
    recorded, ours = ANSWERS[name], answers[name]
    assert ours.status == recorded["status"]
    assert ours.headers["Content-Type"] == recorded["content_type"]
    assert ours.headers.get("Warning") == recorded.get("Warning")
    assert body_of(name, ours, recorded) == expected_body(name, recorded)


def body_of(name: str, ours: Answer, recorded: Json) -> Json:
    if isinstance(recorded.get("body"), str):
        return ours.text
    if "json_lines" in recorded:
        return [normal(json.loads(line)) for line in ours.text.splitlines()]
    found = normal(ours.json)
    if name in PARTIAL:
        wanted = {i["metadata"]["name"] for i in recorded["body"]["items"]}
        found["items"] = [i for i in found["items"] if i["metadata"].get("name") in wanted]
    if name == "resources-v1":
        found["resources"] = by_name(found["resources"])
    return found


def expected_body(name: str, recorded: Json) -> Json:
    if "json_lines" in recorded:
        return normal(recorded["json_lines"])
    expected = normal(recorded["body"])
    if name == "resources-v1":
        expected["resources"] = by_name(expected["resources"])
    return expected
