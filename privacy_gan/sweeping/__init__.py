"""Many runs: which are finished, each in a process of its own, GPUs handed out."""
