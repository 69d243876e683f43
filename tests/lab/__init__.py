"""The lab against real Envoys."""
