"""Which flights out of New York arrive more than 15 minutes late? The meaning of every column."""

from mlops.contract import Schema, column

CARRIERS = ("9E", "AA", "AS", "B6", "DL", "EV", "F9", "FL", "HA", "MQ", "OO", "UA", "US", "VX", "WN", "YV")

SCHEMA = Schema(
    task="binary",
    zone="America/New_York",
    duplicates="drop",
    key=("time_hour", "minute", "carrier", "origin", "dest"),
    columns={
        "time_hour": column("timestamp", "time"),
        "carrier": column("text", "input", "slice", categories=CARRIERS),
        "origin": column("text", "input", "slice", categories=("EWR", "JFK", "LGA")),
        "dest": column("text", "input"),
        "month": column("integer", "ignored", low=1, high=12),
        "day_of_week": column("integer", "input", low=1, high=7, unit="1 = Monday"),
        "hour": column("integer", "input", low=0, high=23, unit="h, scheduled, local"),
        "minute": column("integer", "input", low=0, high=59, unit="min, scheduled"),
        "distance": column("number", "input", low=10, high=6000, unit="miles"),
        "temp": column("number", "input", low=-40, high=120, unit="deg F", missing=True),
        "dewp": column("number", "input", low=-60, high=100, unit="deg F", missing=True),
        "humid": column("number", "input", low=0, high=100, unit="%", missing=True),
        "wind_dir": column("number", "input", low=0, high=360, unit="deg", missing=True),
        "wind_speed": column("number", "input", low=0, high=150, unit="mph", missing=True, outliers="drop"),
        "wind_gust": column("number", "input", low=0, high=200, unit="mph", missing=True),
        "precip": column("number", "input", low=0, high=10, unit="in", missing=True),
        "pressure": column("number", "input", low=900, high=1100, unit="hPa", missing=True),
        "visib": column("number", "input", low=0, high=20, unit="miles", missing=True),
        "arr_delay": column("number", "ignored", unit="min; known only after landing"),
        "late": column("integer", "target", low=0, high=1, unit="1 = more than 15 min late"),
    },
)
