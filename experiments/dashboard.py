"""Save a sweep's W&B dashboard: python experiments/dashboard.py group=GROUP."""

from privacy_gan.commands.cli import run_command

if __name__ == "__main__":
    run_command("dashboard")
