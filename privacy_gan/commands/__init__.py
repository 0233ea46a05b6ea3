"""What a user can do, a file a verb: from a configuration to an outcome."""
