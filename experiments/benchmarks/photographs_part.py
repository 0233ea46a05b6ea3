"""The time and the memory that `privatize fit=faces` takes for large photographs."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from benchmarks.photographs import draw_photographs, drawn_faces
from benchmarks.run import BenchmarkRun
from privacy_gan.commands.run_setup import build_privatizer
from privacy_gan.data.faces.source import SyntheticFacesSource
from privacy_gan.detection.detector import FaceDetector
from privacy_gan.detection.position import measure_position
from privacy_gan.release.exported import ExportedPrivatizer
from privacy_gan.runs.folder import FACE_POSITION
from privacy_gan.runs.result import Result

NUM_PHOTOGRAPHS, WIDTH = 100, 4000  # pixels; 12 million each
NUM_ALIGNED = 40  # drawn faces from which the mechanism's face position is measured
SEED = 0


def benchmark_photographs(run: BenchmarkRun) -> dict[str, Any]:
    """Time the command once on drawn photographs, with an untrained mechanism."""
    return time_command(run, NUM_PHOTOGRAPHS, WIDTH)


def time_command(run: BenchmarkRun, number: int, width: int) -> dict[str, Any]:
    """Time the command on a number of drawn photographs of a width in pixels."""
    model, photographs, output = (run.folder / name for name in ("model", "photographs", "output"))
    export_untrained(run, model)
    faces = drawn_faces(number, SEED)
    draw_photographs(photographs, faces, width, SEED)
    script = run.conf.parent / "experiments" / "privatize.py"
    options = [f"run={model}", f"input={photographs}", f"output={output}", "fit=faces"]
    command = [sys.executable, str(script), *options, "faceless=copy", "trainer=cpu"]
    start = time.perf_counter()
    # not subprocess.run, because the memory of a process is only known while it is waited for
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT) as process:
        assert process.stdout is not None
        printed = process.stdout.read().decode()
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise RuntimeError(printed)
    return {
        "photographs": number,
        "megapixels": width * (width * 3 // 4) / 1e6,
        "faces_drawn": sum(len(each.faces) for each in faces),
        "cores": len(os.sched_getaffinity(0)),
        "seconds": time.perf_counter() - start,
        "peak_bytes": usage.ru_maxrss * 1024,
        "output_bytes": sum(path.stat().st_size for path in output.glob("*.png")),
    }


def export_untrained(run: BenchmarkRun, folder: Path) -> None:
    """Write the run's mechanism, without training, as an exported folder."""
    setup = run.prepare("photographs")
    size = setup.config.image_size
    facts = {
        "mechanism": setup.config.mechanism,
        "attribute": setup.task.attribute,
        "seed": SEED,
        "epsilon": setup.config.epsilon,
        "data": "none",
        "made_by": "benchmark",
        "precision": setup.task.precision,
    }
    privatizer = build_privatizer(setup).eval()
    hides = [setup.task.attribute]
    exported = ExportedPrivatizer.from_privatizer(privatizer, size, hides, facts)
    exported.save_pretrained(folder)
    Result("none", {}, {}).write(folder / "result.json")
    faces = SyntheticFacesSource(size, NUM_ALIGNED, 1, 1, SEED).images(0, NUM_ALIGNED)
    position = measure_position(list(faces), 1.0, FaceDetector())
    (folder / FACE_POSITION).write_text(position.to_json(), encoding="utf-8")
