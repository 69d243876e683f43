"""`completion`: the script for a shell, and the words that the script asks for."""
