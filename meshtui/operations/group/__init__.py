"""Several clusters behind one cockpit."""
