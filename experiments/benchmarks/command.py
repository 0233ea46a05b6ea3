"""Times training, the data path, judging, memory and start-up, and writes what came out."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from benchmarks.parts import OPTIONAL_PARTS, PARTS
from benchmarks.run import BenchmarkRun
from benchmarks.table import format_table
from privacy_gan.config.paths import PATHS, quote_paths
from privacy_gan.errors import UserError
from privacy_gan.runs.files import atomic_write


def main(arguments: Sequence[str], conf: Path) -> None:
    """Time what is asked for, print a table and write all figures.

    Args:
        arguments: options, and overrides of conf/train.yaml that say what is trained.
        conf: folder of the configuration.

    Raises:
        UserError: the configuration is wrong, or the file cannot be written.
    """
    options = parse(arguments)
    with TemporaryDirectory(prefix="privacy_gan-benchmark-") as folder:
        overrides = quote_paths(options.overrides, PATHS)
        run = BenchmarkRun(conf, overrides, Path(folder), options.rounds)
        record: dict[str, Any] = run.about()
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
    print(f"\nAll figures: {options.output}")


def parse(arguments: Sequence[str]) -> argparse.Namespace:
    """Return the options, the overrides among them."""
    parser = argparse.ArgumentParser(
        prog="benchmark.py",
        description="Times the project beside the way of the paper's released code.",
        epilog="Further arguments: those of privacy-gan train, such as data=celeba data.root=PATH.",
    )
    parser.add_argument("--parts", default=",".join(PARTS), help="of %(default)s,changes")
    parser.add_argument("--rounds", type=int, default=3, help="turns of each contestant")
    parser.add_argument("--output", type=Path, default=Path("outputs/benchmark.json"))
    parser.add_argument("overrides", nargs="*", help=argparse.SUPPRESS)
    options = parser.parse_intermixed_args(list(arguments))
    options.parts = options.parts.split(",")
    if unknown := set(options.parts) - (PARTS | OPTIONAL_PARTS).keys():
        known = ",".join(PARTS | OPTIONAL_PARTS)
        raise UserError(f"--parts {','.join(unknown)}: choose among {known}")
    if options.rounds < 1:
        raise UserError(f"--rounds {options.rounds} must be 1 or more")
    return options
