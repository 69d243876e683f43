"""Bookinfo, as objects of a cluster."""
