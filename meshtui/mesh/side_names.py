"""The names of the two sides that count requests: those who call a version, and its own proxies."""

from __future__ import annotations

CALLER, SERVER = "caller", "server"
