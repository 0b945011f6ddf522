"""All claims, in the order of the paper."""

from roughntk.audit import biases, conjecture, criteria, figures, recursions, rough_definitions, second_family
from roughntk.audit.claim import Claim

GROUPS = (recursions, second_family, criteria, biases, rough_definitions, figures, conjecture)
CLAIMS: dict[str, Claim] = {claim.key: claim for group in GROUPS for claim in group.CLAIMS}
"""By key."""

__all__ = ["CLAIMS"]
