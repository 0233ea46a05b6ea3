"""Data sets: each ends in batches of images and attributes."""
