"""What callers send through a waypoint: their proxies take the waypoint for who answered.

A gateway, or a sidecar, that calls a service by its waypoint names the waypoint's pods as the
destination, and knows not who answered behind them. The waypoint counts the same requests by who
did (`reporter="waypoint"`). What never came to the waypoint is the caller's alone to tell.
"""

from __future__ import annotations

from collections.abc import Set

from meshtui.mesh.flags import reached_a_pod
from meshtui.mesh.signals import UNKNOWN
from meshtui.metrics.traffic import SOURCE, Traffic

Workloads = Set[tuple[str, str]]
"""Namespaces and names."""


def is_hop(traffic: Traffic, waypoints: Workloads) -> bool:
    """Whether a caller counted what it sent to a waypoint on its way to a service.

    A waypoint has a service of its own name, which nobody is behind.
    """
    if not waypoints or traffic.reporter != SOURCE:
        return False
    place = traffic.workload_namespace, traffic.workload
    return place in waypoints and place != (traffic.namespace, traffic.service)


def came_through(traffic: Traffic) -> bool:
    """Whether the waypoint had the request: it then counted it, too."""
    return reached_a_pod(traffic.flags)


def lost(traffic: Traffic) -> Traffic:
    """The same request where it did not come to the waypoint: it has reached no pod."""
    return traffic._replace(version=UNKNOWN, workload_namespace="", workload="", revision="")
