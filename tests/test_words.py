"""Words that the project does not use: names of its own invention and sentences that are riddles.

CONTRIBUTING.md says what to write instead. Where a word is right after all, reword the sentence or
narrow the pattern here.
"""

import re
import subprocess

import pytest
from commands import ROOT

# identifiers that once stood for something that the field has a name for
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
    "untold_keys": "unset_keys",
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

# what to write instead of each phrase
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
    r"(?<!there )is no (?!\w*er\b|more|\d)": "is not a",
    r"what there is to": "list",
    r"2506\.08307": "2506.07308",
}
TEXT = (".py", ".md", ".yaml", ".html", ".js", ".css", ".toml", ".cfg", "Makefile")
OWN = "tests/test_words.py"
# where an old name is what is written about
HISTORY = {"CHANGELOG.md"}


def texts():
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True)
    for name in listed.stdout.splitlines():
        if name.endswith(TEXT) and name != OWN and (ROOT / name).exists():
            yield name, (ROOT / name).read_text()


def places(pattern, exempt=()):
    """Return where a pattern occurs, as file:line: text."""
    return [
        f"{name}:{number}: {line.strip()}"
        for name, text in texts()
        if name not in exempt
        for number, line in enumerate(text.splitlines(), 1)
        if pattern.search(line)
    ]


@pytest.mark.parametrize("name", NAMES)
def test_the_fields_name_is_used(name):
    found = places(re.compile(rf"\b{name}\b"), HISTORY)
    assert not found, f"write {NAMES[name]}:\n" + "\n".join(found)


@pytest.mark.parametrize("phrase", PHRASES)
def test_sentences_are_plain(phrase):
    # a phrase may run over the end of a line
    pattern = re.compile(rf"\b({phrase})\b".replace(" ", r"\s+(?:[#*>]\s+)?"), re.IGNORECASE)
    found = [f"{name}: {match[0]!r}" for name, text in texts() for match in pattern.finditer(text)]
    assert not found, f"{PHRASES[phrase]}:\n" + "\n".join(found)
