"""What finished runs have in common, from their result files alone."""
