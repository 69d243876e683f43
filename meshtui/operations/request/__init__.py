"""One real request from inside the mesh: sent, and found again in the proxies' logs."""
