"""What the small GitHub knows, who may ask it for what, and how it answers; `rehearsal.api` serves it."""
