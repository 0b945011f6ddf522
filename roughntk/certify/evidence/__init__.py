"""What proofs are made of: their record, equispaced points of a circle, exact power series."""
