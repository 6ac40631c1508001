"""Linear mixed models of scores, with random intercepts of patients and cases."""

import warnings
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

# A variance component below this share of the residual variance counts as zero, so the fit is
# singular. The optimizer works on standard deviations and approaches zero only slowly.
SINGULAR = 1e-4
FEWEST_UNITS = 5
# Minimum number of cases per coefficient.
CASES_PER_TERM = 5
# A column is a linear combination of earlier columns if they leave less than this share of its
# length unexplained.
ALIASED = 1e-9


@dataclass(frozen=True)
class Fit:
    """A fitted mixed model.

    Attributes:
        status: `ok`, `singular`, `not_converged` or `too_few`.
        note: reason if the status is not `ok`, or a remark on the fit.
        terms: rows term, estimate, std_error, ci_low, ci_high, p_value; empty unless `ok`.
            Variances have only an estimate.
    """

    status: str
    note: str
    terms: list[dict[str, Any]] = field(default_factory=list)


def fit_mixed_model(rows: pd.DataFrame, *, alpha: float) -> Fit:
    """Fit score ~ explainer × classifier with a random intercept per case within patient.

    Args:
        rows: `score` (finite), `explainer` and `classifier` (categorical; the first category is
            the reference), `patient`, `case`.

    Returns:
        The fit (statsmodels' MixedLM, REML, treatment coding). If no patient has two cases, the
        intercepts of case and patient are the same and listed once. A fit on the boundary of its
        parameters (a random intercept without variance) is `singular`, and its numbers are not
        reported.
    """
    factors = [name for name in ("explainer", "classifier") if rows[name].nunique() > 1]
    cells = int(rows[["explainer", "classifier"]].drop_duplicates().shape[0])
    units = rows["patient"].nunique()
    if not factors or units < FEWEST_UNITS or len(rows) <= cells + 2:
        return Fit("too_few", f"{units} units in {cells} cells of explainer × classifier")
    if cells < np.prod([rows[name].nunique() for name in factors]):
        return Fit("singular", "not every explainer was scored with every classifier")
    nested = bool((rows.groupby("patient")["case"].nunique() > 1).any())
    return _fitted(rows, " * ".join(factors), nested, alpha)


def _fitted(rows: pd.DataFrame, formula: str, nested: bool, alpha: float) -> Fit:
    # Imported here because statsmodels takes seconds, and most jobs with this module fit no model.
    from statsmodels.regression.mixed_linear_model import MixedLM
    from statsmodels.tools.sm_exceptions import ConvergenceWarning

    components = {"case": "0 + C(case)"} if nested else None
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            model = MixedLM.from_formula(
                f"score ~ {formula}",
                rows,
                groups="patient",
                # Explicit, because a variance component alone would remove the patient's intercept.
                re_formula="1",
                vc_formula=components,
            )
            if repeated := aliased(model.exog, model.exog_names):
                return _rank_deficient(repeated)
            result = model.fit(reml=True)
        except np.linalg.LinAlgError:
            return Fit("singular", "the design or a variance matrix is singular")
    variances = {"variance: patient": float(result.cov_re.iloc[0, 0])}
    if nested:
        variances["variance: case within patient"] = float(result.vcomp[0])
    variances["variance: residual"] = float(result.scale)
    zero = [name for name, value in variances.items() if not value > SINGULAR * result.scale]
    messages = [str(w.message) for w in caught if issubclass(w.category, ConvergenceWarning)]
    hessian = [message for message in messages if "Hessian" in message]
    if zero or hessian:
        return Fit("singular", f"estimated as zero: {', '.join(zero)}" if zero else hessian[0])
    if not result.converged or np.isnan(result.bse_fe.to_numpy()).any():
        return Fit("not_converged", messages[0] if messages else "the optimizer did not converge")
    terms = _terms(result, result.fe_params, result.bse_fe, alpha)
    terms += [{"term": name, "estimate": value} for name, value in variances.items()]
    return Fit("ok", "", terms)


def _terms(
    result: Any, estimates: pd.Series, errors: pd.Series, alpha: float
) -> list[dict[str, Any]]:
    """List the coefficients of a fit with standard error, interval and p value."""
    intervals = result.conf_int(alpha=alpha)
    return [
        {
            "term": name,
            "estimate": float(estimate),
            "std_error": float(errors[name]),
            "ci_low": float(intervals.loc[name, 0]),
            "ci_high": float(intervals.loc[name, 1]),
            "p_value": float(result.pvalues[name]),
        }
        for name, estimate in estimates.items()
    ]


def fit_regression(
    rows: pd.DataFrame, covariates: Sequence[str], factors: Sequence[str], *, alpha: float
) -> Fit:
    """Fit score ~ covariates + factors with a random intercept per case within patient.

    Args:
        rows: `score`, `patient`, `case`, the covariates (numbers) and the factors (text); finite.
        covariates: each is divided by its standard deviation. A coefficient is thus the change of
            the score per standard deviation. A covariate without spread is left out.
        factors: treatment coded; a factor with a single level is left out.

    Returns:
        The fit; see `Fit`. If no patient has two rows, the fit is by least squares with robust
        errors (HC3), and the note states this.
    """
    spread = rows[list(covariates)].std(ddof=1)
    used = [name for name in covariates if spread[name] > 0]
    kept = [name for name in factors if rows[name].nunique() > 1]
    units = rows["patient"].nunique()
    if not used or units < max(FEWEST_UNITS, CASES_PER_TERM * (1 + len(used) + len(kept))):
        return Fit("too_few", f"{units} units for {len(used)} covariates")
    data = rows.copy()
    data[used] = (rows[used] - rows[used].mean()) / spread[used]
    terms = [*used, *(f"C({name})" for name in kept)]
    if len(data) > units:
        nested = bool((data.groupby("patient")["case"].nunique() > 1).any())
        repeated = data["case"].duplicated().any()
        return _fitted(data, " + ".join(terms), nested and repeated, alpha)
    return _least_squares(data, " + ".join(terms), alpha)


def _least_squares(data: pd.DataFrame, formula: str, alpha: float) -> Fit:
    from statsmodels.regression.linear_model import OLS

    model = OLS.from_formula(f"score ~ {formula}", data)
    if repeated := aliased(model.exog, model.exog_names):
        return _rank_deficient(repeated)
    # HC3 divides by 1 - leverage, so every coefficient must depend on more than one row.
    leverage = np.sum(np.linalg.qr(model.exog)[0] ** 2, axis=1)
    alone = leverage > 1 - ALIASED
    if alone.any():
        terms = ", ".join(aliased(model.exog[~alone], model.exog_names))
        return Fit("singular", f"one row alone decides a coefficient (leverage 1): {terms}")
    result = model.fit(cov_type="HC3")
    terms = _terms(result, result.params, result.bse, alpha)
    return Fit("ok", "one row per patient: least squares with robust errors (HC3)", terms)


def aliased(design: np.ndarray, names: Sequence[str]) -> list[str]:
    """Name the columns of a design (n, columns) that are linear combinations of earlier ones."""
    kept = np.empty((len(design), 0))
    found = []
    for name, column in zip(names, design.T, strict=True):
        # Project twice, because one projection leaves rounding errors along the earlier columns.
        rest = column - kept @ (kept.T @ column)
        rest -= kept @ (kept.T @ rest)
        length = np.linalg.norm(rest)
        if length <= ALIASED * np.linalg.norm(column):
            found.append(name)
        else:
            kept = np.column_stack([kept, rest / length])
    return found


def _rank_deficient(names: Sequence[str]) -> Fit:
    return Fit("singular", f"these columns follow from the others: {', '.join(names)}")
