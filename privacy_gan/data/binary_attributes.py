"""Base class of image sources whose attributes images have or lack."""

from __future__ import annotations

from abc import ABC, abstractmethod

from privacy_gan.attributes import NO_YES, DataAttributes


class BinaryAttributes(ABC):
    """A source of colour images that have a value, no or yes, of every attribute."""

    channels = 3

    @property
    @abstractmethod
    def attribute_names(self) -> tuple[str, ...]:
        """Names of the attributes."""

    @property
    def known_attributes(self) -> DataAttributes:
        """The attributes; all are measured by default."""
        names = self.attribute_names
        return DataAttributes(dict.fromkeys(names, NO_YES), lambda _: names)

    def has_unknown(self, attribute: str) -> bool:
        """Return whether some images have no value of an attribute: none."""
        return False
