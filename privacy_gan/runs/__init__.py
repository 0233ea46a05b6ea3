"""Runs: their fingerprints, folders, results and checkpoints, and loading their mechanisms."""
