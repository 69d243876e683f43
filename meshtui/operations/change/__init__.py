"""Making a change: plan, check, journal, write, verify, take back."""
