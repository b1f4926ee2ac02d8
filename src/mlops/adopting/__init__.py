"""A stranger's table -> a project: what its columns mean, what leaves with the example, settings of the repository."""
