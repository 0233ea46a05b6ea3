"""Readers of published data sets, each of which has its labels in a different form."""
