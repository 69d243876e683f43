"""Lines that stay on screen: header, notices, status, keys, the prompt."""
