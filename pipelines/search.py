"""Try settings from the space of params.yaml, many on few rows and the better ones on more; keep the best.

Not a stage (it changes what stages depend on): artifacts/train.parquet -> search/trials.json, a DVC experiment a trial,
and the block train.model of params.yaml. The test rows take no part: `nox -s experiment` judges the winner on them.
"""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from mlops import console, engine, params
from mlops.contract import BadInput, ModelInfo, save
from mlops.judging import metrics
from mlops.training import fit, keeping, search, space, words
from mlops.workspace import StepFailed, Workspace, git
from problem import model
from problem.schema import SCHEMA


def main(root: Path) -> None:
    git(root, "var", "GIT_COMMITTER_IDENT")  # experiments are commits
    known = params.load(root)
    asked, here = known.search, Workspace(root, "HEAD", root)

    def build(changes: dict[str, Any]) -> fit.Build:
        settings = params.convert(known.train.model | changes, model.Settings, space.PLACE)
        return lambda seed: model.build(settings, SCHEMA, seed)

    drawn = [{}, *space.draw(asked.space, asked.trials, asked.seed)]
    for settings in drawn:
        build(settings)  # so that a misspelt one is refused before anything is trained
    trials = [search.Trial(number=number, settings=settings) for number, settings in enumerate(drawn)]
    with console.progress() as say:
        try:
            here.check()
            here.run(["dvc", "repro", "--pull", "prepare"], here.environment(), lambda stage: say("search", stage))
        except StepFailed as error:
            raise BadInput(str(error)) from None
        rows, *_ = fit.samples(pd.read_parquet(root / "artifacts/train.parquet"))
        bench = search.Bench(rows, SCHEMA, asked.folds, build, loss, known.train.seed)
        base_rate = bench.base_rate()
        with engine.opened(known.engine) as mapping:
            found = bench.run(trials, asked.cut, asked.rows, lambda trial: say("search", words.line(trial)), mapping)
    save(root / "search/trials.json", found)
    console.show(words.render(found, base_rate))
    console.say(keeping.conclude(root, found, asked.seed))


def loss(rows: pd.DataFrame, info: ModelInfo, predicted: NDArray[np.float64]) -> float:
    return float(metrics.loss(info.task, metrics.encoded(rows, info), predicted).mean())


if __name__ == "__main__":
    main(Path().resolve())
