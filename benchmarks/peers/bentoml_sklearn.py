"""BentoML with the scikit-learn pipeline, which takes a DataFrame."""

import os

import bentoml
import joblib
import pandas as pd


@bentoml.service(workers=1)
class Late:
    def __init__(self) -> None:
        self.model = joblib.load(os.environ["MODEL"] + ".joblib")

    @bentoml.api
    def predict(self, rows: list[dict]) -> list[list[float]]:
        frame = pd.DataFrame(rows)[list(self.model.feature_names_in_)]
        return self.model.predict_proba(frame).tolist()
