"""Access logs: of one pod, of a service, of its callers."""
