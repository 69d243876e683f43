"""A mesh of any size without proxies: objects, and telemetry that moves with them."""
