"""Audit images that another tool censored: python experiments/audit.py images=... labels=... ..."""

from privacy_gan.commands.cli import run_command

if __name__ == "__main__":
    run_command("audit")
