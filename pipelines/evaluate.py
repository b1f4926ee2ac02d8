"""Score the model on the test rows.

Stage ``evaluate``: artifacts/model.onnx, artifacts/test.parquet -> artifacts/predictions.parquet, metrics.json,
slices.json, calibration.json
"""

from pathlib import Path

import pandas as pd

from mlops.artifact import Model
from mlops.contract import save
from mlops.judging import evaluation


def main(root: Path = Path()) -> None:
    folder = root / "artifacts"
    found = evaluation.evaluate(Model.load(folder), pd.read_parquet(folder / "test.parquet"))
    save(folder / "predictions.parquet", found.predictions.to_parquet(index=False, compression="zstd"))
    save(folder / "metrics.json", found.metrics)
    save(folder / "slices.json", found.slices)
    save(folder / "calibration.json", found.calibration)


if __name__ == "__main__":
    main()
