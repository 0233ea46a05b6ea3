"""Training a privatizer: from a configuration to a finished run folder."""
