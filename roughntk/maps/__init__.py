"""One layer on one angle or one correlation, iterated a whole or a real number of times. Knows no family, no data."""
