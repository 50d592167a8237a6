"""Teach the bundled grades and pack them. On one core it takes about a minute, and needs no photographs and no weights.

python -m flows.pack_grades --out registry/bundled/grades
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import torch

from flows.grade_packages import About, Grade, grade_package
from registry.package import StylePackage
from stylecore.training.content import ContentSampler
from stylecore.training.graders import grader
from stylecore.training.loop import Progress, Schedule, Trainer
from stylecore.training.package_content import Right
from stylecore.training.painters.graded_chart import graded_chart
from stylecore.training.tasks.colour_grade import GradeTask, Lesson, Settings

STYLES = (
    ("golden-hour", "Golden hour", "Honey in the lights, teal in the shadows, soft contrast; skin stays skin."),
    ("nordic-light", "Nordic light", "Airy, cool and quiet: lifted blacks and muted colours."),
    ("matte-film", "Matte film", "Faded blacks, a gentle curve, green in the shadows and rose in the lights."),
)
SETTINGS = Settings(size=25, learning_rate=3e-4, smoothness=2e-4)
SCHEDULE = Schedule(iterations=200, warm_up=20)
_REFERENCE_PX, _CROP_PX, _SEED = 512, 96, 20
_MADE = (
    "Fitted to three functions of colour that were written by hand in OKLab (stylecore/training/graders.py), on "
    f"colours invented by a program: {SCHEDULE.iterations} iterations of {SETTINGS.colours} colours, seed {_SEED}. No "
    "photograph and no other network took part."
)


def taught(iterations: int = SCHEDULE.iterations) -> tuple[Grade, ...]:
    lessons = [Lesson(name, graded_chart(_REFERENCE_PX, 7, grader(name)), grader(name)) for name, _, _ in STYLES]
    task = GradeTask(SETTINGS, lessons, ContentSampler([], _CROP_PX, 1.0, _SEED), _SEED)
    Trainer(task, Schedule(iterations, SCHEDULE.warm_up)).run(iterations, _tell)
    lattices = task.trained().tensors["lut"]
    return tuple(
        Grade(name, title, told, lattice, lesson.reference)
        for (name, title, told), lattice, lesson in zip(STYLES, lattices, lessons, strict=True)
    )


def pack(folder: Path, iterations: int = SCHEDULE.iterations) -> StylePackage:
    functions = "drawn up by hand: stylecore/training/graders.py"
    right = Right("the looks that the grades were taught", functions, "Apache-2.0", "the restyle authors")
    about = About("grades", "Three grades for people, products, places and text.", "Apache-2.0", _MADE)
    return grade_package(folder, about, taught(iterations), [right])


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m flows.pack_grades", description="Teach and pack the grades.")
    parser.add_argument("--out", type=Path, required=True, help="the package folder")
    torch.set_num_threads(1)
    package = pack(parser.parse_args().out)
    print(f"{package.name} {package.digest}: {package.total_bytes:,} bytes, {len(package.styles)} styles")


def _tell(progress: Progress) -> None:
    if progress.iteration % 20 == 0:
        told = {name: round(value, 3) for name, value in progress.losses.items()}
        sys.stderr.write(f"{progress.iteration} {progress.total:.3f} {told}\n")


if __name__ == "__main__":
    main()
