"""The limits of a breaker: the command's names, and where a DestinationRule keeps them."""

from __future__ import annotations

from collections.abc import Mapping

FIELDS: Mapping[str, tuple[str, ...]] = {
    "max_connections": ("connectionPool", "tcp", "maxConnections"),
    "max_pending": ("connectionPool", "http", "http1MaxPendingRequests"),
    "max_requests": ("connectionPool", "http", "http2MaxRequests"),
    "max_requests_per_connection": ("connectionPool", "http", "maxRequestsPerConnection"),
    "max_retries": ("connectionPool", "http", "maxRetries"),
    "consecutive_5xx": ("outlierDetection", "consecutive5xxErrors"),
    "consecutive_gateway": ("outlierDetection", "consecutiveGatewayErrors"),
    "interval": ("outlierDetection", "interval"),
    "base_ejection": ("outlierDetection", "baseEjectionTime"),
    "max_ejection_percent": ("outlierDetection", "maxEjectionPercent"),
    "min_health_percent": ("outlierDetection", "minHealthPercent"),
}
"""The command's names of the limits, and where a trafficPolicy keeps them."""

NAMES: Mapping[tuple[str, ...], str] = {
    place: name.replace("_", "-") for name, place in FIELDS.items()
}
"""The same the other way round."""
