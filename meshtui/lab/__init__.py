"""A small real mesh on loopback, for the demo and the tests."""
