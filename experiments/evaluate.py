"""Judge a trained run again: python experiments/evaluate.py run=FOLDER judge=thorough ..."""

from privacy_gan.commands.cli import run_command

if __name__ == "__main__":
    run_command("evaluate")
