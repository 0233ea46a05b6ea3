"""Entry point of ``python -m privacy_gan``, the same as the command ``privacy-gan``."""

from privacy_gan.commands.cli import main

main()
