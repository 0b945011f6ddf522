"""The audit as a report: all claims of the paper, or some, or those that can be asked of another family."""
