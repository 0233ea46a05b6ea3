"""Train and judge a mechanism: python experiments/train.py attribute=Smiling epsilon=0.01 ..."""

from privacy_gan.commands.cli import run_command

if __name__ == "__main__":
    run_command("train")
