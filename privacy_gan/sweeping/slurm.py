"""Runs as jobs of SLURM, submitted together by submitit; one that is preempted is queued again."""

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

# parameters that submitit has for all clusters, whatever these call them
COMMON_PARAMETERS = {"name", "timeout_min", "mem_gb", "nodes", "cpus_per_task", "gpus_per_node"}
COMMON_PARAMETERS |= {"tasks_per_node"}
POLL_SECONDS = 1
SECONDS_BETWEEN_QUESTIONS = 30  # to SLURM, whose controller has others to answer as well
SECONDS_FOR_FILES = 60  # until those of another node are seen on a shared file system


@dataclass
class JobFunction:
    """What a job does, and what becomes of it when a signal ends it.

    Args:
        run: Hydra's launcher, which runs one job of a sweep when it is called.
        requeue: whether an interrupted job is put into the queue again.
    """

    run: Callable[..., JobReturn]
    requeue: bool

    def __call__(self, *task: Any) -> JobReturn:
        """Run; called in the job.

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
        """Return what the job is to do when it is begun again; called when it was interrupted.

        Raises:
            RunStopped: it is not to be begun again.
        """
        from submitit.helpers import DelayedSubmission

        if not self.requeue:
            raise RunStopped("stopped by SLURM, its state is saved", 128 + signal.SIGUSR1)
        return DelayedSubmission(self, *task)


def install_signal_handlers() -> None:
    """Take SIGUSR1, SIGUSR2 and SIGTERM for what they mean: go on later.

    submitit listens to one of the first two, clusters send either. SIGTERM comes when a job is
    preempted, which SLURM does not queue again if it ends by itself in the time that is left to it.
    It comes as well when a job is cancelled or its time is over, but then it is not RUNNING.
    """
    usual = (signal.SIGUSR1, signal.SIGUSR2)
    requeue = next(handler for handler in map(signal.getsignal, usual) if callable(handler))

    def on_term(signum: int, frame: FrameType | None) -> None:
        job = os.environ["SLURM_JOB_ID"]
        command = ["squeue", "--noheader", "--format=%T", f"--jobs={job}"]
        asked = subprocess.run(command, capture_output=True, text=True, check=False)
        if asked.stdout.strip() == "RUNNING":
            requeue(signum, frame)

    for signum in usual:
        signal.signal(signum, requeue)
    signal.signal(signal.SIGTERM, on_term)


def submit(
    function: JobFunction,
    tasks: Sequence[Sequence[Any]],
    folder: str,
    parameters: Mapping[str, Any],
) -> list[Job[JobReturn]]:
    """Submit a job for each task.

    Args:
        function: what each does.
        tasks: what it is called with.
        folder: of the jobs' logs, seen by all nodes.
        parameters: of the jobs, in submitit's words.

    Raises:
        UserError: there is no SLURM here, or it refused the jobs.
    """
    import submitit
    from submitit.core.utils import FailedJobError

    options = {name: value for name, value in parameters.items() if value is not None}
    requeue = "requeue" if options.pop("requeue") else "no-requeue"
    options["additional_parameters"] = {**options["additional_parameters"], requeue: True}
    named = {
        name if name in COMMON_PARAMETERS else f"slurm_{name}": options[name] for name in options
    }
    try:
        executor = submitit.AutoExecutor(
            folder, cluster="slurm", slurm_max_num_timeout=named.pop("slurm_max_num_timeout")
        )
        executor.update_parameters(**named)
        jobs: list[Job[JobReturn]] = executor.map_array(function, *zip(*tasks, strict=True))
    except FailedJobError as error:
        said = [line.partition("sbatch: error: ")[2] for line in str(error).splitlines()]
        raise UserError(
            f"SLURM refused the jobs: {'; '.join(filter(None, said)) or error}"
        ) from error
    except RuntimeError as error:  # there is no srun
        raise UserError(
            "hydra/launcher needs SLURM, whose commands are not found here: give this command on a "
            "node of the cluster, or leave the launcher out"
        ) from error
    return jobs


def wait_for_results(
    jobs: Sequence[Job[JobReturn]], stops: Callable[[], Sequence[int]]
) -> list[JobReturn]:
    """Wait for jobs and return what each returned, or why it returned nothing.

    Args:
        jobs: submitted.
        stops: returns signals that asked to stop; then all jobs are cancelled, and those that are
            at work save their state.
    """
    waiting, cancelled, asked_at, said = list(jobs), False, float("-inf"), ""
    while waiting:
        if stops() and not cancelled:
            subprocess.run(["scancel", *(job.job_id for job in waiting)], check=False)
            cancelled = True
        pause = 2 if cancelled else SECONDS_BETWEEN_QUESTIONS
        if time.monotonic() - asked_at >= pause:
            known, asked_at = query_pending_reasons(jobs), time.monotonic()
            if not cancelled and (reasons := format_pending(jobs, known)) not in (said, ""):
                said = reasons
                print(said, flush=True)
        waiting = [job for job in waiting if job.job_id in known and not has_result(job)]
        time.sleep(POLL_SECONDS if waiting else 0)
    return [get_job_return(job, cancelled) for job in jobs]


def query_pending_reasons(jobs: Sequence[Job[JobReturn]]) -> dict[str, str]:
    """Return, by the numbers of jobs that have not ended, why each waits, if it does.

    Where SLURM cannot be asked, nothing is known of any job's end.
    """
    command = ["squeue", "--me", "--array", "--noheader", "--format=%i %T %r"]
    try:
        asked = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
    except (OSError, subprocess.SubprocessError):
        return dict.fromkeys((job.job_id for job in jobs), "")
    listed = [line.split(maxsplit=2) for line in asked.stdout.splitlines()]
    return {
        job: reason if state == "PENDING" and reason != "None" else ""
        for job, state, reason in listed
    }


def format_pending(jobs: Sequence[Job[JobReturn]], known: Mapping[str, str]) -> str:
    """Say how many jobs wait, and for what, in SLURM's words."""
    reasons = Counter(known.get(job.job_id, "") for job in jobs)
    told = [f"{count} wait ({reason})" for reason, count in reasons.items() if reason]
    return f"of {len(jobs)} jobs {', '.join(told)}" if told else ""


def has_result(job: Job[JobReturn]) -> bool:
    """Tell whether all tasks of a job left what they return."""
    return all(job.task(task).paths.result_pickle.exists() for task in range(job.num_tasks))


def get_job_return(job: Job[JobReturn], cancelled: bool) -> JobReturn:
    """Return what the first task of a job returned, or why it returned nothing.

    Args:
        job: that has ended.
        cancelled: whether that was asked for; then it is no failure.
    """
    log: Path = job.task(0).paths.stderr
    patience = time.monotonic() + (0 if cancelled else SECONDS_FOR_FILES)
    while not has_result(job) and not log.exists() and time.monotonic() < patience:
        time.sleep(POLL_SECONDS)
    failed = JobReturn(status=JobStatus.FAILED)
    try:
        if has_result(job):
            return job.wait_for_results()[0]
        failed.return_value = missing_result_error(job, log, cancelled)
    except Exception as error:  # of the job's own machinery: its trace, whose end says most
        failed.return_value = RunFailed(str(error).strip().splitlines()[-1], 1)
    return failed


def missing_result_error(job: Job[JobReturn], log: Path, cancelled: bool) -> RunFailed:
    """Return why a job returned nothing: the last error that it printed, if there is one."""
    if cancelled:
        return RunStopped("cancelled", 128 + signal.SIGTERM)
    said = log.read_text(encoding="utf-8", errors="replace").splitlines() if log.exists() else []
    errors = [line for line in said if line.startswith(("error:", "slurmstepd: error:"))]
    last = errors[-1].partition("error:")[2].strip() if errors else "it ended without a result"
    return RunFailed(f"SLURM job {job.job_id}: {last}; its log is {log}", 1)
