"""The Kubernetes API server of the lab."""
