"""manifest.json: what lies beside censored images and says what made them."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from privacy_gan.errors import UserError
from privacy_gan.runs.files import replacing
from privacy_gan.runs.result import json_safe

NAME = "manifest.json"
VERSION = 1
NOTE = (
    "What was random in each image (noise, the synthetic attribute) came from the operating "
    "system and was kept nowhere: whoever knew it would learn more about the sensitive attribute "
    "than the images tell."
)


@dataclass(frozen=True)
class Manifest:
    """What may be known of censored images; neither s', nor what drew it, nor any image's name.

    Attributes:
        model: which mechanism made them: its attribute, budget, the seed of its training, ...
        released: how photographs were fitted and written.
        judged: what the judge found of the mechanism, by hidden attribute.
        finished: whether all photographs were dealt with.
        counts: how many files were what.
        note: for whoever finds the file.
        version: of the file's format.
    """

    model: dict[str, Any]
    released: dict[str, Any]
    judged: dict[str, Any]
    finished: bool = False
    counts: dict[str, int] = field(default_factory=dict)
    note: str = NOTE
    version: int = VERSION

    def write(self, folder: Path) -> None:
        """Write the file into a folder, whole or not at all."""
        with replacing(folder / NAME) as file:
            file.write_text(json.dumps(json_safe(asdict(self)), indent=2) + "\n", encoding="utf-8")

    def made(self, folder: Path) -> bool:
        """Tell whether what lies in a folder was made by an earlier try of the same.

        Raises:
            UserError: the folder's manifest is damaged.
        """
        path = folder / NAME
        try:
            found = json.loads(path.read_text(encoding="utf-8"))
            own = json_safe({"model": self.model, "released": self.released})
            return bool({key: found[key] for key in own} == own)
        except FileNotFoundError:
            return False
        except (ValueError, KeyError, TypeError) as error:
            raise UserError(
                f"{path} is damaged ({error}): choose another folder with output=FOLDER"
            ) from error
