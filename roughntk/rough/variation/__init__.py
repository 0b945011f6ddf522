"""Exact p-variation, controls, regularity, and convergence in p-variation.

exact             the numbers: p_variation, p_variation_distance, homogeneous_distance; tables of levels, partitions
batches           one number a path, for batches of paths
levels            what every number is read from: the supremum at each level of the lift
level_one         near-linear time at level 1, with the proof
dynamic           the programme over all pairs of points, at every level
increments        the increments of sampled rough paths
given_increments  p-variation of increments that are given
partitions        greedy partitions
regularity        controls, Hoelder norms, the critical exponent
convergence       does a sequence of paths converge? with `trend`, the laws of decay
compiled          the loops; compiled_partitions: those that choose a partition
"""
