"""Draw photographs to try `privatize fit=faces` on: python experiments/photographs.py FOLDER."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from benchmarks.photographs import draw_photographs, drawn_faces, read_faces

from privacy_gan.commands.hydra_app import report_errors


def main(arguments: list[str]) -> None:
    """Draw the photographs."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, help="new folder of the photographs")
    parser.add_argument("--number", type=int, default=20, help="of photographs; default: 20")
    parser.add_argument("--width", type=int, default=1600, help="in pixels; default: 1600")
    parser.add_argument(
        "--images", type=Path, help="folder of face images; each gets a photograph of the same name"
    )
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args(arguments)
    if options.images is None:
        faces = drawn_faces(options.number, options.seed)
    else:
        faces = read_faces(options.images, options.number)
    draw_photographs(options.folder, faces, options.width, options.seed)
    print(f"{len(faces):,} photographs in {options.folder}")


if __name__ == "__main__":
    with report_errors():
        main(sys.argv[1:])
