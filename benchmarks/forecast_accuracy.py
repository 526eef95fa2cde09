"""How good forecasts are on real series, beside AutoETS and per-series Prophet on the same origins, and how well their intervals hold.

    python -m benchmarks.forecast_accuracy [CASE...] [--origins N] [--final]

Without `--final` the last two origins of each case are left untouched: settle everything on the others first. AutoETS and Prophet are read
from what `forecast_baselines` kept; one that is not kept for all of the origins is left out. Scaled pinball loss: mean over the quantiles
.025 .1 .25 .5 .75 .9 .975, in units of the seasonal naive error before the origin, at least 1 unit. All models are clipped at 0 and at the
same cap.
Prints one JSON object a case.
"""

import argparse
import json
import sys
import time

import numpy as np
import polars as pl

from benchmarks.forecast_baselines import path_of
from benchmarks.forecast_data import CASES, Case
from forecasting.engine import MODELS, MOST_RATIO, Context, fit, predict, transformed
from forecasting.engine import quantiles as quantiles_at
from forecasting.metrics import QUANTILES, naive_scale, pinball
from forecasting.panel import panel
from forecasting.segments import name

BASELINES = ("autoets", "prophet")
BOOTSTRAPS = 1_000
LEAST_POINTS = 2_000


def bootstrap(ours: np.ndarray, theirs: np.ndarray, chance: np.random.Generator) -> list[float]:
    """95 % interval of ours against theirs, series drawn in pairs. Both: sum of losses by series."""
    drawn = chance.integers(0, len(ours), (BOOTSTRAPS, len(ours)))
    ratios = ours[drawn].sum(axis=1) / theirs[drawn].sum(axis=1) - 1.0
    return [round(float(value), 4) for value in np.quantile(ratios, (0.025, 0.975))]


def measure(key: str, case: Case, origins: list[int]) -> dict[str, object]:
    """The figures of a case."""
    whole = panel(case.history, case.freq, case.covariates)
    losses: dict[str, list[pl.DataFrame]] = {}
    sums: dict[str, np.ndarray] = {}
    inside, levels, codes, widths, chosen = [], [], [], [], np.zeros(len(MODELS), np.int64)
    chance, seconds = np.random.default_rng(0), 0.0
    kept_for_all = [baseline for baseline in BASELINES if all(path_of(key, baseline, origin).exists() for origin in origins)]
    for origin in origins:
        known = whole.until(origin)
        start = time.perf_counter()
        context = Context.of(known)
        fitted = fit(known, case.horizon, 0, context=context)
        predicted = predict(fitted, known, context, case.horizon)
        mean, quantiles = predicted.mean, quantiles_at(fitted, predicted, QUANTILES)
        seconds += time.perf_counter() - start
        chosen += np.bincount(predicted.model.ravel(), minlength=len(MODELS))
        began = np.flatnonzero(whole.first < origin)
        y = whole.y[began, origin : origin + case.horizon].astype(np.float64)
        naive = naive_scale(known.y, case.season)
        most = np.nanmax(known.y, axis=1, keepdims=True).astype(np.float64) * MOST_RATIO
        forecasts = {"ours": (mean, quantiles)}
        for baseline in kept_for_all:
            kept = pl.read_parquet(path_of(key, baseline, origin))
            its = np.stack([kept[f"q{number}"].to_numpy().reshape(y.shape) for number in range(len(QUANTILES))], axis=2)
            forecasts[baseline] = (np.clip(kept["mean"].to_numpy().reshape(y.shape), 0.0, most), np.clip(its, 0.0, most[:, :, None]))
        for model_name, (middle, levels_of) in forecasts.items():
            loss = pinball(y.ravel(), levels_of.reshape(-1, len(QUANTILES))).reshape(y.shape) / naive[:, None]
            losses.setdefault(model_name, []).append(pl.DataFrame({"id": known.ids, "loss": loss.sum(axis=1), "n": y.shape[1]}))
            sums[model_name] = sums.get(model_name, np.zeros(3)) + np.array([middle.sum(), y.sum(), np.abs(y - middle).sum()])
        inside.append(((y >= quantiles[:, :, 1]) & (y <= quantiles[:, :, 5])).ravel())
        widths.append((quantiles[:, :, 5] - quantiles[:, :, 1]).ravel())
        codes.append(predicted.segment.ravel())
        level = transformed(fitted, predicted, y, chance.random(y.shape)).ravel()
        levels.append((level > 0.1) & (level <= 0.9))
    by_model = {
        model_name: pl.concat(parts).group_by("id").agg(pl.col("loss", "n").sum()).sort("id") for model_name, parts in losses.items()
    }
    result: dict[str, object] = {
        "case": case.name,
        "origins": len(origins),
        "series": by_model["ours"].height,
        "points": int(by_model["ours"]["n"].sum()),
        "seconds_an_origin": round(seconds / len(origins), 1),
        "chosen": {model_name: round(float(share), 3) for model_name, share in zip(MODELS, chosen / chosen.sum(), strict=True)},
    }
    for model_name, by_series in by_model.items():
        forecast_units, units, off = sums[model_name]
        result[model_name] = {
            "scaled_pinball": round(float(by_series["loss"].sum() / by_series["n"].sum()), 4),
            "bias": round(float(forecast_units / units - 1), 4),
            "wape": round(float(off / units), 4),
        }
        if model_name != "ours":
            ours, theirs = by_model["ours"]["loss"].to_numpy(), by_series["loss"].to_numpy()
            result[f"against_{model_name}"] = [round(float(ours.sum() / theirs.sum() - 1), 4), bootstrap(ours, theirs, chance)]
    result["calibration"] = calibration(np.concatenate(codes), np.concatenate(levels), np.concatenate(inside), np.concatenate(widths))
    return result


def calibration(code: np.ndarray, level: np.ndarray, inside: np.ndarray, width: np.ndarray) -> dict[str, object]:
    """By segments with enough points: the share that the 80 % interval holds, randomised, raw, and its mean width."""
    rows = {}
    for one in np.unique(code):
        mine = code == one
        if mine.sum() >= LEAST_POINTS:
            rows[name(int(one))] = [
                round(float(level[mine].mean()), 3),
                round(float(inside[mine].mean()), 3),
                round(float(width[mine].mean()), 1),
            ]
    good = [76 <= 100 * row[0] <= 84 for row in rows.values()]
    fair = [70 <= 100 * row[0] <= 90 for row in rows.values()]
    return {"segments": len(rows), "within_76_84": sum(good), "within_70_90": sum(fair), "held_raw_width": rows}


def main() -> None:
    """Run and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("cases", nargs="*", default=list(CASES))
    parser.add_argument("--origins", type=int, default=0, help="only so many of them, the newest")
    parser.add_argument("--final", action="store_true", help="the last two origins too")
    given = parser.parse_args()
    for key in given.cases:
        case = CASES[key]()
        origins = case.origins if given.final else case.origins[:-2]
        sys.stdout.write(json.dumps(measure(key, case, origins[-given.origins :]), indent=1) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
