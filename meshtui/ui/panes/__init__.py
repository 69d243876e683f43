"""What opens beside the table and stays: logs, proxies, rules."""
