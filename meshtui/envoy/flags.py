"""Envoy's response flags in words; the table is the pure rooms' too."""

from meshtui.mesh.flags import FLAGS, Flag, explain

__all__ = ["FLAGS", "Flag", "explain"]
