"""Look at single faces in a page on this machine: python experiments/demo.py run=RUN."""

from privacy_gan.commands.verbs import run

if __name__ == "__main__":
    run("demo")
