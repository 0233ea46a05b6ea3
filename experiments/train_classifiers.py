"""Train the fixed classifiers of some data: python experiments/train_classifiers.py data=..."""

from privacy_gan.commands.cli import run_command

if __name__ == "__main__":
    run_command("train_classifiers")
