"""The canary autopilot: counts and events go in, verdicts and commands come out."""
