"""Makes ``benchmarks`` importable, as in ``python experiments/benchmark.py``."""

import sys

from commands import ROOT

sys.path.append(str(ROOT / "experiments"))
