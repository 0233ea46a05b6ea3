"""Learn to replace a sensitive attribute of images, and measure what still leaks."""

__version__ = "0.1.0"
