"""The verbs of the command line, one file each: from a configuration to an outcome."""
