"""Save a sweep's dashboard in Weights & Biases: python experiments/dashboard.py group=GROUP."""

from privacy_gan.commands.verbs import run

if __name__ == "__main__":
    run("dashboard")
