"""What a certificate says, and what it does not say."""

from __future__ import annotations

from collections.abc import Mapping

from privacy_gan.plural import pluralize
from privacy_gan.runs.certificate import Certificate, UpperBound
from privacy_gan.runs.estimate import Estimate
from privacy_gan.runs.evaluation import Evaluation

CONFIDENCE, HIGH_CONFIDENCE = "0.95", "0.99"
LIMITS = (
    "the certificate is about one release of one image. It does not cover several photographs of "
    "one person, what an adversary knows already, other attributes, other populations, wrong "
    "labels, or a codebook that was chosen by its certificate"
)


def certificate_clause(evaluation: Evaluation) -> str:
    """Return the certificate in one clause; "" if there is none."""
    certificate = evaluation.certificate
    if certificate is None:
        return ""
    bounds = certificate.bounds[CONFIDENCE]
    accuracy, balanced = bounds["accuracy"], bounds["balanced_accuracy"]
    return (
        f"no adversary predicts {evaluation.attribute} from one release with a balanced accuracy "
        f"above {balanced.value:.1%} ({balanced.kind} bound; guessing "
        f"{1 / len(evaluation.classes):.1%}), or an accuracy above {accuracy.value:.1%} "
        f"({accuracy.kind} bound; majority {certificate.majority:.1%}), with 95% confidence "
        f"({basis(certificate)})"
    )


def certificate_sentence(evaluation: Evaluation) -> str:
    """Return the certificate as a sentence with a blank behind it; "" if there is none."""
    clause = certificate_clause(evaluation)
    return f"{clause[0].upper()}{clause[1:]}. " if clause else ""


def certificate_lines(evaluation: Evaluation) -> list[str]:
    """Return the certificate, its higher confidence and its limits, as lines."""
    certificate = evaluation.certificate
    if certificate is None:
        return []
    low, high = certificate.bounds[CONFIDENCE], certificate.bounds[HIGH_CONFIDENCE]

    def both(bounds: Mapping[str, UpperBound], which: str) -> str:
        return " and ".join(
            f"{getattr(bounds[score], which):.1%}" for score in ("balanced_accuracy", "accuracy")
        )

    lines = [
        certificate_clause(evaluation),
        f"with 99% confidence, the bounds are {both(high, 'value')}; the exact ones, which do "
        f"not need many {units_of(certificate)}, are {both(low, 'exact')}, each by itself with 95% "
        "confidence; a release tells no more than which of "
        f"{certificate.num_outcomes:,} codewords was chosen, at most "
        f"{certificate.bits[CONFIDENCE]:.3f} bits at these frequencies",
    ]
    return [*lines, *estimate_lines(certificate), LIMITS]


def estimate_lines(certificate: Certificate) -> list[str]:
    """Return what the same images say without a proof, as lines."""
    scores = ("balanced_accuracy", "accuracy")
    units = units_of(certificate)
    parts = []
    if found := certificate.found:
        values = " and ".join(share_text(found[score]) for score in scores)
        parts.append(
            "guessing the value that is most frequent with a codeword among other "
            f"{units} finds {values}"
        )
    if upper := certificate.bootstrap.get(CONFIDENCE):
        limits = " and ".join(f"{upper[score]:.1%}" for score in scores)
        parts.append(
            f"by a bootstrap over {units}, the best possible adversary has at most {limits}"
        )
    return [f"on the same images, {'; '.join(parts)}"] if parts else []


def units_of(certificate: Certificate) -> str:
    """Return what is independent: persons or images."""
    return "images" if certificate.persons is None else "persons"


def share_text(estimate: Estimate) -> str:
    """Return a share in percent with its interval."""
    return f"{estimate.value:.1%} [{100 * estimate.low:.1f}, {estimate.high:.1%}]"


def basis(certificate: Certificate) -> str:
    """Return what a certificate was measured on."""
    images = f"{certificate.images:,} held-out images"
    if certificate.persons is not None:
        left_out = f", without {certificate.left_out:,} of persons in the training images"
        shown = left_out if certificate.left_out else ""
        most = certificate.max_images_per_person
        each = f", at most {most} of each" if most else ""
        return f"{images} of {pluralize(certificate.persons, 'person')}{each}{shown}"
    if certificate.independent_images:
        return images
    return f"{images}, taken as independent because the data name no persons"
