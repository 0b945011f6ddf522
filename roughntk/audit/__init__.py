"""The paper's claims, each with a verdict that is computed, and the evidence for it."""
