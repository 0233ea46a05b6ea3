"""Trained mechanisms, handed on: folders that need neither a run nor trust in who made them."""
