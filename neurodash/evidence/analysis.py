"""What every analysis hands back: a frozen object that says how it was made and turns into a dict or a DataFrame."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import special

from neurodash.errors import DataError, Problem, did_you_mean

Floats = npt.NDArray[np.floating[Any]]
NOT_KNOWN = math.nan  # a number that does not exist here; None in a dict


@dataclass(frozen=True)
class Note:
    """Something the reader of an analysis must know: a stable `code` and a sentence."""

    code: str
    text: str

    def __str__(self) -> str:
        return self.text


@dataclass(frozen=True, kw_only=True)
class Analysis:
    """The common part of every result. `call` is the call that made it, as it could be typed again."""

    call: str = ""
    notes: tuple[Note, ...] = field(default=(), repr=False)

    def to_dict(self) -> dict[str, Any]:
        """Plain numbers, texts and lists, ready for JSON; a number that does not exist is None."""
        return {f.name: _plain(getattr(self, f.name)) for f in dataclasses.fields(self)}

    def to_frame(self) -> Any:
        """A pandas DataFrame: one row for an analysis, one row a trial (or term) where it has them.

        Raises DataError where pandas is not installed.
        """
        try:
            import pandas as pd  # noqa: PLC0415  not needed by the program itself
        except ImportError:
            raise DataError(
                [Problem("to_frame", "no pandas", "an environment with pandas", "pip install pandas")]
            ) from None
        return pd.DataFrame(self._rows())

    def _rows(self) -> list[dict[str, Any]]:
        """One row; the arrays of a single analysis stay out of it."""
        return [
            {
                name: value
                for name, value in self.to_dict().items()
                if not isinstance(value, list | dict) and name != "call"
            }
        ]


def _plain(value: Any) -> Any:
    if isinstance(value, np.ndarray):
        return [_plain(item) for item in value.tolist()]
    if isinstance(value, np.generic):
        return _plain(value.item())
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Note):
        return {"code": value.code, "text": value.text}
    if isinstance(value, Analysis):
        return value.to_dict()
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, tuple | list):
        return [_plain(item) for item in value]
    return value


def call_of(name: str, /, *data: str, **settings: Any) -> str:
    """`pool(yi, vi, method='REML', level=95)`: settings that are None are left out."""
    told = [*data, *(f"{key}={value!r}" for key, value in settings.items() if value is not None)]
    return f"{name}({', '.join(told)})"


# Input


def trials(yi: Any, vi: Any, labels: Sequence[str] | None = None) -> tuple[Floats, Floats, tuple[str, ...]]:
    """Effects and sampling variances as arrays of shape (k,), and a name for each trial.

    Raises DataError naming every trial whose effect is not a finite number or whose variance is not above 0.
    """
    y, v = column(yi, "yi"), column(vi, "vi")
    if y.shape != v.shape:
        raise DataError([Problem("vi", f"{v.size} values", f"{y.size}, one for each effect")])
    if y.size == 0:
        raise DataError([Problem("yi", "no trials", "at least one effect with its sampling variance")])
    names = tuple(str(label) for label in labels) if labels is not None else tuple(str(i + 1) for i in range(y.size))
    if len(names) != y.size:
        raise DataError([Problem("labels", f"{len(names)} names", f"{y.size}, one for each effect")])
    good_y, good_v = np.isfinite(y), np.isfinite(v) & (v > 0)
    if (good_y & good_v).all():
        return y, v, names
    problems = [Problem(f"trial {names[i]}, yi", shown(y[i]), "a finite number") for i in np.flatnonzero(~good_y)]
    problems += [
        Problem(
            f"trial {names[i]}, vi",
            shown(v[i]),
            "a sampling variance above 0",
            "A standard error of 0 means that it was rounded away or not read: leave the trial out, or find it.",
        )
        for i in np.flatnonzero(~good_v)
    ]
    raise DataError(problems)


def column(values: Any, name: str) -> Floats:
    """Numbers of shape (k,); a missing one is NaN. Raises DataError where something is no number."""
    try:
        listed = values if isinstance(values, np.ndarray) else [math.nan if x is None else x for x in values]
        found = np.array(listed, dtype=np.float64)  # a copy, whatever becomes of the caller's array
    except (TypeError, ValueError):
        listed = list(values) if isinstance(values, Sequence) else [values]
        bad = [i for i, x in enumerate(listed) if not _is_number(x)]
        raise DataError(
            [Problem(f"{name}[{i}]", f"“{listed[i]}”", "a number") for i in bad]
            or [Problem(name, f"{type(values).__name__}", "a list of numbers")]
        ) from None
    if found.ndim != 1:
        raise DataError([Problem(name, f"a table of shape {found.shape}", "one number for each trial")])
    return found


def _is_number(value: Any) -> bool:
    try:
        float(value)
    except (TypeError, ValueError):
        return value is None
    return True


def one_of(name: str, value: str, known: Sequence[str]) -> str:
    """The value, if it is one of those known. Raises DataError."""
    if value not in known:
        raise DataError([Problem(name, f"“{value}”", ", ".join(known), did_you_mean(str(value), known))])
    return value


def level_of(level: float) -> float:
    """The level of an interval in per cent. Raises DataError outside 50 to 99.99."""
    if not (isinstance(level, int | float) and 50 <= level <= 99.99):
        raise DataError([Problem("level", f"{level}", "a level in per cent from 50 to 99.99, such as 95")])
    return float(level)


def shown(value: Any) -> str:
    """A number as an error message shows it."""
    if isinstance(value, float | np.floating):
        return "nothing" if math.isnan(value) else f"{value:g}"
    return f"{value}"


# Quantiles and tails, from scipy.special: scipy.stats takes a second to load


def quantile(level: float, df: float | Floats | None = None) -> Any:
    """The two-sided quantile of the normal, or of Student's t with `df` degrees of freedom, at `level` per cent.

    With infinite degrees of freedom t is the normal.
    """
    upper = 1 - (1 - level / 100) / 2
    if df is None:
        return special.ndtri(upper)
    if np.size(df) == 1:
        return special.stdtrit(df, upper)
    distinct, which = np.unique(df, return_inverse=True)  # a quantile is a search: one for each df, not each analysis
    return special.stdtrit(distinct, upper)[which]


def two_sided(statistic: Any, df: float | Floats | None = None) -> Any:
    """The two-sided p value of a z, or of a t with `df` degrees of freedom."""
    tail = -np.abs(statistic)
    return 2 * (special.ndtr(tail) if df is None else special.stdtr(df, tail))


# How numbers are printed


def figure(value: float, places: int = 4) -> str:
    """`0.4612`, `not known` where it does not exist, scientific where it would lose its digits."""
    if value is None or not math.isfinite(value):
        return "not known"
    if value != 0 and (abs(value) < 10**-places / 2 or abs(value) >= 1e7):
        return f"{value:.{places}g}".replace("-", "−")
    return f"{value:.{places}f}".replace("-", "−")


def p_figure(p: float) -> str:
    """`< 0.0001` or four decimals."""
    if p is None or not math.isfinite(p):
        return "not known"
    return "< 0.0001" if p < 0.0001 else f"= {p:.4f}"


def table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A plain table: the first column to the left, numbers to the right."""
    widths = [max(len(row[i]) for row in [header, *rows]) for i in range(len(header))]

    def line(cells: Sequence[str]) -> str:
        first, *rest = (cell.ljust(widths[0]) if i == 0 else cell.rjust(widths[i]) for i, cell in enumerate(cells))
        return "  ".join([first, *rest]).rstrip()

    return "\n".join([line(header), *(line(row) for row in rows)])
