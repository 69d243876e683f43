"""What the proxies have, and how that differs from what the rules ask."""
