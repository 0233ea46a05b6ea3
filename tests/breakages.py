"""The breakages that ``sabotage.py`` applies, and the tests that must catch them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Breakage:
    """A change that breaks the code, and the tests that must catch it.

    Attributes:
        name: what the change breaks.
        file: the file to change, relative to privacy_gan/.
        old: the code to replace, which occurs once in the file.
        new: its replacement.
        caught_by: the tests that must fail, relative to tests/. Of a parametrized test at least one
            case must fail.
    """

    name: str
    file: str
    old: str
    new: str
    caught_by: Sequence[str]


BREAKAGES = [
    Breakage(
        "the ceiling is below what a channel attains",
        "evaluation/metrics/ceiling.py",
        "taken = (1 - before)",
        "taken = (0.95 - before)",
        [
            "evaluation/test_ceiling.py::test_no_channel_to_an_independent_output_exceeds_the_ceiling",
            "evaluation/test_ceiling.py::test_the_ceiling_is_the_optimum_of_the_linear_program",
        ],
    ),
    Breakage(
        "the slice that leaks most is chosen as if it were the only one",
        "reporting/slices.py",
        "quantile(TAIL / count)",
        "quantile(TAIL)",
        [
            "reporting/test_slice_tables.py::test_the_largest_of_several_slices_may_be_the_largest_by_chance"
        ],
    ),
    Breakage(
        "the last epoch is selected instead of the best",
        "evaluation/learning.py",
        "if loss < self.best_loss:",
        "if True:",
        [
            "evaluation/test_learning.py::test_each_learner_ends_at_its_own_best_epoch_by_validation_loss"
        ],
    ),
    Breakage(
        "the warm start's weights are dropped",
        "evaluation/adversaries.py",
        "return Learner(deepcopy(fixed), recipe, column)",
        "fixed = deepcopy(fixed)\n"
        "    for weights in fixed.parameters():\n"
        "        weights.data.normal_(0, 0.02)\n"
        "    return Learner(fixed, recipe, column)",
        [
            "evaluation/test_shipped_adversaries.py::"
            "test_the_warm_start_predicts_as_the_fixed_classifier_and_does_not_change_it"
        ],
    ),
    Breakage(
        "an adversary's input is multiplied by 0",
        "evaluation/learning.py",
        "return F.log_softmax(self.network(images), dim=1)",
        "return F.log_softmax(self.network(images * 0), dim=1)",
        [
            "evaluation/test_planted_leaks.py::test_adversaries_learn_everything_from_uncensored_images",
            "evaluation/test_planted_leaks.py::"
            "test_an_attribute_hidden_in_one_pixel_or_in_the_noise_is_found",
        ],
    ),
    Breakage(
        "a mechanism is judged in training mode",
        "evaluation/source.py",
        "self.privatizer = privatizer.to(compute.device).eval()",
        "self.privatizer = privatizer.to(compute.device).train()",
        ["evaluation/test_source.py::test_a_mechanism_is_judged_in_evaluation_mode"],
    ),
    Breakage(
        "every query has the same noise",
        "evaluation/source.py",
        "SPLIT_NUMBERS[split], number)",
        "SPLIT_NUMBERS[split], 0)",
        ["evaluation/test_source.py::test_every_query_has_its_own_noise"],
    ),
    Breakage(
        "the strongest adversary is chosen on test images",
        "evaluation/evaluate.py",
        "return predict_all(probabilities, valid, frequencies, queries, scores)",
        'tested = {name: {**of, "valid": of["test"]} for name, of in probabilities.items()}\n'
        '        labels_of_s = labels["test"][attribute]\n'
        "        return predict_all(tested, labels_of_s, frequencies, queries, scores)",
        [
            "evaluation/test_selection.py::test_the_judge_reports_the_adversary_that_is_best_on_validation_images"
        ],
    ),
    Breakage(
        "the success rate confuses s' with s",
        "evaluation/metrics/synthesis.py",
        "images.predicted(s) == outputs.synthetic",
        "images.predicted(s) == outputs.original.predicted(s)",
        [
            "evaluation/test_metrics.py::test_the_success_rate_counts_predictions_of_the_synthetic_attribute"
        ],
    ),
    Breakage(
        "an interval covers half of the bootstrap's values",
        "evaluation/metrics/bootstrap.py",
        "TAIL = 0.025",
        "TAIL = 0.25",
        [
            "evaluation/test_bootstrap.py::"
            "test_the_interval_of_a_mean_is_1_96_standard_errors_to_each_side"
        ],
    ),
    Breakage(
        "an interrupted judge starts from the beginning",
        "evaluation/stage_training.py",
        "checkpoint = self.resume.read() if self.resume is not None else None",
        "checkpoint = None",
        [
            "evaluation/test_resumed_stages.py::test_training_interrupted_at_any_step_resumes_exactly",
            "evaluation/test_resumed_judging.py::"
            "test_adversaries_interrupted_at_any_step_resume_exactly",
            "evaluation/test_resumed_judging.py::test_a_run_resumes_in_the_middle_of_judging",
        ],
    ),
    Breakage(
        "an interrupted training of fixed classifiers starts from the beginning",
        "evaluation/fitting.py",
        'return checkpoint["epoch"], checkpoint["done"]',
        "return 0, 0",
        [
            "evaluation/test_resumed_judging.py::"
            "test_training_for_a_fixed_number_of_epochs_resumes_exactly",
        ],
    ),
    Breakage(
        "an epoch that is resumed at its end has an empty batch",
        "evaluation/source.py",
        "enumerate(torch.split(rows, batch_size)[start:], start)",
        "enumerate(torch.split(rows[start * batch_size :], batch_size), start)",
        ["evaluation/test_source.py::test_an_epoch_that_resumes_has_the_remaining_batches"],
    ),
    Breakage(
        "the branch's weights leak into the trunk",
        "evaluation/contender.py",
        "self.learner.load_state_dict(self.trunk)",
        "self.trunk.clear()",
        [
            "evaluation/test_schedule.py::"
            "test_each_stage_continues_from_the_trunk_and_ends_with_a_rate_of_zero"
        ],
    ),
    Breakage(
        "a stage starts from the untrained network instead of the trunk",
        "evaluation/contender.py",
        "self.learner.load_state_dict(self.trunk)",
        "self.learner.network.load_state_dict(self.factory(self.name).network.state_dict())",
        [
            "evaluation/test_schedule.py::"
            "test_each_stage_continues_from_the_trunk_and_ends_with_a_rate_of_zero"
        ],
    ),
    Breakage(
        "adversaries are dropped before the minimal number of steps",
        "evaluation/stopping.py",
        "    if steps < MIN_STEPS:\n",
        "    if False:\n",
        [
            "evaluation/test_halving.py::"
            "test_a_slow_learner_that_wins_later_is_not_dropped_before_the_minimal_steps",
            "evaluation/test_stopping.py::"
            "test_adversaries_within_two_standard_errors_and_at_least_two_survive",
        ],
    ),
    Breakage(
        "the stack is fitted on test images",
        "evaluation/stack.py",
        'test = fit_stack(features["valid"][0], labels, folds)',
        'test = fit_stack(features["test"][0], labels, folds)',
        ["evaluation/test_stacked_adversaries.py::test_the_stack_does_not_depend_on_test_images"],
    ),
    Breakage(
        "an adversary with other settings resumes from the checkpoint",
        "runs/artifacts.py",
        'if saved.get("key") == self.key else None',
        'if saved.get("key") else None',
        ["runs/test_artifacts.py::test_other_artifacts_do_not_resume_from_it"],
    ),
    Breakage(
        "images with equal scores are all assigned to the class",
        "evaluation/metrics/samples.py",
        "ends[:-1] = values[1:] != values[:-1]",
        "ends[:-1] = True",
        ["evaluation/test_scores.py::test_ties_are_broken_at_random"],
    ),
    Breakage(
        "the distortion penalty has the wrong sign",
        "losses.py",
        "return weight * (distortion",
        "return -weight * (distortion",
        [
            "test_losses.py::test_penalty_is_quadratic_above_the_budget_and_zero_below",
            "privatizers/test_algorithm_1.py::"
            "test_training_equals_algorithm_1_parameter_by_parameter",
        ],
    ),
    Breakage(
        "the generator is trained to insert s instead of s'",
        "privatizers/generator.py",
        'adversarial = F.cross_entropy(logits, draws["synthetic"])',
        "adversarial = F.cross_entropy(logits, sensitive)",
        [
            "privatizers/test_algorithm_1.py::test_training_equals_algorithm_1_parameter_by_parameter"
        ],
    ),
    Breakage(
        "h_g is updated in every step",
        "privatizers/game.py",
        "batch_idx % self.network_every == 0, batch_idx % self.discriminator_every == 0",
        "batch_idx % self.network_every == 0, True",
        [
            "privatizers/test_algorithm_1.py::"
            "test_h_g_is_updated_every_third_step_and_the_other_networks_in_every_step"
        ],
    ),
    Breakage(
        "noise depends on the rank instead of the position in the batch",
        "privatizers/trainable.py",
        "return {name: distributed.local_shard(rows) "
        "for name, rows in self.draw(whole, rng).items()}",
        "del whole\n        return self.draw(images, rng)",
        ["training/test_distributed.py::test_step_of_two_processes_equals_the_step_of_one"],
    ),
    Breakage(
        "gradients are not averaged over processes",
        "distributed.py",
        "gradient.copy_(values.view_as(gradient))",
        "gradient.add_(values.view_as(gradient) * 0)",
        [
            "training/test_distributed.py::test_step_of_two_processes_equals_the_step_of_one",
            "training/test_distributed.py::test_collective_operations_of_three_processes",
        ],
    ),
    Breakage(
        "learning rates do not decay",
        "privatizers/trainable.py",
        "left = min(1.0, (1 - progress) / self.decay)",
        "left = 1.0",
        [
            "training/test_decay.py::test_learning_rates_decay_linearly_over_the_last_share_of_the_steps"
        ],
    ),
    Breakage(
        "SIGTERM is ignored",
        "interruption.py",
        "self.received = signum",
        "del signum",
        [
            "training/test_resume.py::test_run_stopped_at_any_step_resumes_bit_for_bit",
            "evaluation/test_resumed_judging.py::"
            "test_a_signal_stops_training_without_a_checkpoint_too",
        ],
    ),
    Breakage(
        "a run of a sweep does not receive signals",
        "commands/worker.py",
        "        unblock_signals()\n",
        "",
        [
            "sweeping/test_sweep.py::"
            "test_ctrl_c_saves_the_active_run_and_ends_the_sweep_with_a_summary"
        ],
    ),
    Breakage(
        "a damaged checkpoint is deleted instead of renamed",
        "training/checkpointing.py",
        "            path.replace(renamed)\n",
        "            path.unlink()\n",
        ["training/test_resume.py::test_run_with_a_damaged_checkpoint_starts_again"],
    ),
    Breakage(
        "running out of memory counts as a damaged file",
        "tensors.py",
        "        if not is_out_of_memory(error):\n            if is_damaged(path):\n",
        "        if True:\n            if True:\n",
        ["test_tensors.py::test_lack_of_memory_is_not_reported_as_a_damaged_file"],
    ),
    Breakage(
        "16-bit greys are clipped at 255, which makes them nearly white",
        "data/decoding.py",
        "    greys = values >> 8\n",
        "    greys = values.clip(0, 255)\n",
        ["data/test_decoding.py::test_decoded_values"],
    ),
    Breakage(
        "the last of two images with the same name in a zip is used",
        "data/image_files.py",
        "    if pair := find_duplicate(images):",
        "    if pair := None:",
        ["data/test_image_files.py::test_a_zip_with_duplicate_names_is_refused_and_both_are_named"],
    ),
    Breakage(
        "a replaced photo keeps its old censored image",
        "release/folder_censoring.py",
        " and record.is_current(target, stamp)",
        "",
        ["release/test_source_record.py::test_the_image_of_a_replaced_photograph_is_made_again"],
    ),
    Breakage(
        "an audit does not warn of transparency and metadata",
        "data/audit_data.py",
        "    notes += metadata_notes(files.images, censored.files)\n",
        "",
        ["data/test_audit_data.py::test_notes_warn_of_transparency_and_metadata"],
    ),
    Breakage(
        "excluded columns are not reported",
        "data/audit_data.py",
        "    notes += [*assignment.notes, *labels.excluded_columns()]\n",
        "    notes += assignment.notes\n",
        [
            "data/test_audit_data.py::"
            "test_other_attributes_with_missing_values_are_named_and_measured_on_the_other_images"
        ],
    ),
    Breakage(
        "ambiguous image names are accepted",
        "data/matching.py",
        "    matcher.reject_rivals()\n",
        "",
        ["data/test_matching.py::test_ambiguous_matches_raise_an_error_that_names_both"],
    ),
    Breakage(
        "the demo answers requests from other pages",
        "release/demo_server.py",
        " and not is_same_origin()",
        " and False",
        [
            "release/test_demo_server.py::test_requests_that_do_not_come_from_its_own_page_are_refused"
        ],
    ),
    Breakage(
        "images with values from 0 to 255 are accepted",
        "privatizers/loaded.py",
        "\n            or range_hint(images)",
        "",
        ["release/test_load_privatizer.py::test_other_inputs_are_refused_and_described"],
    ),
    Breakage(
        "the leading metric is chosen by its value, not by the lower end of its interval",
        "reporting/leakage.py",
        "each[name].gain_low)",
        "each[name].gain)",
        [
            "reporting/test_leakage.py::"
            "test_the_leading_measure_is_chosen_by_the_lower_end_of_its_interval"
        ],
    ),
    Breakage(
        "the value of an adversary that was not done is printed as if it were exact",
        "reporting/lower_bounds.py",
        'return "" if is_done(evaluation, measure, column) else AT_LEAST',
        'return ""',
        ["reporting/test_lower_bounds.py::test_the_tables_of_a_run_print_lower_bounds"],
    ),
    Breakage(
        "the verdict of adversaries that were not done is final",
        "reporting/verdict.py",
        "    if leak.prefix:\n",
        "    if False:\n",
        [
            "reporting/test_verdict.py::"
            "test_the_summary_sentence_of_adversaries_that_were_not_done_has_lower_bounds"
        ],
    ),
    Breakage(
        "a ratio with an uncertain denominator is printed as a lower bound",
        "reporting/lower_bounds.py",
        "        return ABOUT\n",
        "        return AT_LEAST\n",
        [
            "reporting/test_lower_bounds.py::"
            "test_the_normalized_gain_is_approximate_unless_its_denominator_is_exact"
        ],
    ),
    Breakage(
        "a budget that was exceeded is not reported",
        "reporting/budget.py",
        " and distortion.low > budget",
        " and distortion.low > 10 * budget",
        ["reporting/test_budget.py::test_every_output_reports_an_exceeded_budget"],
    ),
    Breakage(
        "a checkpoint with non-finite values is saved",
        "training/checkpointing.py",
        "            require_finite_state(trainer, trainer.lightning_module)\n",
        "",
        ["training/test_divergence.py::test_non_finite_state_does_not_replace_a_finite_checkpoint"],
    ),
    Breakage(
        "an adversary that diverged restarts with the same learning rate",
        "evaluation/learning.py",
        "RETRY_LR_SCALE = 0.5 ",
        "RETRY_LR_SCALE = 1.0 ",
        [
            "evaluation/test_diverging.py::"
            "test_a_diverged_learner_restarts_at_half_the_rate_without_affecting_the_others"
        ],
    ),
    Breakage(
        "gradients are not clipped",
        "training/trainer.py",
        "        trainer.precision_plugin.clip_gradients(",
        "        print(",
        [
            "training/test_trainer_options.py::"
            "test_each_networks_gradients_are_clipped_before_its_step"
        ],
    ),
    Breakage(
        "user-defined callbacks are dropped",
        "training/trainer.py",
        '*as_list("callbacks", callbacks, Callback), ',
        "",
        ["training/test_trainer_options.py::test_callbacks_and_loggers_of_the_user_are_added"],
    ),
    Breakage(
        "the benchmark's plain training step updates nothing",
        "../experiments/benchmarks/steps.py",
        "loss.backward(**kwargs)",
        "None",
        ["benchmarking/test_steps.py::test_a_plain_loop_gives_the_same_weights_as_the_trainer"],
    ),
    Breakage(
        "the checkpoint is not written atomically",
        "runs/checkpoint.py",
        "with atomic_write(path) as file:\n        file.write_bytes(serialized.getbuffer())",
        "path.write_bytes(serialized.getbuffer())",
        [
            "training/test_full_disk.py::"
            "test_full_disk_ends_the_run_with_one_line_and_leaves_no_partial_checkpoint"
        ],
    ),
    Breakage(
        "the lock on a run's folder is removed",
        "runs/folder.py",
        "            lock.acquire()\n",
        "",
        [
            "training/test_resume.py::test_run_locked_by_another_process_is_not_trained",
            "sweeping/test_several_at_once.py::"
            "test_a_second_sweep_skips_the_runs_that_the_first_has_locked",
        ],
    ),
    Breakage(
        "a run with another distortion budget counts as the same run",
        "runs/fingerprint.py",
        "    for path, value in flatten(settings).items()\n",
        '    for path, value in flatten(settings).items()\n        if "epsilon" not in path\n',
        ["training/test_resume.py::test_result_of_another_configuration_is_rejected"],
    ),
    Breakage(
        "a run that was not evaluated counts as finished",
        "runs/run.py",
        " or not result.is_complete(evaluate, baseline)",
        "",
        ["runs/test_run.py::test_a_run_is_finished_if_its_result_contains_everything_requested"],
    ),
    Breakage(
        "a setting has no role, so that it may or may not be part of the fingerprint",
        "config/schema.py",
        "data.crop ",
        "",
        ["runs/test_fingerprint.py::test_every_setting_of_a_node_with_mixed_roles_has_a_role"],
    ),
    Breakage(
        "code in a checkpoint is executed",
        "tensors.py",
        "weights_only=True",
        "weights_only=False",
        [
            "test_trust.py::test_no_reader_executes_a_checkpoint",
            "privatizers/test_stack.py::test_a_planted_pickle_is_not_executed",
        ],
    ),
    Breakage(
        "a damaged image cache is opened",
        "data/image_cache.py",
        "        _check_unchanged(folder / name, meta",
        "        (folder / name, meta",
        ["data/test_image_cache.py::test_a_damaged_cache_is_rebuilt"],
    ),
    Breakage(
        "a patch changes pixels outside of its square",
        "detection/alignment.py",
        "(nearest / EDGE).clip(0, 1)",
        "(nearest / EDGE).clip(0.2, 1)",
        ["detection/test_alignment.py::test_a_patch_changes_only_its_square"],
    ),
    Breakage(
        "faces are cut out of the photograph before the one next to them is censored",
        "release/face_censoring.py",
        "        for face in sure:\n            square = face.region.cut_out(pixels,",
        "        before = pixels.copy()\n"
        "        for face in sure:\n            square = face.region.cut_out(before,",
        [
            "release/test_face_censoring.py::"
            "test_no_patch_brings_back_what_an_overlapping_one_has_censored"
        ],
    ),
    Breakage(
        "the square of a face shows its neighbours",
        "release/face_censoring.py",
        "        cover_faces(shown, others)\n",
        "",
        ["release/test_face_censoring.py::test_squares_show_no_other_face"],
    ),
    Breakage(
        "squares of an earlier photograph stay",
        "release/folder_censoring.py",
        "        remove_outdated([name for target in new for name in existing[target]], output)\n",
        "",
        [
            "release/test_face_censoring.py::"
            "test_a_photograph_that_is_replaced_has_no_squares_of_the_one_before"
        ],
    ),
    Breakage(
        "a face with low confidence counts as sure",
        "release/face_finding.py",
        "SURE = 0.35",
        "SURE = 0.0",
        [
            "release/test_face_censoring.py::"
            "test_faces_that_cannot_be_censored_are_reported_and_blurred"
        ],
    ),
    Breakage(
        "landmarks are fitted with mirrored squares",
        "detection/alignment.py",
        "scale = np.vdot(centred, target - target.mean())",
        "scale = np.dot(centred, target - target.mean())",
        ["detection/test_alignment.py::test_a_similarity_transform_is_recovered"],
    ),
    Breakage(
        "a photo is not rotated by its EXIF orientation",
        "data/decoding.py",
        "        ImageOps.exif_transpose(photo, in_place=True)\n",
        "",
        ["release/test_prepare_photo.py::test_the_exif_orientation_is_applied"],
    ),
    Breakage(
        "a symbolic link is followed",
        "release/photos.py",
        "if is_link:",
        "if False:",
        ["release/test_photos.py::test_links_are_reported_and_not_followed"],
    ),
    Breakage(
        "the random numbers for a photo can be guessed",
        "release/censoring.py",
        "manual_seed(seed(pixels))",
        "manual_seed(0)",
        ["release/test_censoring.py::test_every_image_and_every_call_has_new_random_numbers"],
    ),
    Breakage(
        "the random numbers of a salted release do not depend on the salt",
        "release/salt.py",
        ", key=salt)",
        ")",
        ["release/test_salt.py::test_seeds_depend_on_pixels_and_salt_alone"],
    ),
    Breakage(
        "an exact certificate takes the images of a person as independent",
        "evaluation/certificate.py",
        "    moved = images / len(held_out.labels)",
        "    moved = torch.ones(len(held_out.labels)) / len(held_out.labels)",
        ["evaluation/test_certificate.py::test_exact_bounds_by_hand"],
    ),
    Breakage(
        "an asymptotic certificate has no confidence",
        "evaluation/certificate.py",
        "        z = deviations(delta)",
        "        z = 0.0",
        ["evaluation/test_certificate.py::test_the_asymptotic_limit_is_no_wider_than_it_must_be"],
    ),
    Breakage(
        "a table of codewords is scored on the images that it was made from",
        "evaluation/channel_estimates.py",
        "others = folds != fold",
        "others = folds >= 0",
        [
            "evaluation/test_channel_estimates.py::"
            "test_a_table_does_not_know_the_person_that_it_guesses"
        ],
    ),
    Breakage(
        "images of a person who is set aside for a certificate stay in the training split",
        "data/set_aside.py",
        "return rows[np.isin(persons, chosen)]",
        "return rows[np.isin(persons, chosen)][::2]",
        ["data/test_set_aside.py::test_the_images_of_a_person_stay_together"],
    ),
    Breakage(
        "a generator is trained on images instead of codewords",
        "privatizers/adversarial.py",
        "incoming = pass_frozen(phase.frozen, step.tensors[IMAGES], step.tensors)",
        "incoming = step.tensors[IMAGES]",
        ["privatizers/test_codebook_generator.py::test_a_generator_paints_codewords"],
    ),
    Breakage(
        "a codebook is balanced by networks that know the training images by heart",
        "models/fit_posteriors.py",
        "(folds != fold)",
        "(folds == fold)",
        ["models/test_fit_posteriors.py::test_probabilities_are_those_of_unseen_images"],
    ),
    Breakage(
        "an exported mechanism loads with weights missing",
        "release/exported.py",
        "exported.load_state_dict(weights, assign=True)",
        "exported.load_state_dict(weights, assign=True, strict=False)",
        ["release/test_exported.py::test_missing_surplus_and_mistyped_weights_are_refused"],
    ),
    Breakage(
        "the UNet ignores its noise",
        "models/unet.py",
        "self.project_noise(noise)",
        "self.project_noise(noise * 0)",
        ["models/test_unet.py::test_output_depends_on_noise_and_class"],
    ),
    Breakage(
        "HTML is not escaped in the page",
        "reporting/page.py",
        "autoescape=True",
        "autoescape=False",
        ["reporting/test_page.py::test_hostile_names_are_shown_as_text"],
    ),
    Breakage(
        "data can end the script that contains them",
        "reporting/page.py",
        '.replace("<", "\\\\u003c")',
        "",
        ["reporting/test_page.py::test_hostile_names_are_shown_as_text"],
    ),
    Breakage(
        "Table 3 takes parts with other settings",
        "reporting/tables.py",
        "return shared_setup(entry) == shared_setup(both.example)",
        "return True",
        ["reporting/test_tables.py::test_table_3_uses_no_part_with_other_settings"],
    ),
    Breakage(
        "the demo answers requests for any host name",
        "release/demo_server.py",
        "TRUSTED_HOSTS=ALLOWED_HOSTS, ",
        "",
        ["release/test_demo_server.py::test_requests_to_another_host_name_are_refused"],
    ),
    Breakage(
        "a run outlives the sweep that started it",
        "sweeping/processes.py",
        "        while is_alive():\n",
        "        while True:\n",
        ["sweeping/test_several_at_once.py::test_a_killed_sweep_takes_its_runs_with_it"],
    ),
    Breakage(
        "an adversary trained on fewer images has seen the labels that it should predict",
        "evaluation/data_scaling.py",
        'restrict(attack.source, "train", np.concatenate(blocks[:count]))',
        'restrict(attack.source, "train", np.concatenate(blocks[: count + 1]))',
        [
            "evaluation/test_data_scaling.py::"
            "test_a_block_is_predicted_by_a_network_that_has_not_seen_it"
        ],
    ),
    Breakage(
        "test labels of the control with permuted labels are the true ones",
        "evaluation/censored_once.py",
        "for split in SPLITS:\n        rows = data.rows(split)",
        'for split in ("train", "valid"):\n        rows = data.rows(split)',
        [
            "evaluation/test_controls.py::"
            "test_permuted_labels_keep_frequencies_and_other_attributes_but_say_nothing"
        ],
    ),
    Breakage(
        "a planted leak is not independent of the attribute",
        "evaluation/planting.py",
        "chosen.append(members[: round(share * len(members))])",
        "chosen.append(members[: round((share + 0.1 * value) * len(members))])",
        ["evaluation/test_controls.py::test_informative_images_are_independent_of_the_label"],
    ),
    Breakage(
        "two runs are given the same GPU",
        "sweeping/gpus.py",
        'folder / f"{gpu}-{slot}.lock"',
        'folder / f"{gpu}-{slot}-{os.getpid()}.lock"',
        [
            "sweeping/test_gpus.py::"
            "test_parallel_processes_get_different_gpus_and_a_killed_one_releases_its_gpu"
        ],
    ),
    Breakage(
        "a setting that nothing reads is accepted",
        "config/declared_config.py",
        "if near or not (instantiated or isinstance(value, Mapping) or self.is_read(path)):",
        "if False:",
        ["config/test_declared_config.py::test_invalid_overrides_are_refused"],
    ),
    Breakage(
        "a user error is printed with a traceback",
        "commands/hydra_app.py",
        "if not messages or wants_tracebacks():",
        "if messages or wants_tracebacks():",
        [
            "test_bad_input.py::test_a_mistake_is_reported_in_one_line_before_anything_is_written",
            "evaluation/test_judged_run.py::test_runs_that_cannot_be_judged_raise_one_line",
        ],
    ),
    Breakage(
        "the robust game gives frequent values of s more weight",
        "privatizers/filter.py",
        "weights = self.class_weights[sensitive]",
        "weights = torch.ones_like(self.class_weights)[sensitive]",
        [
            "privatizers/test_robust_game.py::"
            "test_training_equals_the_transcription_parameter_by_parameter"
        ],
    ),
    Breakage(
        "a subspace cuts off more than its share of the budget",
        "training/subspace.py",
        "if basis.truncation(used) <= max_truncation * epsilon:",
        "if basis.truncation(used) <= epsilon:",
        [
            "training/test_subspace_run.py::"
            "test_as_few_components_as_cut_off_seven_tenths_of_the_budget"
        ],
    ),
    Breakage(
        "the distortion of coordinates leaves out what lies outside the subspace",
        "models/subspace.py",
        "(total - within + changes)",
        "changes",
        [
            "privatizers/test_subspace_game.py::"
            "test_training_equals_the_transcription_parameter_by_parameter",
            "privatizers/test_subspace_game.py::"
            "test_a_game_on_coordinates_has_the_losses_and_gradients_of_one_on_images",
        ],
    ),
    Breakage(
        "dropout of the discriminator depends on the number of processes",
        "models/keyed_dropout.py",
        "kept = distributed.local_shard(whole).to(features.device) >= self.p",
        "kept = whole[: len(features)].to(features.device) >= self.p",
        ["training/test_distributed.py::test_two_epochs_of_two_processes_equal_those_of_one"],
    ),
    Breakage(
        "a generator that is trained after the filter learns from another filter's output",
        "privatizers/adversarial.py",
        "part.eval()  # before draws, which depend on it",
        "pass",
        ["privatizers/test_phases.py::test_the_generator_learns_from_what_the_filter_will_release"],
    ),
    Breakage(
        "h_f does not see the snapshots that will censor",
        "privatizers/filter.py",
        'draws["from_snapshot"] = (numbers < 0.5).to(images.device)',
        'draws["from_snapshot"] = (numbers < 0).to(images.device)',
        [
            "privatizers/test_subspace_game.py::"
            "test_training_equals_the_transcription_parameter_by_parameter"
        ],
    ),
    Breakage(
        "images without a value of the hidden attribute are trained on",
        "data/table_data_module.py",
        "        self._table = self._exclude_unlabelled(self._add_group(self.open_table()))\n",
        "        self._table = self._add_group(self.open_table())\n",
        ["test_folder_run.py::test_five_classes_and_missing_labels_are_judged_and_named"],
    ),
    Breakage(
        "images without a label count as wrong",
        "evaluation/metrics/samples.py",
        "    return weights @ (columns.to(weights) * known) / (weights @ known)\n",
        "    return weights @ (columns.to(weights) * known) / weights.sum(dim=1, keepdim=True)\n",
        ["evaluation/test_unknown_labels.py::test_means_and_ceilings_are_over_images_with_a_label"],
    ),
    Breakage(
        "a split that is made here divides persons",
        "data/splits.py",
        "    if persons is not None:\n        _, unit",
        "    if persons is None:\n        _, unit",
        ["data/test_splits.py::test_all_images_of_a_person_are_in_one_split"],
    ),
    Breakage(
        "options that change classes move images to other splits",
        "data/assignment.py",
        "    attributes = replace(remaining, bins={}, missing=MISSING_VALUES).attributes()\n",
        "    attributes = remaining.attributes()\n",
        [
            "data/test_folder_source.py::"
            "test_options_that_change_classes_move_no_image_to_another_split"
        ],
    ),
    Breakage(
        "a filter of grey images returns colour",
        "models/layers.py",
        "    return colour.mean(dim=1, keepdim=True) if images.shape[1] == 1 else colour\n",
        "    return colour\n",
        ["test_folder_run.py::test_grey_images_stay_grey"],
    ),
    Breakage(
        "a captured step returns the graph's memory",
        "graphs.py",
        "self.result.clone().unbind()",
        "self.result.unbind()",
        ["test_graphs.py::test_a_step_is_read_when_it_is_taken"],
    ),
    Breakage(
        "a graph keeps weights in the lower precision that they had when it was captured",
        "graphs.py",
        "        torch.clear_autocast_cache()\n        try:",
        "        try:",
        ["test_graphs.py::test_a_graph_casts_weights_as_they_are_at_each_step"],
    ),
    Breakage(
        "a replay does not count as steps of the optimizers",
        "training/step_graphs.py",
        "ready + count, completed + count",
        "counter.ready, counter.completed",
        ["training/test_step_graphs.py::test_replayed_steps_are_eager_steps"],
    ),
    Breakage(
        "an adversary's graph updates the memory of an earlier optimizer",
        "evaluation/learning.py",
        "        self._captured = None  # the optimizer has a new state\n",
        "",
        ["evaluation/test_captured_judging.py::test_adversaries_with_graphs_learn_the_same"],
    ),
    Breakage(
        "dropout draws from a generator that graphs do not know",
        "privatizers/trainable.py",
        "return self.rng.manual_seed(keyed_seed(self.seed, *key))",
        "return keyed_generator(self.device, self.seed, *key)",
        ["training/test_step_graphs.py::test_replayed_steps_are_eager_steps"],
    ),
]
