"""Train the fixed classifiers of some data: python experiments/train_classifiers.py data=..."""

from privacy_gan.commands.verbs import run

if __name__ == "__main__":
    run("train_classifiers")
