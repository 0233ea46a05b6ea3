"""What a run is, its folder, whether it is finished, its result, and loading its mechanism."""
