"""What an adversary still learns, and what everyone else still can."""
