"""Reads beyond the snapshot: telemetry, charts, traces, exposure, the journal, the doctor."""
