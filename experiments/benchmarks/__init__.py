"""Benchmarks of the project against the paper's released code."""
