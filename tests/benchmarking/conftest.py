"""Puts experiments/ in reach, as for python experiments/benchmark.py."""

import sys

from commands import ROOT

sys.path.append(str(ROOT / "experiments"))
