"""Time training, data, judging and commands: python experiments/benchmark.py [OVERRIDE ...]."""

from __future__ import annotations

import sys
from pathlib import Path

from privacy_gan.commands.hydra_app import report_errors
from privacy_gan.commands.imports import fast_imports

with fast_imports():
    from benchmarks.command import main

if __name__ == "__main__":
    with report_errors():
        main(sys.argv[1:], conf=Path(__file__).resolve().parents[1] / "conf")
