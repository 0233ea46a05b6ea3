"""What an adversary still learns, and what stays useful."""
