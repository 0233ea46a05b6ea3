"""Show censored faces on a local web page: python experiments/demo.py run=RUN."""

from privacy_gan.commands.cli import run_command

if __name__ == "__main__":
    run_command("demo")
