"""A stranger's table and repository -> a project."""
