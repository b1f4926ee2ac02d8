"""A commit -> a running version: registry, release, agent, lineage."""
