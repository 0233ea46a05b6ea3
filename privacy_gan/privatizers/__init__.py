"""Mechanisms that censor images, all behind one interface."""
