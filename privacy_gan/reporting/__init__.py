"""Reports on finished runs, from their result files."""
