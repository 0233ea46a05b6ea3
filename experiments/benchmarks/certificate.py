"""The time from image files to a certified codebook, without judging it by adversaries."""

from __future__ import annotations

import time
from typing import Any

from benchmarks.run import BenchmarkRun
from privacy_gan.commands.run_setup import build_privatizer
from privacy_gan.errors import UserError
from privacy_gan.evaluation.certification import certify_mechanism
from privacy_gan.hardware import choose_compute
from privacy_gan.privatizers.base import FitsData
from privacy_gan.training.gradient_free import fit_on_rank_zero


def benchmark_certificate(run: BenchmarkRun) -> dict[str, Any]:
    """Time each stage once: building the cache, fitting the codebook, computing its certificate.

    Raises:
        UserError: the mechanism is not a codebook, or cannot be fitted to these data.
    """
    cache = f"data.cache_dir={run.folder / 'certificate-cache'}"
    setup = run.prepare("certificate", cache)
    data, task = setup.datamodule, setup.task
    compute = choose_compute(task.accelerator, task.precision, setup.config.image_size)
    times = [time.perf_counter()]
    data.setup()
    times.append(time.perf_counter())
    privatizer = build_privatizer(setup).to(compute.device).eval()
    mechanism = privatizer.finite_part
    if mechanism is None or not isinstance(privatizer, FitsData):
        raise UserError("only privatizer=codebook can be timed up to its certificate")
    measured = fit_on_rank_zero(privatizer, data, setup.column, compute.device)
    times.append(time.perf_counter())
    certificate = certify_mechanism(mechanism, data, task.attribute, compute)
    times.append(time.perf_counter())
    stages = ("cache", "fit", "certify")
    return {
        "images": len(data.rows("train")),
        "codewords": int(measured["codewords"]),
        "held_out_images": certificate.images,
        "seconds": {
            stage: end - start for stage, start, end in zip(stages, times, times[1:], strict=False)
        },
    }
