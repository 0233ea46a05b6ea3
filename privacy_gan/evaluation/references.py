"""What the judge's adversaries achieve on original images: the reference for all that is censored.

The same adversaries, trained in the same way on images that nobody censored. They are trained once
for each data set, attribute and way of training, and their answers are kept beside the fixed
classifiers:

    DATA-SIZE-CONTENT/ATTRIBUTE-ATTACKER-SETTINGS.pt
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from torch import Tensor

from privacy_gan.data.table_data_module import TableDataModule
from privacy_gan.evaluation.bookmark import Bookmark
from privacy_gan.evaluation.store import Store

# by adversary and split ("valid" and "test"): probabilities, float64 [queries, N, C]
Answers = dict[str, dict[str, Tensor]]


class References:
    """Finds the answers of adversaries on original images, or has them made.

    Args:
        folder: of all fixed classifiers.
        seed: of the adversaries and of their batches' order, the same for all runs.
        settings: by adversary, what decides how it turns out, in any form that changes with it.
        checkpoint_minutes: time between two times that their progress is kept.
    """

    def __init__(
        self,
        folder: str | Path,
        seed: int,
        settings: Mapping[str, str],
        checkpoint_minutes: float = 5,
    ) -> None:
        self.folder = Path(folder)
        self.seed = seed
        self.settings = settings
        self.checkpoint_minutes = checkpoint_minutes

    def get(
        self,
        adversaries: Sequence[str],
        datamodule: TableDataModule,
        attribute: str,
        make: Callable[[Sequence[str], int, Bookmark], Answers],
    ) -> Answers:
        """Return each adversary's answers on original images of both splits, to one query.

        Args:
            adversaries: their names.
            datamodule: set up.
            attribute: the one that they tell.
            make: called with names, a seed and a bookmark, trains such adversaries and returns
                their answers.

        Raises:
            UserError: a file is damaged, or the folder cannot be written.
        """
        store = Store(
            self.folder / datamodule.split_name(),
            f"reference adversaries of {attribute}",
            "classifiers.folder",
            self.checkpoint_minutes,
        )
        files = {name: self.file(attribute, name) for name in adversaries}
        return store.get(files, lambda missing, bookmark: make(missing, self.seed, bookmark))

    def file(self, attribute: str, adversary: str) -> str:
        """Return the name of the file with an adversary's answers."""
        how = hashlib.sha256(self.settings[adversary].encode()).hexdigest()[:8]
        return f"{attribute}-{adversary}-{how}.pt"
