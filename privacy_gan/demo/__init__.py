"""A page to look at single faces, served to this machine alone."""
