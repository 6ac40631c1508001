"""Run all benchmarks against other packages in a small version, and print one table.

    python benchmarks/table.py --out results/table       # trains a small ResNet-18 first
    python benchmarks/table.py --out results/table \\
        --model results/demo/resnet18/model.safetensors --prepared results/demo/prepared/test-000.h5

Each benchmark has its own script for more images, other sizes and more settings. CAMs are timed at
224 px with random weights. LIME and other methods that only call the classifier explain images of
the model's size.
"""

import argparse
import contextlib
import os
from itertools import chain
from pathlib import Path

import box_metrics
import cams
import lime_speed
import metrics
import perturbation
import threshold_sweep
import tolerance
from comparison import show

WAYS = ("interpolated float32", "interpolated bfloat16")
# Few superpixels, so that the exact value can be computed.
LIME = (
    "all --images 2 --seeds 5 --package-images 1 --exact-bits 10 --most-superpixels 10 "
    "--kernel-size 5"
)


def main() -> None:
    """Read the command line, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, required=True, help="folder of what was made")
    parser.add_argument("--model", type=Path, help="model.safetensors of a finished study")
    parser.add_argument("--prepared", type=Path, help="a prepared shard of it")
    parser.add_argument("--wsol", help="a clone of wsolevaluation, to compare with it too")
    options = parser.parse_args()
    model, prepared = options.model, options.prepared
    if not (model and prepared):
        model, prepared = tolerance.train(options.out.resolve() / "study")
    of_lime = [*LIME.split(), "--out", str(options.out / "lime")]
    of_lime += ["--model", str(model), "--prepared", str(prepared), "--ways", *WAYS]
    with open(os.devnull, "w") as nowhere, contextlib.redirect_stderr(nowhere):  # no progress bars
        show(
            chain(
                metrics.rows(),
                threshold_sweep.rows(),
                box_metrics.rows(checkout=options.wsol),
                cams.rows(),
                perturbation.rows(model, prepared, 0, 128),
                lime_speed.rows(lime_speed.parser().parse_args(of_lime)),
            )
        )


if __name__ == "__main__":
    main()
