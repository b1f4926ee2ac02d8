"""Tables as strangers have them: small real data sets that PyPI packages ship, written into a folder."""

import importlib.resources
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
from sklearn import datasets

from mlops.adopting.table import Wish

TABLES = Path(__file__).parent / "tables"
Write = Callable[[Path], Path]


def bundled(load: Callable[..., Any], name: str, **options: bool) -> Write:
    """A table of scikit-learn as a file."""

    def write(folder: Path) -> Path:
        rows = load(as_frame=True, **options).frame
        path = folder / name
        rows.to_csv(path, index=False) if path.suffix == ".csv" else rows.to_parquet(path, index=False)
        return path

    return write


def copied(name: str) -> Write:
    return lambda folder: Path(shutil.copy(TABLES / name, folder))


def wine(folder: Path) -> Path:
    """Two files, with names for classes."""
    bunch, place = datasets.load_wine(as_frame=True), folder / "wine"
    place.mkdir()
    rows = bunch.data.assign(cultivar=bunch.target_names[bunch.target])
    rows[::2].to_csv(place / "even.csv", index=False)
    rows[1::2].to_csv(place / "odd.csv", index=False)
    return place


def typed_penguins(folder: Path) -> Path:
    """Parquet that knows its types: dates and booleans."""
    rows = pd.read_csv(TABLES / "penguins.csv")
    rows["laid"] = pd.to_datetime(rows.pop("Date Egg")).dt.date
    rows["complete"] = rows.pop("Clutch Completion") == "Yes"
    rows.to_parquet(folder / "penguins.parquet", index=False)
    return folder / "penguins.parquet"


def stocks(folder: Path) -> Path:
    """Monthly prices, most of which begin later; the file's first line is a comment."""
    packaged = importlib.resources.files("matplotlib") / "mpl-data/sample_data/Stocks.csv"
    (folder / "stocks.csv").write_text(packaged.read_text(encoding="utf-8").partition("\n")[2], encoding="utf-8")
    return folder / "stocks.csv"


STRANGERS: dict[str, tuple[Write, Wish]] = {
    "iris": (bundled(datasets.load_iris, "iris.csv"), Wish("target")),
    "cancer": (bundled(datasets.load_breast_cancer, "cancer.csv"), Wish("target")),
    "diabetes": (bundled(datasets.load_diabetes, "diabetes.csv", scaled=False), Wish("target")),
    "gym, tiny": (bundled(datasets.load_linnerud, "gym.csv"), Wish("Pulse")),
    "digits, wide": (bundled(datasets.load_digits, "digits.parquet"), Wish("target")),
    "wine, two files": (wine, Wish("cultivar")),
    "penguins, texts": (copied("penguins.csv"), Wish("Species", slices=("Island",))),
    "penguins in time": (copied("penguins.csv"), Wish("Sex", time="Date Egg")),
    "penguins, typed": (typed_penguins, Wish("Body Mass (g)")),
    "weather in time": (copied("weather.csv"), Wish("weather", time="date")),
    "stocks in time": (stocks, Wish("AAPL", time="Date")),
}
