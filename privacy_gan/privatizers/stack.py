"""A chain of finished runs."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from privacy_gan.data.batch import Batch
from privacy_gan.errors import UserError
from privacy_gan.privatizers.chain import Chain


class Stack(Chain):
    """Applies the mechanisms of finished runs in their order.

    It keeps copies: how they were made is part of its configuration, and their weights are part of
    its own state once it was adapted.

    Args:
        parts: of each run its "folder", the "attribute" that it hides, its "image_size" and
            its "privatizer", untrained.
        image_size: of the images that come.
        read_weights: returns the state dict of a run's mechanism, given its folder.
        context: what learned mechanisms need to know; not used.

    Raises:
        UserError: a run is made for images of another size.
    """

    def __init__(
        self,
        parts: Sequence[Mapping[str, Any]],
        image_size: int,
        read_weights: Callable[[str], dict[str, Any]],
        **context: Any,
    ) -> None:
        for part in parts:
            if part["image_size"] != image_size:
                raise UserError(
                    f"{part['folder']} was trained on images of {part['image_size']} pixels, which "
                    f"cannot be stacked with image_size={image_size}: stack runs of one size"
                )
        super().__init__(
            [part["privatizer"] for part in parts], [str(part["attribute"]) for part in parts]
        )
        self.folders = [str(part["folder"]) for part in parts]
        self.read_weights = read_weights

    def adapt(self, batches: Callable[[], Iterable[Batch]]) -> dict[str, float]:
        """Take over the runs' weights; no images are needed.

        Raises:
            UserError: a run's checkpoint is missing or damaged.
        """
        del batches
        for folder, (_, part) in zip(self.folders, self.steps(), strict=True):
            if part.state_dict():
                part.load_state_dict(self.read_weights(folder))
        return {}
