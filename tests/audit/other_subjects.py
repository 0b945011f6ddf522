"""Subjects whose ingredients are numpy functions, right or wrong: nothing of them is compiled."""

import numpy as np

from roughntk.audit.claim import decide
from roughntk.audit.claims import CLAIMS
from roughntk.audit.subject import Subject


def h(z):
    """The layer of a ReLU network."""
    z = np.clip(z, -1.0, 1.0)
    return (np.sqrt(1 - z * z) + z * (np.pi - np.arccos(z))) / np.pi


def derivative(z):
    """h'."""
    return 1 - np.arccos(np.clip(z, -1.0, 1.0)) / np.pi


def averaged(K, rho, following, slope, depth):
    """A wrong recursion, without h': the mean of rho_1 .. rho_L, which does increase to 1."""
    return (depth * K + following) / (depth + 1)


def of_layer(**changed) -> Subject:
    """A subject of numpy functions, with another layer, slope or recursion, or other ingredients."""
    return Subject.made_of(**({"correlation_map": h, "slope": derivative} | changed))


def direct(key: str, subject: Subject):
    """(verdict, evidence) of a claim by what its examination computes alone, without the grounds."""
    claim = CLAIMS[key]
    evidence, _ = claim.examine(subject)
    assert all(each.about in ("statement", "correction") for each in evidence)
    return decide(claim, evidence)[0], evidence
