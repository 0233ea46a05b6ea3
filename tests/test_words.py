"""Banned names and phrases, in code, configuration, documentation and pages.

Each has a suggestion. If a match is correct English after all, reword it or narrow the pattern.
"""

import functools
import re
import subprocess

import pytest
from commands import ROOT

# former names, and the field's terms
NAMES = {
    "replicas": "distributed",
    "own_part": "local_shard",
    "of_first": "broadcast_from_rank_zero",
    "any_process": "any_rank",
    "wait_for_all": "barrier",
    "share_buffers": "broadcast_buffers",
    "bookmark": "checkpoint",
    "go_on_from": "load_state_dict",
    "gone_on": "resume",
    "take_note": "after_step",
    "norms_relearned": "update_bn",
    "take_gradient": "compute_gradients",
    "take_step": "step_optimizer",
    "average_of": "ema_of",
    "learn_together": "fit_all",
    r"(?<!/)told": "format_..., predicted",  # train/told is a key on disk
    "untold_keys": "unnamed_keys",
    "learn_or_leave_out": "fit_or_exclude",
    "keep_if_best": "track_best",
    "KeptAdversary": "SavedAdversary",
    "ReplicaStrategy": "UnwrappedDDPStrategy",
    "players": "networks",
    "settle": "update_bn",
    "told_apart": "rank_environments",
    "run_apart": "run_in_subprocess",
    "die_with": "exit_with_parent",
    "blamed": "root_cause",
    "claimed": "reserve_gpus",
    "give_back": "restore",
    "PATIENCE": "TIMEOUT",
    "GoingOn": "ResumableWandbLogger",
    "TAKEN": "LOCKED",
    "Judged": "EvaluationRow",
    "Pictured": "RunFaces",
    "Lacking": "MissingRun",
    "side_by_side": "comparison",
    "in_words": "format_...",
}

# phrases, as regular expressions, and what to write instead
PHRASES = {
    r"who(ever| is asked)": "name the subject",
    r"(no|some)body": "name the subject",
    r"go(es)? on": "resume, continue",
    r"alike|likewise": "in the same way",
    r"what is made of": "say what it is",
    r"(told|tell|tells) (\w+ ){0,3}apart": "distinguish",
    r"anew": "again, restart",
    r"tell whether": "return whether",
    r"(lie|lies) (in|below|there)": "is in",
    r"beside": "next to, compared with",
    r"but for": "except",
    r"at hand|at work": "say which",
    r"of (its|their|one's) own": "own, separate",
    r"so many": "say how many",
    r"(?<!there\s)is no (?!\w*er\b|more|\d)": "is not a",
    r"what there is to": "list",
    r"(by which|that) most leaks": "the leading metric, the largest leak",
    r"one knows": "you know",
    r"replac(e|es|ed|ing) (\w+ ){1,4}by": "replace with",
    r"(minim|maxim|normal|synchron|initial|recogn|penal)is(e[sd]?|ing)": "write -ize",
    r"licence": "license",
    r"2506\.08307": "2506.07308",
}
TEXT = (".py", ".md", ".yaml", ".html", ".js", ".css", ".toml", "Makefile")
EXCLUDED = {"tests/test_words.py"}
HISTORY = {"CHANGELOG.md"}  # mentions former names


@functools.cache
def texts():
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True)
    names = [name for name in listed.stdout.splitlines() if name.endswith(TEXT)]
    return {
        name: (ROOT / name).read_text()
        for name in names
        if name not in EXCLUDED and (ROOT / name).exists()
    }


def matches(pattern, excluded=()):
    """Return each match of a pattern as "file:line: match"."""
    return [
        f"{name}:{text.count(chr(10), 0, match.start()) + 1}: {match[0]!r}"
        for name, text in texts().items()
        if name not in excluded
        for match in pattern.finditer(text)
    ]


def compile_phrase(phrase):
    wrapped = phrase.replace(" ", r"\s+(?:[#*>]\s+)?")  # lines may break within a phrase
    return re.compile(rf"\b(?:{wrapped})\b", re.IGNORECASE)


@pytest.mark.parametrize("name", NAMES)
def test_former_names_are_not_used(name):
    found = matches(re.compile(rf"\b{name}\b"), HISTORY)
    assert not found, f"write {NAMES[name]}:\n" + "\n".join(found)


@pytest.mark.parametrize("phrase", PHRASES)
def test_banned_phrases_are_not_used(phrase):
    found = matches(compile_phrase(phrase))
    assert not found, f"{PHRASES[phrase]}:\n" + "\n".join(found)


def test_patterns_match_across_a_line_break_in_a_comment():
    assert compile_phrase("what there is to").search("# It lists what there\n    # is to do.")
