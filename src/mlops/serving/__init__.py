"""A request -> an answer, on disk first."""
