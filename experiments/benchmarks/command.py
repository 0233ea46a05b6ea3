"""The benchmark's command line: times training, data, judging, memory and start-up."""

from __future__ import annotations

import argparse
import json
import math
import sys
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from benchmarks.estimates import format_hours
from benchmarks.parts import OPTIONAL_PARTS, PARTS
from benchmarks.run import BenchmarkRun
from benchmarks.table import format_table
from privacy_gan.config.paths import PATHS, quote_paths
from privacy_gan.errors import UserError
from privacy_gan.runs.files import atomic_write


def main(arguments: Sequence[str], conf: Path) -> None:
    """Run the selected parts, print a table and write all measurements to a JSON file.

    Args:
        arguments: options, and overrides of conf/train.yaml for the run to benchmark.
        conf: the folder conf/.

    Raises:
        UserError: the configuration has an error, or the file cannot be written.
    """
    options = parse_options(arguments)
    if options.hours:
        print(format_hours(options.hours))
        return
    with TemporaryDirectory(prefix="privacy_gan-benchmark-") as folder:
        overrides = quote_paths(options.overrides, PATHS)
        run = BenchmarkRun(conf, overrides, Path(folder), options.rounds)
        record: dict[str, Any] = run.describe()
        for part in options.parts:
            print(f"timing {part} ...", file=sys.stderr, flush=True)
            record[part] = (PARTS | OPTIONAL_PARTS)[part](run)
    try:
        options.output.parent.mkdir(parents=True, exist_ok=True)
        with atomic_write(options.output) as file:
            file.write_text(json.dumps(record, indent=2) + "\n", encoding="utf-8")
    except OSError as error:
        raise UserError(
            f"cannot write {options.output} ({error.strerror}): choose another, --output FILE"
        ) from error
    print(format_table(record))
    print(f"\nAll measurements: {options.output}")


def parse_rates(text: str) -> list[float]:
    """Return the numbers in a list that is separated by commas.

    Raises:
        argparse.ArgumentTypeError: one is not a number above 0.
    """
    try:
        found = [float(number) for number in text.split(",")]
    except ValueError:
        found = [0.0]
    if not all(0 < number < math.inf for number in found):
        raise argparse.ArgumentTypeError(f"{text} must be a number above 0, or several: 1301,25000")
    return found


def parse_options(arguments: Sequence[str]) -> argparse.Namespace:
    """Return the options, including the overrides.

    Raises:
        UserError: a part is unknown, or there are no rounds.
    """
    parser = argparse.ArgumentParser(
        prog="benchmark.py",
        description="Compares the speed of this project with that of the paper's released code.",
        epilog="Also takes options of privacy-gan train, such as data=celeba data.root=PATH.",
    )
    optional = ",".join(OPTIONAL_PARTS)
    parser.add_argument("--parts", default=",".join(PARTS), help=f"from %(default)s,{optional}")
    parser.add_argument("--rounds", type=int, default=3, help="how often each variant is timed")
    parser.add_argument("--output", type=Path, default=Path("outputs/benchmark.json"))
    parser.add_argument(
        "--hours",
        type=parse_rates,
        metavar="RATE[,RATE...]",
        help="time nothing, but print the hours of the paper's experiments at this many training "
        "images of 64 pixels per second",
    )
    parser.add_argument("overrides", nargs="*", help=argparse.SUPPRESS)
    options = parser.parse_intermixed_args(list(arguments))
    options.parts = options.parts.split(",")
    if unknown := set(options.parts) - (PARTS | OPTIONAL_PARTS).keys():
        known = ",".join(PARTS | OPTIONAL_PARTS)
        raise UserError(f"--parts {','.join(unknown)}: choose among {known}")
    if options.rounds < 1:
        raise UserError(f"--rounds {options.rounds} must be 1 or more")
    return options
