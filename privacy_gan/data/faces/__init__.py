"""A small renderer of drawn faces, whose seven attributes are known factors."""
