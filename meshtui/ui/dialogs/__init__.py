"""What asks for a decision: the diff of a change, small forms, help, the lost connection."""
