"""What a Prometheus at a URL is asked with; importing it takes as long as a query."""

from __future__ import annotations

from prometheus_api_client import PrometheusConnect as PrometheusConnect

from meshtui.metrics.prometheus_session import Session as Session
