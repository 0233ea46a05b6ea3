"""Many runs: grids and searches, what is finished, a process for each, GPUs, progress."""
