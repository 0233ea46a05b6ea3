"""Export a trained run: python experiments/export.py run=RUN output=OUT."""

from privacy_gan.commands.cli import run_command

if __name__ == "__main__":
    run_command("export")
