"""What the data looks like: target, seasons, missing values, slices, drift. It knows src/problem/schema.py alone.

`nox -s explore` opens it; `python notebooks/explore.py` runs every cell, as the tests do.
"""

import marimo

__generated_with = "0.25.2"
app = marimo.App(width="medium", app_title="Explore")

with app.setup:
    import sys
    from pathlib import Path

    ROOT = Path(__file__).parents[1]
    sys.path[:0] = [str(ROOT), str(ROOT / "src")]

    import marimo as mo
    import msgspec
    import numpy as np
    import pandas as pd
    from matplotlib.figure import Figure

    from mlops import params, rows
    from mlops.training import export, fit, profile, read, split, validate
    from mlops.watching import counts, layout, levels
    from problem.schema import SCHEMA

    MOST = 12  # bars of a picture, lines of a table


@app.function
def picture(shape="A", height=2.8):
    """A figure, and its axes in the order of the letters of `shape`."""
    figure = Figure(figsize=(9, height), layout="constrained")
    return figure, *figure.subplot_mosaic(shape).values()


@app.function
def grid(table, words, most):
    """A table of numbers as a picture: the larger, the darker, up to `most`."""
    figure, axes = picture(height=0.6 + 0.28 * len(table))
    axes.imshow(table.clip(upper=most), cmap="Blues", aspect="auto", vmin=0, vmax=2 * most)  # so letters stay legible
    axes.set(yticks=range(len(table)), yticklabels=table.index, xticks=range(table.shape[1]), xticklabels=table.columns)
    axes.tick_params(length=0, labeltop=True, labelbottom=False)
    for (i, j), value in np.ndenumerate(table.to_numpy()):
        axes.text(j, i, format(value, words), ha="center", va="center")
    return figure


@app.function
def outcomes(part):
    """The target as numbers, a column each: its value, the second of two classes, or each of the commonest classes."""
    values = pd.Series(fit.target(part, SCHEMA), part.index, name=SCHEMA.target)
    if SCHEMA.task == "regression":
        return values.to_frame()
    classes = [values.max()] if SCHEMA.task == "binary" else sorted(values.value_counts().index[:MOST])
    return pd.DataFrame({f"share of {SCHEMA.target} {label}": (values == label).astype(float) for label in classes})


@app.cell
def _():
    limits = params.load(ROOT)
    data = pd.concat([validate.clean(path, SCHEMA) for path in read.partitions(ROOT / "data")], ignore_index=True)
    _tested = split.is_test(data, SCHEMA, limits.prepare)
    sides = {"training": data[~_tested], "test": data[_tested]}
    _files = read.partitions(ROOT / "live") if (ROOT / "live").is_dir() else []
    later = {path.stem: validate.clean(path, SCHEMA) for path in _files}
    mo.md(f"""
    # The data behind `{SCHEMA.target}`
    {(~_tested).sum():,} rows to learn from; {_tested.sum():,} to test on, {"the newest" if SCHEMA.time else "by hash"};
    {sum(map(len, later.values())):,} later ones in `live/`. {len(SCHEMA.inputs)} inputs; the task: {SCHEMA.task}.
    What each column means stands in `src/problem/schema.py`, where the rows come from in `docs/data.md`.
    """)
    return data, later, limits, sides


@app.cell
def _(sides):
    _figure, _axes = picture()
    _sides = pd.DataFrame({name: pd.Series(fit.target(part, SCHEMA)) for name, part in sides.items()})
    if SCHEMA.task == "regression":
        _sides.plot.hist(bins=40, density=True, histtype="step", linewidth=2, ax=_axes)
    else:
        _sides.apply(pd.Series.value_counts, normalize=True).head(MOST).plot.bar(ax=_axes, rot=0)
    _axes.set_xlabel(f"{SCHEMA.target}, {SCHEMA.columns[SCHEMA.target].unit}".removesuffix(", "))
    mo.vstack([mo.md("## Target\nShares. Are the rows that judge a model like those that it learns from?"), _figure])
    return


@app.cell
def _(data, later, sides):
    mo.stop(not SCHEMA.time, mo.md("## Seasons\nNo column has the role `time`."))
    _every = pd.concat([data, *later.values()], ignore_index=True)
    _times, _known = rows.local(_every[SCHEMA.time], SCHEMA.zone), outcomes(_every)
    _period = _times.dt.to_period("D" if (_times.max() - _times.min()).days < 100 else "W").dt.start_time
    _figure, _top, *_below = picture("AA;BC", 5)
    _known.groupby(_period).mean().plot(ax=_top, xlabel="")
    _top.axvline(rows.local(sides["test"][SCHEMA.time], SCHEMA.zone).min(), color="grey", linestyle="--")
    _cycles = {"hour": _times.dt.hour, "day of the week": _times.dt.day_of_week + 1, "month": _times.dt.month}
    for _axes, _name in zip(_below, [name for name in _cycles if _cycles[name].nunique() > 1], strict=False):
        _known.groupby(_cycles[_name]).mean().plot(ax=_axes, xlabel=_name, legend=False)
    mo.vstack([mo.md("## Seasons\nMeans. Right of the dashed line: what no training sees, test and `live/`."), _figure])
    return


@app.cell
def _(later, sides):
    _shares = pd.DataFrame({name: part.isna().mean() for name, part in (sides | later).items()})
    _shares = _shares[_shares.max(axis=1) > 0].sort_values("training", ascending=False).head(2 * MOST)
    mo.stop(_shares.empty, mo.md("## Missing values\nNone."))
    mo.vstack([mo.md("## Missing values\nShare of rows."), grid(_shares, ".1%", 1)])
    return


@app.cell
def _(data):
    _pictures = []
    for _name in SCHEMA.having("slice"):
        _means = outcomes(data).groupby(data[_name]).mean().loc[data[_name].value_counts().index[:MOST][::-1]]
        _figure, _axes = picture(height=1 + 0.25 * len(_means))
        _means.plot.barh(ax=_axes, stacked=True)
        _pictures.append(_figure)
    _text = "The groups that must not get worse, the largest first." if _pictures else "No column has the role `slice`."
    mo.vstack([mo.md(f"## Slices\n{_text}"), *_pictures])
    return


@app.cell
def _(later, limits, sides):
    mo.stop(not SCHEMA.time and not later, mo.md("## Drift\nNo time, and no later rows in `live/`."))
    _parts, _train = sides | later, sides["training"]
    _classes = [] if SCHEMA.task == "regression" else sorted(set(fit.target(_train, SCHEMA)))
    _info = msgspec.structs.replace(export.bare(SCHEMA, _classes), profile=profile.describe(_train, SCHEMA))
    _none = {name: np.zeros((len(part), len(_classes) or 1)) for name, part in _parts.items()}  # no model, no scores
    _plan = layout.layout(_train, _none["training"], _info)
    _counted = {n: counts.count(counts.batch(part, _info, _none[n]), _plan, _info) for n, part in _parts.items()}
    _usual, _found = _counted.pop("training"), {}
    for _name, _now in _counted.items():
        _shape = len(_now.days), int(_now.rows.sum())
        _level = levels.calibrate(_usual, _plan, *_shape, limits.monitor.false_alarms, bool(SCHEMA.time))
        _found[_name] = {f"{x.kind}: {x.column}": x.size / x.level for x in levels.check(_now, _usual, _plan, _level)}
    _table = pd.DataFrame(_found).fillna(0)
    _text = "Changes against training, over the size from which on the monitor would alarm: it does above 1."
    mo.vstack([mo.md(f"## Drift\n{_text}"), grid(_table.loc[_table.max(axis=1).nlargest(MOST).index], ".1f", 2)])
    return


if __name__ == "__main__":
    app.run()
