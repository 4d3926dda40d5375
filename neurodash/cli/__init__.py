"""The command line: `neurodash serve`, `export`, `library check|new`, `evidence verify|pool|watch`, `plan make|check|explain`."""

from __future__ import annotations

import sys
from typing import Any

import click

import neurodash
from neurodash.cli.common import UNUSABLE
from neurodash.cli.evidence import evidence
from neurodash.cli.library import library
from neurodash.cli.people import people
from neurodash.cli.plan import plan
from neurodash.cli.pool import pool
from neurodash.cli.record import COMMANDS as RECORD
from neurodash.cli.site import export, serve
from neurodash.cli.watch import watch


class _Quiet(click.Group):
    """Where a file or a pipe fails us, one line and exit 2: never a traceback that a script reads as a verdict."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except BrokenPipeError:
            raise
        except OSError as error:
            where = error.filename or "output"
            click.echo(f"{where}: {error.strerror or error}; accepted: a place we may read and write", err=True)
            sys.exit(UNUSABLE)


@click.group(cls=_Quiet, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(neurodash.__version__, prog_name="neurodash")
def main() -> None:
    """NeuroDash: briefs for neuro-rehabilitation whose findings are checked by the program."""


evidence.add_command(watch)
evidence.add_command(pool)
for command in (serve, export, library, evidence, plan, people, *RECORD):
    main.add_command(command)
