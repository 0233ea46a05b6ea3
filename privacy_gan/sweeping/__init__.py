"""Sweeps: grids and searches, subprocesses, GPU reservation, SLURM jobs and progress."""
