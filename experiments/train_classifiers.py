"""Train the judge's fixed classifiers: python experiments/train_classifiers.py data=..."""

from privacy_gan.commands.cli import run_command

if __name__ == "__main__":
    run_command("train_classifiers")
