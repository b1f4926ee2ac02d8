"""Yours: what the data means (schema), what the model sees (features), how it learns (model)."""
