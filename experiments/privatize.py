"""Censor a folder of photographs: python experiments/privatize.py run=RUN input=IN output=OUT."""

from privacy_gan.commands.verbs import run

if __name__ == "__main__":
    run("privatize")
