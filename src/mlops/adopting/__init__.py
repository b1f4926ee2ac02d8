"""A stranger's table -> a project: what its columns mean, what fits its size, and what of the template leaves."""
