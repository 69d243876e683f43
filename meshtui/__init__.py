"""A terminal cockpit for a live Istio mesh."""
