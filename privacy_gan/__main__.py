"""python -m privacy_gan VERB ..., the same as privacy-gan VERB ..."""

from privacy_gan.commands.cli import main

main()
