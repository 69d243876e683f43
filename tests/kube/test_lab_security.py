"""Istio's security kinds at the lab's API server, in the words of a recorded real one."""

from __future__ import annotations

from typing import Any

from lab_fixtures import running_lab

Obj = dict[str, Any]
LABELS: Obj = {"matchLabels": {"a": "b"}}
MODES = 'supported values: "UNSET", "DISABLE", "PERMISSIVE", "STRICT"'
SKIPPED = (
    "<nil>: Invalid value: null: some validation rules were not checked because the object was "
    "invalid; correct the existing errors to complete validation"
)
SOURCE: Obj = {"serviceAccounts": ["a"], "principals": ["b"]}
RECORDED: list[tuple[str, Obj, str]] = [
    ("PeerAuthentication", {"mtls": {"mode": "STRICT"}}, ""),
    (
        "PeerAuthentication",
        {"mtls": {"mode": "NOPE"}},
        f'[spec.mtls.mode: Unsupported value: "NOPE": {MODES}, {SKIPPED}]',
    ),
    (
        "PeerAuthentication",
        {"portLevelMtls": {"80": {"mode": "DISABLE"}}},
        "spec: Invalid value: portLevelMtls requires selector",
    ),
    (
        "PeerAuthentication",
        {"selector": LABELS, "portLevelMtls": {"99999": {"mode": "DISABLE"}}},
        "spec.portLevelMtls: Invalid value: port must be between 1-65535",
    ),
    (
        "PeerAuthentication",
        {"selector": LABELS, "portLevelMtls": {"x": {"mode": "DISABLE"}}},
        "spec.portLevelMtls: Invalid value: \"object\": type conversion error from 'string' to "
        "'int' evaluating rule: port must be between 1-65535",
    ),
    ("AuthorizationPolicy", {}, ""),
    (
        "AuthorizationPolicy",
        {"action": "DENY", "rules": [{"from": [{"source": SOURCE}]}]},
        "spec.rules[0].from[0].source: Invalid value: Cannot set serviceAccounts with namespaces "
        "or principals",
    ),
    (
        "AuthorizationPolicy",
        {"selector": LABELS, "targetRefs": [{"kind": "Service", "name": "x"}]},
        "spec: Invalid value: only one of targetRefs or selector can be set",
    ),
]
PLURALS = {
    "PeerAuthentication": "peerauthentications",
    "AuthorizationPolicy": "authorizationpolicies",
}


async def test_they_are_stored_or_refused_as_by_a_real_server() -> None:
    async with running_lab() as lab:
        for number, (kind, spec, words) in enumerate(RECORDED):
            api = "security.istio.io/v1"
            body = {"apiVersion": api, "kind": kind, "spec": spec}
            path = f"/apis/{api}/namespaces/default/{PLURALS[kind]}"
            answer = await lab.client.post(path, {**body, "metadata": {"name": f"x{number}"}})
            if not words:
                assert answer.status == 201, answer.text
                continue
            said = f'{kind}.security.istio.io "x{number}" is invalid: {words}'
            assert (answer.status, answer.json["message"]) == (422, said)
