"""How a proxy's route differs from the one it should have, in an operator's words."""

from __future__ import annotations

from meshtui.envoy.route_facts import differing, route_facts
from meshtui.mesh.model import Json

_OF_RETRIES = (
    "conditions of retries",
    "per try timeout",
    "per try idle timeout",
    "retry back off",
    "retry priority",
    "host predicates of retries",
    "attempts to find another host",
)


def route_differences(asked: Json, actual: Json) -> tuple[str, ...]:
    """Empty where both routes take the same requests and do the same with them."""
    wanted, found = route_facts(asked), route_facts(actual)
    if wanted.get("action") != found.get("action"):
        only = {"conditions", "action", "name", "VirtualService"}
        wanted = {name: fact for name, fact in wanted.items() if name in only}
        found = {name: fact for name, fact in found.items() if name in only}
    one_is_off = ("retries" in wanted) != ("retries" in found)
    return tuple(differing(wanted, found, _OF_RETRIES if one_is_off else ()))
