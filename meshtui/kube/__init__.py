"""The Kubernetes API: connection, list and watch, patch, reviews, logs, port-forward, exec."""
