"""A terminal cockpit for a live Istio mesh."""

__version__ = "0.1.0"
