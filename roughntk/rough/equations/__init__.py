"""Rough differential equations.

rde            solve_rde: log-ODE, Davie scheme, controlled equations
options        RDEOptions, what solve_rde and ito_lyons have in common
ito_lyons      the solution as a rough path of its own
linear         linear equations by the signature series, with a bound of the error; `linear_pieces` cuts their paths
schemes        one step, and many one after another
estimates      error estimates from three step sizes
brackets       iterated vector fields and Lie brackets
"""
