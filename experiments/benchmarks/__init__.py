"""How fast the project is, beside the way of the paper's released code, in one process."""
