"""Made-up scores, curves, maps and classifier results in the formats of the pipeline."""

from pathlib import Path

import cv2
import numpy as np
import pandas as pd

from fidelity.datasets.cases import Case, write_cases
from fidelity.datasets.prepared import PreparedCase, write_prepared
from fidelity.maps.saliency_map import MapRecord, SaliencyMap, render, write_maps
from fidelity.masks.run_lengths import encode, write_masks

STATISTICS = {
    "primary": "iou",
    "primary_binarization": "fixed50",
    "compared": ["iou", "dice", "hausdorff_full", "pointing_game", "roc_auc"],
    "replicates": 300,
    "seed": 1,
    "permutations": 999,
    "cluster": "patient",
    "alpha": 0.05,
    "margin": 0.05,
}
EXPLAINERS = {
    "lime": 0.36,
    "gradcam": 0.28,
    "gradcam_plus_plus": 0.31,
    "integrated_gradients": 0.16,
    "lung_mask": 0.52,
    "centre_prior": 0.2,
    "random_superpixels": 0.12,
}
FAMILIES = {
    "lime": "perturbation",
    "gradcam": "cam",
    "gradcam_plus_plus": "cam",
    "integrated_gradients": "gradient",
    "lung_mask": "baseline",
    "centre_prior": "baseline",
    "random_superpixels": "baseline",
    "unet": "ceiling",
}
NO_CLASSIFIER = {"lung_mask", "centre_prior", "random_superpixels", "unet"}
IMAGE_AREA = 256 * 256
CLASSES = ("COVID-19", "Non-COVID")


def scores(level: float, cases: int = 60, seed: int = 0) -> pd.DataFrame:
    """Make up scores of one explainer: two classes, two images per patient, some empty masks."""
    shared, own = np.random.default_rng(1), np.random.default_rng(seed)
    rows = []
    for number in range(cases):
        ease = shared.normal(0, 0.13)
        empty_reference = number % 29 == 28
        empty_prediction = bool(own.uniform() < 0.04)
        iou = float(np.clip(level + ease + own.normal(0, 0.06), 0, 0.95))
        iou = 0.0 if empty_prediction else iou
        iou = float("nan") if empty_reference else iou
        rows.append(
            {
                "case": f"case_{number:03d}",
                "patient": f"p{number // 2:02d}",
                "split": "test",
                "class": CLASSES[number % 2],
                "target_class": CLASSES[number % 2],
                "target_is_predicted": True,
                "probability": round(0.5 + 0.45 * (number * 7 % 10) / 9, 3),
                "correct": number % 5 != 0,
                "status": "ok",
                "empty_prediction": empty_prediction,
                "reference": "mask",
                "empty_reference": empty_reference,
                "reference_area": 0 if empty_reference else 400 + 97 * (number * 11 % 23),
                "image_area": IMAGE_AREA,
                "iou": iou,
                "dice": 2 * iou / (1 + iou),
                "hausdorff_full": 181.0 if empty_prediction else 130 - 100 * iou,
                "iou_nan": float("nan") if empty_prediction else iou,
                "false_positive_share": 0.1 if empty_reference else float("nan"),
            }
        )
    return pd.DataFrame(rows)


def combined(explainers: dict[str, float] = EXPLAINERS, cases: int = 60) -> pd.DataFrame:
    """Make up scores of all explainers, with the columns that name the combination of each row."""
    parts = []
    for binarization, shift in (("fixed50", 0.0), ("top20", 0.05)):
        for number, (name, level) in enumerate(explainers.items()):
            needs = name not in NO_CLASSIFIER
            part = scores(level + shift, cases, number)
            part.insert(0, "dataset", "demo")
            part.insert(1, "classifier", "resnet18" if needs else "none")
            part.insert(2, "explainer", name)
            part.insert(3, "binarization", binarization)
            part.insert(4, "protocol", "default")
            parts.append(part)
    return pd.concat(parts, ignore_index=True)


def written_cohort(paths: list[str], cases_csv: str) -> dict:
    """Write the case table that score files belong to; return what `summarize` should expect."""
    rows = pd.concat([pd.read_parquet(path) for path in paths])
    found = {}
    for row in rows.itertuples():
        cls = row[rows.columns.get_loc("class") + 1]
        masks = found.setdefault((row.split, row.case, row.patient), {})
        masks[cls] = f"{row.case}.png"
    cases = [
        Case(case, patient, split, tuple(masks), f"{case}.png", masks=masks)
        for (split, case, patient), masks in found.items()
    ]
    write_cases(cases_csv, cases)
    return {
        "annotated": sorted(rows["class"].unique()),
        "splits": sorted(rows["split"].unique()),
        "incomplete": [],
        "partial": False,
    }


def ranking(level: float, cases: int = 60, seed: int = 0) -> pd.DataFrame:
    """Make up threshold-free scores of one explainer, with the columns of ranking.parquet."""
    table = scores(level, cases, seed)
    own = np.random.default_rng(seed + 100)
    metrics = ["iou", "dice", "hausdorff_full", "iou_nan", "false_positive_share"]
    inside = table["iou"].fillna(0).to_numpy() + own.normal(0, 0.1, len(table))
    undefined = table["empty_reference"].to_numpy()
    table = table.drop(columns=metrics)
    return table.assign(
        pointing_game=np.where(undefined, np.nan, (inside > 0.25).astype(float)),
        roc_auc=np.where(undefined, np.nan, np.clip(0.5 + inside, 0, 1)),
    )


def study(
    folder: Path,
    explainers: dict[str, float] = EXPLAINERS,
    classifiers: tuple[str, ...] = ("net-s1", "net-s2"),
    binarizations: tuple[str, ...] = ("fixed50", "area"),
    cases: int = 40,
) -> tuple[list[str], list[dict[str, str]]]:
    """Write score and ranking files of a study with training seeds; return paths and combos."""
    paths, combos = [], []
    for place, (name, level) in enumerate(explainers.items()):
        for number, classifier in enumerate(["none"] if name in NO_CLASSIFIER else classifiers):
            for binarization in (*binarizations, "none"):
                maker = ranking if binarization == "none" else scores
                table = maker(level + 0.02 * number, cases, 10 * place + number)
                if classifier == "none":
                    table = table.assign(probability=np.nan, correct=pd.NA)
                table["correct"] = table["correct"].astype("boolean")
                paths.append(str(folder / f"{len(paths)}.parquet"))
                table.to_parquet(paths[-1])
                combos.append(
                    {
                        "dataset": "demo",
                        "classifier": classifier,
                        "explainer": name,
                        "binarization": binarization,
                        "protocol": "default",
                    }
                )
    return paths, combos


def curves(level: float, cases: int = 30, seed: int = 0) -> pd.DataFrame:
    """Make up threshold curves of one explainer."""
    base = scores(level, cases, seed).fillna(0)
    grid = np.linspace(0, 1, 101)
    peak = 0.25 + 0.5 * level
    parts = []
    for row in base.itertuples():
        iou = row.iou * np.exp(-(((grid - peak) / 0.35) ** 2)) * (1 - grid**8)
        parts.append(
            pd.DataFrame(
                {
                    "case": row.case,
                    "patient": row.patient,
                    "split": "test",
                    "class": row.target_class,
                    "target_class": row.target_class,
                    "threshold": grid,
                    "iou": iou,
                    "dice": 2 * iou / (1 + iou),
                    "reference": row.reference,
                    "reference_empty": row.empty_reference,
                }
            )
        )
    return pd.concat(parts, ignore_index=True)


def training() -> pd.DataFrame:
    """Make up a log of twelve epochs in two stages."""
    epochs = np.arange(1, 13)
    rng = np.random.default_rng(0)
    val_loss = 0.9 * np.exp(-epochs / 4) + 0.15 + 0.002 * epochs**1.5 + rng.normal(0, 0.02, 12)
    return pd.DataFrame(
        {
            "epoch": epochs,
            "stage": [0] * 4 + [1] * 8,
            "learning_rate": 0.001,
            "train_loss": 1.0 * np.exp(-epochs / 3.5) + 0.05,
            "train_accuracy": 1 - 0.5 * np.exp(-epochs / 3),
            "val_loss": val_loss,
            "val_accuracy": 0.95 - 0.45 * np.exp(-epochs / 3) + rng.normal(0, 0.01, 12),
            "best": (val_loss == val_loss.min()).astype(int),
        }
    )


def confusion() -> pd.DataFrame:
    """Make up a confusion matrix of three classes."""
    counts = [[18, 1, 1], [2, 17, 1], [0, 1, 19]]
    names = [*CLASSES, "Normal"]
    head = {"dataset": "demo", "split": "test", "classifier": "resnet18"}
    return pd.DataFrame(
        {**head, "true": true, "predicted": p, "n": n}
        for true, line in zip(names, counts, strict=True)
        for p, n in zip(names, line, strict=True)
    )


def calibration() -> pd.DataFrame:
    """Make up a calibration table of ten bins; the lowest bins are empty."""
    low = np.arange(10) / 10
    n = np.array([0, 0, 0, 1, 2, 4, 5, 8, 12, 28])
    confidence = np.where(n > 0, low + 0.06, np.nan)
    return pd.DataFrame(
        {
            "dataset": "demo",
            "split": "test",
            "classifier": "resnet18",
            "bin_low": low,
            "bin_high": low + 0.1,
            "n": n,
            "confidence": confidence,
            "accuracy": np.clip(confidence - 0.05 + 0.08 * np.sin(9 * low), 0, 1),
        }
    )


def gallery_files(folder: Path, explainers: dict[str, float] = EXPLAINERS, cases: int = 12) -> dict:
    """Write prepared cases, maps, masks and scores. Return the arguments of the gallery script."""
    rng = np.random.default_rng(3)
    height, width, side = 150, 180, 96
    box = (0, 15, 150, 165)
    prepared, records, masks, tables = [], {}, {}, {}
    for name in explainers:
        records[name], masks[name], tables[name] = [], {}, scores(0.3, cases).assign(iou=0.0)
    yy, xx = np.mgrid[:height, :width] / np.array([height, width])[:, None, None]
    for number in range(cases):
        cls = CLASSES[number % 2]
        cy, cx = rng.uniform(0.35, 0.7), rng.choice([0.33, 0.67])
        reference = ((yy - cy) / 0.14) ** 2 + ((xx - cx) / 0.09) ** 2 < 1
        lungs = (((xx - 0.33) / 0.13) ** 2 + ((yy - 0.5) / 0.33) ** 2 < 1) | (
            ((xx - 0.67) / 0.13) ** 2 + ((yy - 0.5) / 0.33) ** 2 < 1
        )
        image = 170 - 110 * lungs + 70 * reference + rng.normal(0, 9, (height, width))
        image = cv2.GaussianBlur(np.clip(image, 0, 255).astype(np.uint8), (0, 0), 2)
        y0, x0, y1, x1 = box
        prepared.append(
            PreparedCase(
                f"case_{number:03d}",
                f"p{number // 2:02d}",
                "test",
                (cls,),
                cv2.resize(image[y0:y1, x0:x1], (side, side)),
                None,
                (height, width),
                box,
                {cls: encode(reference)},
                None,
                "0",
            )
        )
        for place, (name, level) in enumerate(explainers.items()):
            spread = 0.12 + 0.1 * rng.uniform()
            off = max(0.5 - level, 0.02) * 0.4
            my, mx = cy + rng.normal(0, off), cx + rng.normal(0, off)
            dense = np.exp(-(((yy - my) ** 2 + (xx - mx) ** 2) / spread**2))[y0:y1, x0:x1]
            if name == "lung_mask":
                saliency = SaliencyMap("binary", lungs[y0:y1, x0:x1].astype(float))
            elif name in ("lime", "random_superpixels"):
                grid = np.arange(side) // 12
                segments = grid[:, None] * 8 + grid
                weights = cv2.resize(dense, (8, 8), interpolation=cv2.INTER_AREA).ravel()
                saliency = SaliencyMap("superpixels", weights, segments)
            elif name.startswith("gradcam"):
                saliency = SaliencyMap("grid", cv2.resize(dense, (7, 7)))
            else:
                saliency = SaliencyMap("dense", cv2.resize(dense, (side, side)))
            case = prepared[-1].case
            if place == 3 and number == 0:
                records[name].append(MapRecord(case, cls, cls, "failed", "made up", 0.1))
                continue
            records[name].append(MapRecord(case, cls, cls, "ok", "", 0.1, {}, saliency))
            mask = render(saliency, box, (height, width)) > 0.5
            masks[name].setdefault(case, {})[cls] = encode(mask)
            iou = (mask & reference).sum() / (mask | reference).sum()
            tables[name].loc[number, "iou"] = iou
    write_prepared(folder / "test-000.h5", prepared, {"image_size": side, "classes": list(CLASSES)})
    entries = []
    for name in explainers:
        write_maps(folder / f"{name}.h5", records[name], {})
        write_masks(folder / f"{name}.json", masks[name])
        tables[name].to_parquet(folder / f"{name}.parquet")
        entries.append(
            {
                "explainer": name,
                "maps": [str(folder / f"{name}.h5")],
                "masks": str(folder / f"{name}.json"),
                "scores": str(folder / f"{name}.parquet"),
            }
        )
    return {"prepared": [str(folder / "test-000.h5")], "explainers": entries}
