"""Predictions and outcomes -> a decision: nothing, look into the data, or retrain."""
