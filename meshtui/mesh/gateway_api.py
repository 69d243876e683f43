"""Objects of the Gateway API as far as routing asks for them."""

from __future__ import annotations

from dataclasses import dataclass, field

from meshtui.mesh.istio import Json, Ref
from meshtui.mesh.rules import Rule

HTTP_ROUTE = "HTTPRoute"
RULES = "rules"
"""The list of an HTTPRoute in which its rules stand."""


@dataclass(frozen=True)
class HttpRoute:
    """An HTTPRoute. `hosts` are the full names of the Services that it is attached to.

    `rules` has one entry for each of its own, with every match; the backends are destinations
    without a subset. How istiod sorts and joins them is the resolution's matter. `at_gateways`:
    it is attached to a Gateway of the Gateway API, which is not resolved.
    """

    ref: Ref
    resource_version: str = ""
    created: str = ""
    raw: Json = field(default_factory=dict, compare=False, repr=False)
    hosts: tuple[str, ...] = ()
    rules: tuple[Rule, ...] = ()
    at_gateways: tuple[str, ...] = ()

    @property
    def backends(self) -> tuple[str, ...]:
        """The hosts that its rules send to, each once."""
        return tuple(dict.fromkeys(d.host for rule in self.rules for d in rule.destinations))

    @property
    def in_mesh(self) -> bool:
        """Whether it is for callers in the mesh."""
        return bool(self.hosts)


@dataclass(frozen=True, slots=True)
class OtherRoute:
    """A GRPCRoute, TLSRoute or TCPRoute: only what it is for and where it sends is read."""

    ref: Ref
    hosts: tuple[str, ...] = ()
    backends: tuple[str, ...] = ()
    at_gateways: tuple[str, ...] = ()
