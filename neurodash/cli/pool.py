"""`neurodash evidence pool`."""

from __future__ import annotations

import contextlib
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import click

from neurodash.cli.common import UNUSABLE, write
from neurodash.errors import DataError, Problem

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from neurodash.cli.pool_page import Parts
    from neurodash.evidence.trial_columns import Trials, Wish

EACH_AT_MOST = 1_000  # trials up to which the pooling is done again for each, or each is held against each other
FIGURES = (".svg", ".pdf")
ONE_LINE = 1_000  # trials from which JSON is written without indentation


@click.command()
@click.argument("file", type=click.Path(path_type=Path), metavar="FILE.csv")
@click.option("--metric", metavar="CODE", help="SMD, MD, ROM, RR, OR, RD, IRR, ZCOR, PLO and others: docs/pooling.md.")
@click.option("--yi", metavar="COL", help="The column of effects, where they are given.")
@click.option("--vi", metavar="COL", help="The column of their sampling variances.")
@click.option("--sei", metavar="COL", help="The column of their standard errors, instead of variances.")
@click.option("--method", default="REML", show_default=True, metavar="NAME",
              help="Of tau²: DL, HE, HS, SJ, PM, ML, REML, EB; or CE, one common effect.")  # fmt: skip
@click.option("--test", default="knha", show_default=True, metavar="NAME",
              help="knha (Knapp and Hartung), adhoc (the same, never narrower than z), or z.")  # fmt: skip
@click.option("--level", default=95.0, show_default=True, metavar="PERCENT", help="Of every interval.")
@click.option("--by", metavar="COL", help="Pool each group of this column, and test whether they differ.")
@click.option("--moderator", "moderators", multiple=True, metavar="COL",
              help="Regress the effects on this column; may be given several times.")  # fmt: skip
@click.option("--label", metavar="COL", help="The column that names the trials.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.option("--forest", type=click.Path(path_type=Path, dir_okay=False), metavar="FILE.svg|.pdf",
              help="Write a forest plot.")  # fmt: skip
@click.option(
    "--bias", is_flag=True, help="Do small trials tell another story? Egger, rank test, trim and fill, PET-PEESE."
)
@click.option("--leave-one-out", is_flag=True, help="Pool again without each trial.")
@click.option("--influence", is_flag=True, help="What each trial does to the result.")
@click.option("--cumulative", metavar="COL", help="Pool trial by trial in the order of this column, such as the year.")
@click.option("--leave-out-unusable", is_flag=True, help="Leave out rows that cannot be used, and list them.")
@click.option("--separator", metavar="NAME", help="comma, semicolon, tab or pipe (default: found out, and said).")
@click.option("--decimal", metavar="NAME", help="point or comma (default: found out, and said).")
def pool(file: Path, **options: Any) -> None:
    """Pool the trials of a table, and print the analysis as a page or as JSON.

    A row is a trial. Columns such as m1 sd1 n1 m2 sd2 n2, events1 n1 events2 n2, or yi with vi, sei or ci_low and ci_high
    are known by their names; docs/pooling.md has them all. Exits 2 if the input cannot be used.
    """
    import numpy as np

    from neurodash.cli import pool_page
    from neurodash.evidence.trial_file import clean

    with np.errstate(all="ignore"):  # what cannot be computed is said in the notes
        try:
            figure: Path | None = options["forest"]
            _refuse_place(figure, file)
            parts = _analysed(_read(file, _wish(options)), options)
            if figure is not None:
                _draw(figure, parts)
        except DataError as error:
            _refuse(error)
        if options["as_json"]:
            told = pool_page.as_json(parts, None if figure is None else str(figure))
            indent = 2 if parts.pooled.k < ONE_LINE else None
            click.echo(json.dumps(told, indent=indent, ensure_ascii=False, allow_nan=False))
            return
        click.echo(pool_page.page(parts))
    if figure is not None:
        click.echo(f"\nThe forest plot is in {clean(str(figure))}.")


# In


def _wish(options: Mapping[str, Any]) -> Wish:
    from neurodash.evidence.trial_columns import Wish

    same = ("metric", "yi", "vi", "sei", "label", "by", "separator", "decimal", "leave_out_unusable")
    return Wish(
        **{name: options[name] for name in same},
        moderators=tuple(options["moderators"]),
        order=options["cumulative"],
    )


def _read(file: Path, wish: Wish) -> Trials:
    from neurodash.evidence.trial_columns import read_trials
    from neurodash.evidence.trial_file import MAX_BYTES
    from neurodash.library.reading import read_bytes

    if file.is_dir():
        raise DataError([Problem(str(file), "a folder", "a CSV file")])
    return read_trials(read_bytes(file, str(file), MAX_BYTES), str(file), wish)


# The analysis


def _analysed(trials: Trials, options: Mapping[str, Any]) -> Parts:
    from neurodash import evidence
    from neurodash.cli.pool_page import Parts
    from neurodash.evidence.analysis import level_of, one_of
    from neurodash.evidence.heterogeneity import METHODS
    from neurodash.evidence.pooling import TESTS
    from neurodash.pictures import plots

    effects, k = trials.effects, trials.effects.k
    settings: dict[str, Any] = {
        "method": one_of("--method", options["method"].upper(), METHODS),
        "test": one_of("--test", options["test"].lower(), TESTS),
        "level": level_of(options["level"]),
    }
    if options["forest"] is not None and k > plots.MOST_ROWS:
        mend = "Pool groups of trials, or leave --forest out."
        raise DataError([Problem("--forest", f"{k:,} trials", f"at most {plots.MOST_ROWS}, one a line", mend)])
    parts = Parts(trials=trials, pooled=evidence.pool(effects, **settings))
    if k > 1:
        with contextlib.suppress(DataError):  # variances too far apart for a typical one
            parts.interval = evidence.heterogeneity_interval(effects, level=settings["level"])

    def attempt(name: str, make: Callable[[], Any], each: bool = False) -> None:
        """What was asked for, or why these trials do not allow it."""
        try:
            if each and k > EACH_AT_MOST:
                told = f"{k:,} trials"
                raise DataError([Problem(f"--{name.replace('_', '-')}", told, f"at most {EACH_AT_MOST:,}")])
            parts.made[name] = make()
        except DataError as error:
            parts.refused[name] = "; ".join(str(problem) for problem in error.problems[:3])
        except (ArithmeticError, ValueError):  # LinAlgError is a ValueError
            parts.refused[name] = "the numbers in the file are too far apart to compute it"

    if trials.groups is not None:
        own, which = _those_with(trials, [trials.groups])
        by = [trials.groups[i] for i in which]
        attempt("subgroups", lambda: evidence.subgroups(own, by=by, **settings))
    if trials.moderators:
        own_too, among = _those_with(trials, list(trials.moderators.values()))
        moderators = {name: [values[i] for i in among] for name, values in trials.moderators.items()}
        attempt("regression", lambda: evidence.regress(own_too, None, moderators, **settings))
    if options["bias"]:
        attempt("bias", lambda: evidence.bias(effects, method=settings["method"], level=settings["level"]), each=True)
    if options["leave_one_out"]:
        attempt("leave_one_out", lambda: evidence.leave_one_out(effects, **settings), each=True)
    if options["influence"]:
        how = {"method": settings["method"], "test": settings["test"]}
        attempt("influence", lambda: evidence.influence(effects, **how), each=True)
    if trials.order is not None:
        ordered, at = _those_with(trials, [trials.order])
        order = [value for i in at if (value := trials.order[i]) is not None]
        attempt("cumulative", lambda: evidence.cumulative(ordered, None, order, **settings), each=True)
    return parts


def _those_with(trials: Trials, columns: Sequence[Sequence[Any]]) -> tuple[Any, list[int]]:
    """The effects of the trials that have a value in each of the columns, and which trials those are."""
    import dataclasses

    effects = trials.effects
    which = [i for i in range(effects.k) if all(values[i] is not None for values in columns)]
    if not which:
        raise DataError([Problem("--by, --moderator, --cumulative", "no value in any trial", "at least one")])
    labels = tuple(effects.labels[i] for i in which)
    return dataclasses.replace(effects, yi=effects.yi[which], vi=effects.vi[which], labels=labels, notes=()), which


# Out


def _refuse_place(figure: Path | None, file: Path) -> None:
    if figure is None:
        return
    where = f"--forest {figure}"
    if figure.suffix.lower() not in FIGURES:
        found = f"the ending “{figure.suffix}”" if figure.suffix else "no ending"
        raise DataError([Problem(where, found, " or ".join(FIGURES))])
    if figure.is_dir():
        raise DataError([Problem(where, "a folder", "a file")])
    if not figure.parent.is_dir():
        raise DataError([Problem(where, f"no folder {figure.parent}", "a folder that exists")])
    with contextlib.suppress(OSError):
        if figure.samefile(file):
            raise DataError([Problem(where, "the file of trials itself", "another file")])


def _draw(figure: Path, parts: Parts) -> None:
    from neurodash.cli.pool_page import sentence
    from neurodash.evidence.trial_file import clean
    from neurodash.pictures import plots

    title = f"Forest plot: {clean(Path(parts.trials.facts['name']).name)}"
    grouped = parts.trials.groups is not None and None not in parts.trials.groups  # every trial has its place
    try:
        svg = plots.forest_of(parts.pooled, title, parts.made.get("subgroups") if grouped else None)
    except (ArithmeticError, ValueError):
        problem = Problem("--forest", "numbers too large or too far apart to be drawn", "numbers that can be pooled")
        raise DataError([problem]) from None
    data = svg.encode()
    if figure.suffix.lower() == ".pdf":
        from neurodash.documents.figure import pdf

        data = pdf(svg, title, sentence(parts))
    write(figure, data, "--forest")


def _refuse(error: DataError) -> NoReturn:
    """Print the problems, bounded, and how many there are in all."""
    for problem in error.problems:
        click.echo(str(problem), err=True)
    in_all = getattr(error, "in_all", len(error.problems))
    if in_all > len(error.problems):
        click.echo(f"… and {in_all - len(error.problems):,} more.", err=True)
    click.echo(f"{in_all:,} problem{'' if in_all == 1 else 's'}.", err=True)
    sys.exit(UNUSABLE)
