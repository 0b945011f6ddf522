"""The paper's claims, each with a verdict that is computed, and the evidence for it.

`rn.study.audit` examines them and writes the page.
"""

from roughntk.audit.claim import Claim, Evidence, Examined
from roughntk.audit.claims import CLAIMS
from roughntk.audit.examination import examine
from roughntk.audit.families import claims_of_family
from roughntk.audit.subject import Subject

__all__ = ["CLAIMS", "Claim", "Evidence", "Examined", "Subject", "claims_of_family", "examine"]
