"""Parametric faces: a small renderer whose seven attributes are true factors of each drawing."""
