"""The use cases, where a pure change meets the cluster."""
