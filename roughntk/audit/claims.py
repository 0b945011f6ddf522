"""All claims, in the order of the paper."""

from roughntk.audit import biases, criteria, recursions, second_family
from roughntk.audit.claim import Claim

GROUPS = (recursions, second_family, criteria, biases)
CLAIMS: dict[str, Claim] = {claim.key: claim for group in GROUPS for claim in group.CLAIMS}
"""By key."""

__all__ = ["CLAIMS"]
