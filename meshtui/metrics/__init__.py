"""Golden signals per version, behind one protocol."""
