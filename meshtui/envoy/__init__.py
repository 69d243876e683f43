"""What the proxies say: admin API, config dumps, access-log lines, response flags."""
