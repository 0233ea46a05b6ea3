"""Networks that know nothing of privacy."""
