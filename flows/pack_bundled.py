"""Train the bundled styles by their recipe and pack them: measured, bounded, described and pinned.

python -m flows.pack_bundled --photos DIR --weights DIR --start DRAFT --out registry/bundled/atelier

(``recipes/atelier.yaml`` says where its draft comes from.) Stopped, it goes on from its last checkpoint when it is
started again; once trained, it only packs.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from skimage import data

from flows.packing import packed, start_of
from registry.package import StylePackage
from stylecore.image import Picture
from stylecore.training import recipes
from stylecore.training.early_stopping import Check
from stylecore.training.loop import Progress
from stylecore.training.recipe_file import read_recipe
from stylecore.training.run import Sampled, Workplace, train
from stylecore.weights import WeightsFolder

RECIPE = Path(recipes.__file__).with_name("atelier.yaml")


def more_pictures() -> list[Picture]:
    """People and things to measure on, besides what the package itself shows: they ship with scikit-image too."""
    named = ("astronaut", "stereo_motorcycle", "retina")
    astronaut, (motorcycle, *_), retina = (getattr(data, name)() for name in named)
    parts = (astronaut, astronaut[:256, 90:346], motorcycle[:, :370], motorcycle[:, -370:], retina[::3, ::3])
    return [Picture(part.copy()) for part in parts]


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m flows.pack_bundled", description="Train and pack the styles.")
    parser.add_argument("--recipe", type=Path, default=RECIPE)
    parser.add_argument("--photos", type=Path, help="where the pictures of the recipe's listing lie, if not beside it")
    parser.add_argument("--weights", type=Path, required=True, help="where the loss network's weights lie")
    parser.add_argument("--out", type=Path, required=True, help="the package folder; checkpoints lie beside it")
    parser.add_argument("--start", type=Path, help="where the package of start_from lies")
    asked = parser.parse_args()
    place = Workplace(asked.recipe.parent, asked.out, WeightsFolder(asked.weights), asked.photos)
    recipe = read_recipe(asked.recipe)
    start = None
    if recipe.start_from is not None:
        start = start_of(StylePackage.read(asked.start or asked.recipe.parent / recipe.start_from))
    outcome = train(recipe, place, _tell, start, also_judged_by=more_pictures())
    package = packed(outcome.content)
    print(f"{package.name} {package.digest}: {package.total_bytes:,} bytes, {len(package.styles)} styles")


def _tell(told: Progress | Check | Sampled) -> None:
    if isinstance(told, Check):
        sys.stderr.write(f"{told.iteration} {told.verdict}: content {told.content:.3f}, style {told.style:.3f}\n")
    elif isinstance(told, Progress) and told.iteration % 20 == 0:
        sys.stderr.write(f"{told.iteration} {told.total:.3f}\n")


if __name__ == "__main__":
    main()
