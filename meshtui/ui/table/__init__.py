"""The live table of services and versions."""
