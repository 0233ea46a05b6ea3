"""Censor a folder of photographs: python experiments/privatize.py run=RUN input=IN output=OUT."""

from privacy_gan.commands.cli import run_command

if __name__ == "__main__":
    run_command("privatize")
