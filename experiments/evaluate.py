"""Judge a trained run again: python experiments/evaluate.py run=FOLDER judge.epochs=10 ..."""

from privacy_gan.commands.cli import run_command

if __name__ == "__main__":
    run_command("evaluate")
