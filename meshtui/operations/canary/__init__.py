"""The canary autopilot: a pure run meets the cluster, the telemetry and the journal."""
