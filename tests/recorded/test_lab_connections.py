"""The lab's control plane against what a real istiod gave two clients for TCP and TLS rules."""

from __future__ import annotations

from typing import Any

import pytest

from meshtui.lab.control.reading import snapshot
from meshtui.lab.control.resources import configure
from meshtui.lab.control.world import Proxy
from tests.recorded.cases import Case, load, names
from tests.recorded.lab_meshes import Sent, store_of

Obj = dict[str, Any]
SPACE = "st-a"
HERE = "10.77.0.9"
CASES = names("streams")

CLIENTS = {
    "client": Proxy(SPACE, "client", "client", {"app": "client", "version": "v1"}, *3 * (HERE,)),
    "raw-v1": Proxy(SPACE, "raw-v1", "raw-v1", {"app": "raw", "version": "v1"}, *3 * (HERE,)),
}


@pytest.mark.parametrize("who", CLIENTS)
@pytest.mark.parametrize("name", CASES)
def test_the_chains_are_those_that_istiod_sent(name: str, who: str) -> None:
    case = load(name, "streams")
    made = {found: chains_of(one) for found, one in sent(case, who).listeners.items()}
    compared = 0
    for entry in case.recorded["proxies"][who]:
        if entry["name"] in made:
            assert made[entry["name"]] == chains_of(entry["active_state"]["listener"])
            compared += 1
    assert compared >= 6


def sent(case: Case, who: str) -> Sent:
    client = CLIENTS[who]
    return Sent(configure(snapshot(store_of(case)), [client]), client.pod)


def chains_of(listener: Obj) -> list[tuple[Obj, Obj]]:
    """What each chain of connections takes, and where it sends it, in any order."""
    last = listener.get("default_filter_chain")
    found = []
    for chain in [*listener["filter_chains"], *([last] if last else [])]:
        config = chain["filters"][0]["typed_config"]
        target = {key: config[key] for key in ("cluster", "weighted_clusters") if key in config}
        if target:
            found.append((chain.get("filter_chain_match") or {}, target))
    return sorted(found, key=str)
