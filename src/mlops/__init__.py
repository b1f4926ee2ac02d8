"""The machinery of the loop. Knows nothing about the problem; rooms are named after the loop's steps."""
