"""Report on all runs below a folder: python experiments/report.py folder=FOLDER."""

from privacy_gan.commands.verbs import run

if __name__ == "__main__":
    run("report")
