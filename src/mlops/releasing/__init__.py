"""A commit becomes a running version."""
