"""Paths and their lifts.

piecewise_linear   paths through sample points, and the one entry from what a user hands in to an array of points
augment            time as a channel, lead-lag, concatenation, reversal, change of time, restriction
samplers           Brownian, fractional Brownian, smooth and spiral paths
gaussian           stationary Gaussian sequences by circulant embedding
lifts              a path together with its iterated integrals
perturbed          lifts of Brownian motion, of pure area, and beside the group
arguments          what an equation is handed: fields, drivers, solvers
"""
