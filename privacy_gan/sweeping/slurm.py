"""Submits runs as SLURM jobs with submitit; preempted jobs are requeued."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Any

from hydra.core.utils import JobReturn, JobStatus

from privacy_gan.errors import Interrupted, RunFailed, RunStopped, UserError

if TYPE_CHECKING:
    from submitit import Job

# parameters with the same name in submitit for all clusters; SLURM's get the prefix slurm_
COMMON_PARAMETERS = {"name", "timeout_min", "mem_gb", "nodes", "cpus_per_task", "gpus_per_node"}
COMMON_PARAMETERS |= {"tasks_per_node"}
POLL_SECONDS = 1
SECONDS_BETWEEN_QUERIES = 30  # of SLURM, whose controller serves other users, too
SECONDS_BETWEEN_QUERIES_AFTER_CANCEL = 2
FILE_TIMEOUT_SECONDS = 60  # until another node's files appear on a shared file system


@dataclass
class JobFunction:
    """The function that a job runs, and what happens when a signal interrupts it.

    Args:
        run: Hydra's launcher, which runs one job of a sweep when it is called.
        requeue: whether an interrupted job is requeued.
    """

    run: Callable[..., JobReturn]
    requeue: bool

    def __call__(self, *task: Any) -> JobReturn:
        """Run the task in the job.

        Raises:
            SystemExit: SLURM ends the job.
        """
        install_signal_handlers()
        try:
            return self.run(*task)
        except Interrupted as interruption:
            print(f"interrupted: {interruption}", file=sys.stderr)
            raise SystemExit(interruption.exit_code) from None

    def checkpoint(self, *task: Any) -> Any:
        """Return the submission with which submitit requeues an interrupted job.

        Raises:
            RunStopped: the job should not be requeued.
        """
        from submitit.helpers import DelayedSubmission

        if not self.requeue:
            raise RunStopped("stopped by SLURM, its state is saved", 128 + signal.SIGUSR1)
        return DelayedSubmission(self, *task)


def install_signal_handlers() -> None:
    """Requeue the job on SIGUSR1 and SIGUSR2, and on SIGTERM if the job is preempted.

    submitit handles only one of SIGUSR1 and SIGUSR2, but clusters send either. SLURM sends SIGTERM
    to a job that it preempts, and does not requeue the job if it ends by itself during the grace
    time. It also sends SIGTERM to a job that is cancelled or out of time, but then the job's state
    is not RUNNING.
    """
    user_signals = (signal.SIGUSR1, signal.SIGUSR2)
    requeue = next(handler for handler in map(signal.getsignal, user_signals) if callable(handler))

    def on_term(signum: int, frame: FrameType | None) -> None:
        job = os.environ["SLURM_JOB_ID"]
        command = ["squeue", "--noheader", "--format=%T", f"--jobs={job}"]
        process = subprocess.run(command, capture_output=True, text=True, check=False)
        if process.stdout.strip() == "RUNNING":
            requeue(signum, frame)

    for signum in user_signals:
        signal.signal(signum, requeue)
    signal.signal(signal.SIGTERM, on_term)


def submit(
    function: JobFunction,
    tasks: Sequence[Sequence[Any]],
    folder: str,
    parameters: Mapping[str, Any],
) -> list[Job[JobReturn]]:
    """Submit a job for each task, as one job array.

    Args:
        function: the function that each job runs.
        tasks: the function's arguments for each job.
        folder: folder of the jobs' logs, on a file system that all nodes see.
        parameters: submitit's parameters for SLURM, without the prefix ``slurm_``.

    Raises:
        UserError: SLURM is not installed, or refused the jobs.
    """
    import submitit
    from submitit.core.utils import FailedJobError

    options = {name: value for name, value in parameters.items() if value is not None}
    requeue = "requeue" if options.pop("requeue") else "no-requeue"
    options["additional_parameters"] = {**options["additional_parameters"], requeue: True}
    prefixed = {
        name if name in COMMON_PARAMETERS else f"slurm_{name}": options[name] for name in options
    }
    try:
        executor = submitit.AutoExecutor(
            folder, cluster="slurm", slurm_max_num_timeout=prefixed.pop("slurm_max_num_timeout")
        )
        executor.update_parameters(**prefixed)
        jobs: list[Job[JobReturn]] = executor.map_array(function, *zip(*tasks, strict=True))
    except FailedJobError as error:
        messages = [line.partition("sbatch: error: ")[2] for line in str(error).splitlines()]
        raise UserError(
            f"SLURM refused the jobs: {'; '.join(filter(None, messages)) or error}"
        ) from error
    except RuntimeError as error:  # srun is not found
        raise UserError(
            "hydra/launcher needs SLURM, whose commands are not found here: run this command on a "
            "node of the cluster, or omit the launcher"
        ) from error
    return jobs


def wait_for_results(
    jobs: Sequence[Job[JobReturn]], stop_signals: Callable[[], Sequence[int]]
) -> list[JobReturn]:
    """Wait for jobs to end; return what each returned, or the error if it returned nothing.

    Args:
        jobs: submitted jobs.
        stop_signals: returns the stop signals received so far; after the first, all jobs are
            cancelled, and running ones save their state.
    """
    waiting, cancelled, queried_at, last_message = list(jobs), False, float("-inf"), ""
    while waiting:
        if stop_signals() and not cancelled:
            subprocess.run(["scancel", *(job.job_id for job in waiting)], check=False)
            cancelled = True
        pause = SECONDS_BETWEEN_QUERIES_AFTER_CANCEL if cancelled else SECONDS_BETWEEN_QUERIES
        if time.monotonic() - queried_at >= pause:
            queue, queried_at = query_queue(jobs), time.monotonic()
            message = format_pending(jobs, queue)
            if not cancelled and message not in (last_message, ""):
                last_message = message
                print(message, flush=True)
        waiting = [job for job in waiting if job.job_id in queue and not has_result(job)]
        time.sleep(POLL_SECONDS if waiting else 0)
    return [get_job_return(job, cancelled) for job in jobs]


def query_queue(jobs: Sequence[Job[JobReturn]]) -> dict[str, str]:
    """Return the reason why each job in the queue is pending, empty for running ones, by job ID.

    If squeue fails, all jobs are returned, because none of them is known to have ended.
    """
    command = ["squeue", "--me", "--array", "--noheader", "--format=%i %T %r"]
    try:
        process = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
    except (OSError, subprocess.SubprocessError):
        return dict.fromkeys((job.job_id for job in jobs), "")
    rows = [line.split(maxsplit=2) for line in process.stdout.splitlines()]
    return {
        job: reason if state == "PENDING" and reason != "None" else ""
        for job, state, reason in rows
    }


def format_pending(jobs: Sequence[Job[JobReturn]], queue: Mapping[str, str]) -> str:
    """Return how many jobs are pending for each of SLURM's reasons; empty if none is."""
    counts = Counter(queue.get(job.job_id, "") for job in jobs)
    parts = [f"{count} pending ({reason})" for reason, count in counts.items() if reason]
    noun = "job" if len(jobs) == 1 else "jobs"
    return f"of {len(jobs)} {noun}: {', '.join(parts)}" if parts else ""


def has_result(job: Job[JobReturn]) -> bool:
    """Return whether all tasks of a job have written their results."""
    return all(job.task(task).paths.result_pickle.exists() for task in range(job.num_tasks))


def get_job_return(job: Job[JobReturn], cancelled: bool) -> JobReturn:
    """Return what the first task of an ended job returned, or the error if it returned nothing.

    Args:
        job: a job that has ended.
        cancelled: whether the user cancelled it, which is not a failure.
    """
    log: Path = job.task(0).paths.stderr
    deadline = time.monotonic() + (0 if cancelled else FILE_TIMEOUT_SECONDS)
    while not has_result(job) and not log.exists() and time.monotonic() < deadline:
        time.sleep(POLL_SECONDS)
    failed = JobReturn(status=JobStatus.FAILED)
    try:
        if has_result(job):
            return job.results()[0]
        failed.return_value = missing_result_error(job, log, cancelled)
    except Exception as error:  # with the job's traceback, whose last line is the error
        failed.return_value = RunFailed(str(error).strip().splitlines()[-1], 1)
    return failed


def missing_result_error(job: Job[JobReturn], log: Path, cancelled: bool) -> RunFailed:
    """Return the error for a job without a result, with the last error in its log, if any."""
    if cancelled:
        return RunStopped("cancelled", 128 + signal.SIGTERM)
    lines = log.read_text(encoding="utf-8", errors="replace").splitlines() if log.exists() else []
    errors = [line for line in lines if line.startswith(("error:", "slurmstepd: error:"))]
    last = errors[-1].partition("error:")[2].strip() if errors else "it ended without a result"
    return RunFailed(f"SLURM job {job.job_id}: {last}; its log is {log}", 1)
