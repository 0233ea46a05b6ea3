"""Audit images that somebody censored: python experiments/audit.py images=... labels=... ..."""

from privacy_gan.commands.verbs import run

if __name__ == "__main__":
    run("audit")
