"""A codebook: each image is replaced with one of finitely many, at random and independently of s.

An adversary sees which codeword was chosen and nothing else, so that what any of them can tell is
bounded from above, see evaluation/certificate.py. Nothing is trained against an
adversary. See docs/codebook.md.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from privacy_gan.attributes import IGNORED, find_attribute
from privacy_gan.errors import UserError
from privacy_gan.models.codebook import Codebook, choose
from privacy_gan.models.fit_basis import fit_basis
from privacy_gan.models.fit_codebook import fit_codebook
from privacy_gan.models.fit_posteriors import fit_posteriors
from privacy_gan.models.posteriors import Posteriors
from privacy_gan.models.subspace import Basis, Subspace
from privacy_gan.privatizers.base import Censored, Draws, Privatizer

if TYPE_CHECKING:  # exported mechanisms work without Lightning
    from privacy_gan.data.table_data_module import TableDataModule

log = logging.getLogger(__name__)

BATCH = 1024  # images
SIZES = (16, 32, 64, 128, 256, 512, 1024)  # numbers of codewords that are tried
IMAGES_EACH = 100  # training images for each codeword, at least, if their number is not set
OPTION = "privatizer.[filter.]"  # where the options are, in messages: before a generator, or alone
TINY = 1e-9  # the least temperature, and the least share of the budget


class CodebookPrivatizer(Privatizer):
    """Replaces images with codewords, with the channel of ``Codebook``.

    The features of an image are its principal components, scaled so that their squared distance is
    the mean squared error, and the posteriors of the utility attributes times sqrt(utility_weight),
    so that codewords differ where utility is. Posteriors are means over the image and its mirror
    image.

    Args:
        seed: of the fit.
        principal_components: their number, by which images are compared.
        num_classes: number of values of s, C.
        codewords: their number, K; None for the fewest within the budget, a power of two.
        epsilon: the budget, which matters if ``codewords`` is None.
        temperature: T, how far beyond the nearest codewords the choice is spread, in units of the
            mean squared error.
        utilities: names of the attributes whose posteriors are kept; the sensitive one is left out.
        utility_weight: beta, the mean squared error that an error of 1 in a posterior is worth.
        width: units of each hidden layer of the networks that predict the attributes.
        dropout: share of their units that are dropped in training.
        balance: share of the slopes that is kept. 1 makes codewords independent of s; below 1
            leaves a leak whose size is known, for tests of adversaries.
        budget_share: share of the budget that the codebook may use; a generator after it needs the
            rest.

    Raises:
        UserError: a number is out of range.
    """

    single_release = True
    shares: Tensor
    offsets: Tensor
    used: Tensor

    def __init__(
        self,
        seed: int,
        principal_components: int,
        num_classes: int,
        codewords: int | None,
        epsilon: float,
        temperature: float,
        utilities: Sequence[str],
        utility_weight: float,
        width: int,
        dropout: float,
        balance: float = 1.0,
        budget_share: float = 1.0,
    ) -> None:
        super().__init__()
        require_range("principal_components", principal_components, 1)
        require_range("codewords", codewords, 2)
        require_range("budget_share", budget_share, TINY, 1)
        require_range("temperature", temperature, TINY)
        require_range("utility_weight", utility_weight, 0)
        require_range("balance", balance, 0, 1)
        self.seed = seed
        self.subspace = Subspace(principal_components)
        self.codewords = codewords
        self.epsilon = epsilon
        self.budget_share = budget_share
        self.utilities = list(utilities)
        self.utility_weight = utility_weight
        self.balance = balance
        self.posteriors = Posteriors(
            principal_components, num_classes, len(utilities), width, dropout
        )
        self.codebook = Codebook(codewords or 1, temperature, num_classes - 1)
        self.register_buffer("shares", torch.full((num_classes,), 1 / num_classes))
        self.register_buffer("offsets", torch.zeros(num_classes - 1))
        # 1 for utility attributes, 0 for those that are hidden
        self.register_buffer("used", torch.ones(len(utilities)))

    def arguments(self) -> dict[str, Any]:
        """See Privatizer.arguments."""
        return {
            "seed": self.seed,
            "principal_components": self.subspace.components,
            "num_classes": self.posteriors.num_classes,
            "codewords": len(self.codebook.centres),
            "epsilon": self.epsilon,
            "budget_share": self.budget_share,
            "temperature": self.codebook.temperature,
            "utilities": self.utilities,
            "utility_weight": self.utility_weight,
            "width": self.posteriors.width,
            "dropout": self.posteriors.dropout,
            "balance": self.balance,
        }

    @property
    def frequencies(self) -> Tensor:
        """How frequent the outcomes are among the training images, [K]."""
        return self.codebook.frequencies

    def draw(self, images: Tensor, rng: torch.Generator) -> Draws:
        """Draw a uniform number for each image, which chooses its codeword."""
        size = (len(images),)
        levels = torch.rand(size, generator=rng, device=rng.device, dtype=torch.float64)
        return {"level": levels.to(images.device)}

    def forward(self, images: Tensor, draws: Draws) -> Censored:
        """Replace the images with codewords; no attribute is inserted."""
        channel = self.channel(images)
        censored = self.codebook.images[choose(channel, draws["level"])].view_as(images)
        # never a codeword of which nothing is known
        finite = channel.isfinite().all(dim=1)[:, None, None, None]
        return Censored(censored.where(finite, torch.nan), None)

    def channel(self, images: Tensor) -> Tensor:
        """Return the probabilities of all outcomes for images [B, C, H, W], float64 [B, K]."""
        with torch.autocast(images.device.type, enabled=False):
            views = self.views(images)
            sensitive, binary = self.posteriors(views)
            return self.codebook.channel(
                self.features(views[0], binary), self.contrasts(sensitive) - self.offsets
            )

    def views(self, images: Tensor) -> Tensor:
        """Return the coordinates of images and of their mirror images, [2, B, N]."""
        encode = self.subspace.encode
        return torch.stack([encode(images), encode(images.flip(3))])

    def features(self, coordinates: Tensor, binary: Tensor) -> Tensor:
        """Return what codewords are compared by, [B, F].

        Args:
            coordinates: [B, N].
            binary: P(u = 1|x), [B, U].
        """
        values = len(self.subspace.mean)  # in an image
        components = coordinates * self.subspace.deviations / math.sqrt(values)
        return torch.cat([components, math.sqrt(self.utility_weight) * self.used * binary], dim=1)

    def contrasts(self, sensitive: Tensor) -> Tensor:
        """Return P(s = c|x) / P(s = c) - P(s = 0|x) / P(s = 0) for c > 0, [B, C - 1].

        Args:
            sensitive: P(s|x), [B, C].
        """
        ratios = sensitive / self.shares
        return ratios[:, 1:] - ratios[:, :1]

    @torch.no_grad()
    def fit_data(
        self, datamodule: TableDataModule, column: int, device: torch.device
    ) -> dict[str, float]:
        """Fit posteriors and codewords to all training images and their mirror images.

        Args:
            datamodule: set up.
            column: column of the sensitive attribute among the batch's attributes.
            device: where to compute.

        Returns:
            Values to record in result.json.

        Raises:
            UserError: there are too few training images, or the budget is too small.
        """
        labels = self.own_labels(datamodule, column).to(device)
        sizes, budget = self.sizes_to_try(len(labels)), self.budget_share * self.epsilon
        self.subspace.load_basis(self.components_of(datamodule, device))
        parts = [self.views(images) for images in training_images(datamodule, device)]
        views = torch.cat(parts, dim=1)
        with torch.enable_grad():
            sensitive, binary = fit_posteriors(
                self.posteriors, views, labels, datamodule.persons("train"), self.seed
            )
        self.shares.copy_(torch.bincount(labels[:, 0], minlength=len(self.shares)) / len(labels))
        contrasts = self.contrasts(sensitive)
        self.offsets.copy_(contrasts.mean(dim=0))
        contrasts = (contrasts - self.offsets).repeat(2, 1)
        features = torch.cat([self.features(view, binary) for view in views])
        for size in sizes:
            fitted = fit_codebook(
                *(features, contrasts, size, self.codebook.temperature, self.seed, self.balance)
            )
            self.codebook.centres, self.codebook.slopes = fitted.centres, fitted.slopes
            distortion = self.fit_images(datamodule, features, contrasts, device)
            if self.codewords or distortion <= budget:
                return {
                    "codewords": size,
                    "train/distortion": distortion,
                    "train/imbalance": fitted.imbalance,
                }
        raise UserError(
            f"a budget of {budget:g} is less than a codebook reaches: with {sizes[-1]} codewords "
            f"({len(labels):,} training images allow no more), the distortion is {distortion:.3g}; "
            f"set epsilon to at least {distortion / self.budget_share:.3g}, or the number of "
            f"codewords, whatever their distortion, with {OPTION}codewords"
        )

    def components_of(self, datamodule: TableDataModule, device: torch.device) -> Basis:
        """Return the principal components of the training images.

        Raises:
            UserError: there are too few.
        """
        basis = fit_basis(
            lambda: training_images(datamodule, device), self.subspace.components, self.seed
        )
        if (available := len(basis.deviations)) < self.subspace.components:
            raise UserError(
                f"{OPTION}principal_components is {self.subspace.components}, but these images "
                f"have only {available}: set it to {available} or less"
            )
        return basis

    def sizes_to_try(self, images: int) -> list[int]:
        """Return the numbers of codewords that are tried in turn, for a number of images.

        Raises:
            UserError: there are too few images.
        """
        most = images // IMAGES_EACH
        if self.codewords is None:
            sizes = [size for size in SIZES if size <= most]
        else:
            sizes = [self.codewords] if self.codewords <= images else []
        if not sizes:
            raise UserError(
                f"{images:,} training images are too few for a codebook of "
                f"{self.codewords or SIZES[0]} codewords: use more images, or set fewer "
                f"with {OPTION}codewords"
            )
        return sizes

    def own_labels(self, datamodule: TableDataModule, column: int) -> Tensor:
        """Return s, which has this column, and the utility attributes, [N, 1 + U]."""
        names = [find_attribute(name, datamodule.attribute_names) for name in self.utilities]
        columns = [datamodule.column(name) for name in names]
        hidden = {column}
        if (group := datamodule.group) and column == datamodule.column(group.name):
            hidden |= {datamodule.column(name) for name in group.members}
        categorical = [name for name in names if len(datamodule.classes(name)) > 2]
        if categorical:
            listed = ", ".join(categorical)
            log.warning("codewords only keep attributes with two values, not %s", listed)
            hidden |= {datamodule.column(name) for name in categorical}
        self.used.copy_(torch.tensor([float(each not in hidden) for each in columns]))
        labels = datamodule.labels("train")[:, [column, *columns]]
        for index, name in enumerate(names, start=1):
            if name in categorical:
                labels[:, index] = IGNORED
        return labels

    def fit_images(
        self, datamodule: TableDataModule, features: Tensor, contrasts: Tensor, device: torch.device
    ) -> float:
        """Make each codeword the mean of the images that it replaces; return the mean distortion.

        Args:
            datamodule: set up.
            features: of the training images and of their mirror images, [2 N, F].
            contrasts: the same, [2 N, C - 1].
            device: where to compute.
        """
        size, values = len(self.codebook.centres), len(self.subspace.mean)
        count = len(features) // 2
        sums = torch.zeros(size, values, device=device)
        weights = torch.zeros(size, device=device, dtype=torch.float64)
        squares, start = 0.0, 0
        for images in training_images(datamodule, device):
            for offset, view in ((0, images), (count, images.flip(3))):
                rows = slice(offset + start, offset + start + len(images))
                channel = self.codebook.channel(features[rows], contrasts[rows])
                sums += channel.T.to(sums) @ view.flatten(1)
                weights += channel.sum(dim=0)
                squares += float(view.double().square().sum())
            start += len(images)
        self.codebook.images = sums / weights.clamp(min=1e-12)[:, None].to(sums)
        self.codebook.frequencies = (weights / weights.sum()).to(sums)
        # codewords are means, so that the mean squares of what is left are those of x less theirs
        kept = (weights[:, None] * self.codebook.images.double().square()).sum()
        return float(squares - kept) / (2 * count * values)


def training_images(datamodule: TableDataModule, device: torch.device) -> Iterator[Tensor]:
    """Yield the training images in order, [B, C, H, W]."""
    for rows in torch.split(torch.from_numpy(datamodule.rows("train")), BATCH):
        yield datamodule.gather(rows, device).images


def require_range(name: str, value: float | None, least: float, most: float = math.inf) -> None:
    """Require that an option is within its range.

    Raises:
        UserError: it is not.
    """
    if value is not None and not least <= value <= most:
        limits = f"at least {least:g}" if most == math.inf else f"between {least:g} and {most:g}"
        raise UserError(f"{OPTION}{name}={value} must be {limits}")
