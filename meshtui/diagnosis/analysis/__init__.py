"""What is wrong with a mesh as it is written: one check, one function."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from meshtui.diagnosis.analysis.api_gateways import (
    gateway_without_address,
    unready_gateway,
    unready_listener,
)
from meshtui.diagnosis.analysis.api_routes import (
    all_zero,
    ambient_rules,
    bad_backend,
    cut_rule,
    dropped_route,
    ignored_session,
    unserved_route,
)
from meshtui.diagnosis.analysis.authorization import (
    denied_connections,
    denied_service,
    idle_authorization,
    unknown_provider,
)
from meshtui.diagnosis.analysis.backend_tls import (
    backend_tls_without_ca,
    idle_backend_tls,
    replaced_backend_tls,
)
from meshtui.diagnosis.analysis.conflicts import behind_at_waypoint, host_conflict, stream_conflict
from meshtui.diagnosis.analysis.deprecated import deprecated_field
from meshtui.diagnosis.analysis.destinations import (
    hidden_host,
    missing_host,
    missing_port,
    missing_subset,
    no_weight,
    port_needed,
)
from meshtui.diagnosis.analysis.edges import (
    behind_another,
    edge_without_weights,
    gateway_conflict,
    left_out_server,
    unexposed_port,
)
from meshtui.diagnosis.analysis.effectless import (
    hostless_rule,
    overlapping_sidecars,
    ruled_for_nobody,
    uncounted_rule,
)
from meshtui.diagnosis.analysis.filters import idle_rate_limit
from meshtui.diagnosis.analysis.finding import ERROR, INFO, WARNING, Finding, Limit
from meshtui.diagnosis.analysis.gateways import host_not_admitted, idle_gateway, missing_gateway
from meshtui.diagnosis.analysis.idle import (
    half_name,
    missing_delegate,
    nested_delegate,
    unlisted_gateway,
    unused_rule,
    unused_virtual_service,
    wrong_protocol,
)
from meshtui.diagnosis.analysis.invalid import invalid_rule
from meshtui.diagnosis.analysis.leftovers import (
    endless_fault,
    endless_mirror,
    full_fault,
    full_mirror,
)
from meshtui.diagnosis.analysis.pods import (
    headless_weights,
    no_endpoints,
    podless_subset,
    unmeshed_pods,
)
from meshtui.diagnosis.analysis.policies import ejects_all, lost_policy, never_ejects
from meshtui.diagnosis.analysis.retries import (
    retries_with_fault,
    retry_budget,
    slow_tries,
    unsafe_retry,
)
from meshtui.diagnosis.analysis.security import excluded_port, mtls_conflict
from meshtui.diagnosis.analysis.shadowing import unreachable_rule
from meshtui.diagnosis.analysis.subsets import (
    duplicate_subset,
    idle_policy,
    several_rules,
    unused_subset,
)
from meshtui.mesh.model import Mesh

__all__ = ["ERROR", "INFO", "WARNING", "Finding", "Limit", "analyze"]

Check = Callable[[Mesh], Iterable[Finding]]

CHECKS: tuple[Check, ...] = (
    missing_host,
    hidden_host,
    missing_subset,
    missing_port,
    port_needed,
    no_weight,
    podless_subset,
    no_endpoints,
    unmeshed_pods,
    headless_weights,
    unreachable_rule,
    host_conflict,
    behind_at_waypoint,
    stream_conflict,
    missing_delegate,
    nested_delegate,
    wrong_protocol,
    half_name,
    unlisted_gateway,
    unused_rule,
    unused_virtual_service,
    ruled_for_nobody,
    missing_gateway,
    idle_gateway,
    host_not_admitted,
    edge_without_weights,
    left_out_server,
    gateway_conflict,
    unexposed_port,
    hostless_rule,
    uncounted_rule,
    overlapping_sidecars,
    mtls_conflict,
    excluded_port,
    unknown_provider,
    denied_service,
    denied_connections,
    idle_authorization,
    duplicate_subset,
    several_rules,
    idle_policy,
    lost_policy,
    ejects_all,
    never_ejects,
    retry_budget,
    slow_tries,
    retries_with_fault,
    unsafe_retry,
    full_fault,
    full_mirror,
    deprecated_field,
    invalid_rule,
    idle_rate_limit,
    behind_another,
    unserved_route,
    dropped_route,
    bad_backend,
    all_zero,
    cut_rule,
    ignored_session,
    ambient_rules,
    idle_backend_tls,
    backend_tls_without_ca,
    replaced_backend_tls,
    unready_listener,
    unready_gateway,
)

HINTS: tuple[Check, ...] = (unused_subset, gateway_without_address)
"""What is often meant to be so, and is only told to those who ask for it."""


def analyze(
    mesh: Mesh, *, limited: frozenset[Limit] = frozenset(), hints: bool = False
) -> tuple[Finding, ...]:
    """All findings, the worst first.

    `limited` are the faults and mirrors that end by themselves. Where parts of the cluster could
    not be read (`Mesh.partial`), nothing there is called missing; `unread.unchecked` says so.
    """
    checks = (*CHECKS, *HINTS) if hints else CHECKS
    found = [finding for check in checks for finding in check(mesh)]
    found += [*endless_fault(mesh, limited), *endless_mirror(mesh, limited)]
    return tuple(sorted(dict.fromkeys(found), key=lambda finding: finding.order))
