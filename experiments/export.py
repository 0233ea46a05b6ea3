"""Export a trained run as a folder to hand on: python experiments/export.py run=RUN output=OUT."""

from privacy_gan.commands.verbs import run

if __name__ == "__main__":
    run("export")
