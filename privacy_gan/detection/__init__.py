"""Faces in photographs: where they are, and the squares around them."""
