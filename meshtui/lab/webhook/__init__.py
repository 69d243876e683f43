"""Istio's validation webhook: what it refuses of an object, in its words, and what it warns of."""
