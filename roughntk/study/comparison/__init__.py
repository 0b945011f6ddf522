"""Several families on the same points, side by side: which predicts best, and what depth does to each."""
