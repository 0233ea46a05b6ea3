"""Audits images that another tool censored."""

from __future__ import annotations

import json
import logging
from dataclasses import replace
from pathlib import Path
from shutil import rmtree
from typing import Any

import numpy as np
from omegaconf import DictConfig

from privacy_gan.attributes import PAPER_ATTRIBUTES
from privacy_gan.commands.judging import build_judge
from privacy_gan.commands.run_setup import describe_environment
from privacy_gan.config import config_to_dict
from privacy_gan.data.audit_data import AuditDataModule, AuditFiles, AuditImages, find_audit_images
from privacy_gan.data.labelled_images import LabelledImages
from privacy_gan.data.persons import number_persons
from privacy_gan.data.table_data_module import SPLITS
from privacy_gan.errors import UserError
from privacy_gan.evaluation.adversaries import NEED_ORIGINALS
from privacy_gan.evaluation.cached_attack import JudgingCache
from privacy_gan.evaluation.panel import panel_name
from privacy_gan.evaluation.persons import persons_key
from privacy_gan.evaluation.source import FolderSource
from privacy_gan.hardware import choose_compute
from privacy_gan.progress import show_bars
from privacy_gan.reporting.run_summary import full_tables, short_table, short_table_notes
from privacy_gan.reporting.verdict import summary_sentence, verdict
from privacy_gan.runs.evaluation import Evaluation
from privacy_gan.runs.fingerprint import judge_settings
from privacy_gan.runs.folder import RunFolder
from privacy_gan.runs.result import Result
from privacy_gan.runs.run import Run

log = logging.getLogger(__name__)


def main(config: DictConfig) -> None:
    """Judge images, unless that is finished, and print the result.

    Raises:
        UserError: a file is missing or damaged, or there are too few images.
        Interrupted: a signal asked to stop; call again to resume.
    """
    files = AuditFiles(
        Path(config.images),
        Path(config.labels),
        Path(config.original) if config.original is not None else None,
        config.split,
        config.person,
        *(config_to_dict(config)[name] for name in ("bins", "missing")),
    )
    if config.fit not in ("whole", "faces"):
        raise UserError(f"fit={config.fit} is not for audits: choose whole or faces")
    is_whole = config.fit == "whole"
    if is_whole and config.position is not None:
        raise UserError("position has no effect with fit=whole: set fit=faces")
    audited = find_audit_images(
        files, str(config.attribute), config.image_size, config.seed, squeezed=is_whole
    )
    if not is_whole:
        audited = find_and_align_faces(config, audited)
    attribute = audited.attribute
    for note in audited.notes:
        log.warning(note)
    fill_defaults(config, audited)
    run = audit_run(config, attribute, audited)
    result = run.result()
    evaluation = result.evaluations.get(attribute) if result is not None else None
    is_finished = (
        evaluation is not None
        and evaluation.settings == judge_settings(config)
        and counts_persons(evaluation, audited.censored)
    )
    if result is not None and is_finished:
        log.info("already finished: %s", run.folder.result_file)
    else:
        result = judge_images(config, attribute, audited, run)
    print(format_result(result, run.folder, config.details))


def find_and_align_faces(config: DictConfig, audited: AuditImages) -> AuditImages:
    """Return the faces in the images of an audit.

    Raises:
        UserError: the detector is not installed, the position cannot be used, or there are too few
            faces.
    """
    from privacy_gan.detection.aligned_images import align_faces  # these take a second to import
    from privacy_gan.detection.detector import FaceDetector
    from privacy_gan.detection.position import STANDARD
    from privacy_gan.release.face_position import load_position
    from privacy_gan.release.trained_model import is_exported

    detector, position = FaceDetector(), STANDARD
    if config.position is not None:
        path = Path(config.position)
        position = load_position(path, not is_exported(path), detector)
    with show_bars(config.trainer.enable_progress_bar):
        return align_faces(audited, position, detector, config.image_size)


def counts_persons(evaluation: Evaluation, source: LabelledImages) -> bool:
    """Return whether the intervals of a result are over the persons that the files now name."""
    persons = evaluation.test_persons()
    if persons is None or source.person_ids is None:
        return persons is source.person_ids
    named = source.person_ids[source.splits == SPLITS["test"]]
    return np.array_equal(persons, number_persons(named))


def fill_defaults(config: DictConfig, audited: AuditImages) -> None:
    """Set the options that are null to values that depend on the images. Changes ``config``."""
    names = audited.censored.measurable()
    if config.judge.attributes is None:
        usual = PAPER_ATTRIBUTES if set(PAPER_ATTRIBUTES) <= set(audited.columns) else names
        config.judge.attributes = [name for name in usual if name in names]
    if audited.originals is None:
        excluded = adversaries_needing_originals(config)
        for name in excluded:
            config.judge.adversaries[name] = None
        if excluded:
            log.info(
                "these adversaries need original=FOLDER and are excluded: %s", ", ".join(excluded)
            )


def adversaries_needing_originals(config: DictConfig) -> list[str]:
    """Return the adversaries that need original images."""
    return [
        str(name)
        for name, adversary in config.judge.adversaries.items()
        if adversary is not None and adversary.get("_target_") in NEED_ORIGINALS
    ]


def audit_run(config: DictConfig, attribute: str, audited: AuditImages) -> Run:
    """Return an audit's fingerprint and folder."""
    images = audited.censored.stored.path.resolve().name
    output = config.output
    if output is None:
        output = Path("outputs", "audits", images, attribute, f"seed-{config.seed}")
    originals = audited.originals
    fingerprint: dict[str, Any] = {
        "attribute": attribute,
        "epsilon": None,  # unknown
        "seed": config.seed,
        "image_size": config.image_size,
        "data.key": audited.censored.key,
        "audit.images": images,
        "audit.files": audited.censored.cache_key()[:16],
        "audit.original": None if originals is None else originals.cache_key()[:16],
    }
    return Run(RunFolder(Path(output)), fingerprint)


def judge_images(config: DictConfig, attribute: str, audited: AuditImages, run: Run) -> Result:
    """Judge the images; write and return the result."""
    trainer = config.trainer
    hardware = (trainer.accelerator, trainer.precision, config.image_size)
    compute = choose_compute(*hardware, trainer.graph)
    loading = {"cache_dir": config.cache_dir, "num_workers": config.num_workers}
    datamodules = [
        AuditDataModule(source, seed=config.seed, **loading)
        for source in (audited.censored, audited.originals)
        if source is not None
    ]
    judge = build_judge(config)
    with show_bars(config.trainer.enable_progress_bar), run.folder.lock():
        for datamodule in datamodules:
            datamodule.setup()
        originals = datamodules[1] if len(datamodules) > 1 else None
        source = FolderSource(datamodules[0], originals, compute)
        judge.check(source.datamodule, attribute)
        key_parts = [run.fingerprint, judge_settings(config), persons_key(source.datamodule)]
        key = json.dumps(key_parts, sort_keys=True, default=str)
        cache = JudgingCache(run.folder.judging, key, config.checkpoint_minutes)
        judgement = judge.judge(source, attribute, None, 1, cache=cache)
        run.folder.write_examples(attribute, judgement.faces)
        evaluation = judgement.evaluation
        for warning in evaluation.warnings:
            log.warning(warning)
        settings = judge_settings(config)
        evaluation = replace(evaluation, settings=settings, panel=panel_name(settings))
        result = Result(
            data=source.datamodule.data_name,
            fingerprint=run.fingerprint,
            training={},
            evaluations={attribute: evaluation},
            baseline=None,
            environment=describe_environment(*hardware),
        )
        result.write(run.folder.result_file)
        rmtree(run.folder.judging, ignore_errors=True)
    return Result.read(run.folder.result_file)


def format_result(result: Result, folder: RunFolder, details: bool) -> str:
    """Return the text to print: a sentence, the verdict, tables and the path of the result."""
    lines = []
    for evaluation in result.evaluations.values():
        table = (
            full_tables(evaluation)
            if details
            else [*short_table(evaluation), "", *short_table_notes([evaluation])]
        )
        sentence = summary_sentence(evaluation, "", None)
        lines += [sentence, "", *verdict(evaluation), "", *table, ""]
    return "\n".join([*lines, f"result     {folder.result_file}"])
