"""Data sets that yield batches of images and attributes."""
