"""Train a privatizer: python experiments/train.py attribute=Smiling epsilon=0.01 ..."""

from privacy_gan.commands.verbs import run

if __name__ == "__main__":
    run("train")
