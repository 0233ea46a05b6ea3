"""A small renderer of parametric faces, whose seven attributes are known factors."""
