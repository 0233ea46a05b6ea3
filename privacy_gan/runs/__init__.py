"""What a run is, its folder, its result, and how its mechanism is loaded again."""
