"""Report on all runs in a folder: python experiments/report.py folder=FOLDER."""

from privacy_gan.commands.cli import run_command

if __name__ == "__main__":
    run_command("report")
