"""Say what is in a folder of images: python experiments/data.py FOLDER."""

from privacy_gan.commands.cli import run_command

if __name__ == "__main__":
    run_command("data")
