"""All claims, in the order of the paper."""

from roughntk.audit import (
    biases,
    clock,
    coefficient_limits,
    conjecture,
    criteria,
    driving_paths,
    equation,
    figures,
    invertibility,
    limits,
    predictor,
    recursions,
    rough_definitions,
    second_family,
)
from roughntk.audit.claim import Claim

GROUPS = (
    recursions, invertibility, predictor, limits, clock, equation, coefficient_limits, driving_paths,
    second_family, criteria, figures, conjecture, biases, rough_definitions,
)  # fmt: skip
CLAIMS: dict[str, Claim] = {claim.key: claim for group in GROUPS for claim in group.CLAIMS}
"""By key."""

__all__ = ["CLAIMS"]
