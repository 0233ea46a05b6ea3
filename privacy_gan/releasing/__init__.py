"""Folders of photographs, censored by a trained mechanism and written without anything else."""
