"""Judge a trained run again: python experiments/evaluate.py run=FOLDER judge.epochs=10 ..."""

from privacy_gan.commands.verbs import run

if __name__ == "__main__":
    run("evaluate")
