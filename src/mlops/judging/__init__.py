"""Two models -> a verdict."""
