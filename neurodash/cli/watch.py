"""`neurodash evidence watch`, and `list`, `accept`, `dismiss` for what it found."""

from __future__ import annotations

import contextlib
import datetime as dt
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from neurodash.cli.common import UNUSABLE, content_option, day_of, day_option, fail, load
from neurodash.errors import DataError, Problem

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from neurodash.watch.inbox import Inbox, Item
    from neurodash.watch.watching import Outcome

DEFAULT_INBOX = Path("inbox.jsonl")  # in the folder the editor stands in: it is theirs, not the library's

inbox_option = click.option(
    "--inbox", "inbox_file", type=click.Path(path_type=Path, dir_okay=False), metavar="FILE",
    help=f"Where finds are kept (default: {DEFAULT_INBOX} in this folder).",
)  # fmt: skip


@click.group(invoke_without_command=True)
@inbox_option
@click.option(
    "--email",
    envvar="NEURODASH_EMAIL",
    default="",
    metavar="ADDRESS",
    help="Yours; both services ask for it. Also NEURODASH_EMAIL.",
)
@click.option(
    "--api-key",
    envvar="NEURODASH_NCBI_API_KEY",
    default="",
    metavar="KEY",
    help="Of your NCBI account: 10 requests a second instead of 3. Also NEURODASH_NCBI_API_KEY.",
)
@click.option("--brief", "briefs", multiple=True, metavar="SLUG", help="Only this brief; may be given several times.")
@content_option
@day_option
@click.option("--pubmed", default="", metavar="URL", help="Another address of the E-utilities.")
@click.option("--crossref", default="", metavar="URL", help="Another address of Crossref's interface.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.pass_context
def watch(
    context: click.Context,
    inbox_file: Path | None,
    email: str,
    api_key: str,
    briefs: Sequence[str],
    folders: Sequence[Path],
    on: dt.datetime | None,
    pubmed: str,
    crossref: str,
    as_json: bool,
) -> None:
    """Ask PubMed and Crossref for newer reviews and for retraction notices.

    Each finding is asked about from the newest search behind its verdict on, later from the last watch on. What is
    new goes into an inbox file for an editor; our content is never changed. A run that broke off is taken up where
    it stopped. Exits 2 where a service gave no answer; what the other one said is kept.
    """
    if context.invoked_subcommand is not None:
        return
    from neurodash.watch import crossref as crossref_room
    from neurodash.watch import inbox as inboxes
    from neurodash.watch import pubmed as pubmed_room
    from neurodash.watch import watching
    from neurodash.watch.client import Client

    path = inbox_file or DEFAULT_INBOX
    try:
        _refuse_without(email, api_key)
        client = Client(email)
        library = load(folders)
        with inboxes.locked(path), _progress() as tell:
            inbox = inboxes.read(path)
            outcome = watching.run(
                library,
                inbox,
                pubmed_room.PubMed(client, pubmed or pubmed_room.ADDRESS, api_key),
                crossref_room.Crossref(client, crossref or crossref_room.ADDRESS),
                day_of(on),
                briefs,
                tell,
            )
    except DataError as error:
        fail(error, UNUSABLE)
    if as_json:
        click.echo(json.dumps(_outcome_as_json(outcome, inbox), indent=2, ensure_ascii=False))
    else:
        _print_outcome(outcome, inbox)
    if outcome.problems:
        for problem in outcome.problems:
            click.echo(str(problem), err=True)
        sys.exit(UNUSABLE)


@watch.command("list")
@inbox_option
@click.option("--all", "everything", is_flag=True, help="Also what was accepted or dismissed.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.pass_context
def list_items(context: click.Context, inbox_file: Path | None, everything: bool, as_json: bool) -> None:
    """Show what waits in the inbox."""
    inbox = _read(_path(context, inbox_file))
    items = list(inbox.items.values()) if everything else inbox.waiting
    if as_json:
        click.echo(json.dumps([_as_json(item) for item in items], indent=2, ensure_ascii=False))
        return
    for item in items:
        _print_item(item)
    waiting = len(inbox.waiting)
    click.echo(f"{waiting} item{'' if waiting == 1 else 's'} waiting in {_printable(str(inbox.path))}.")
    if waiting:
        click.echo("Next: neurodash evidence watch accept ITEM --into DIR, or dismiss ITEM --reason TEXT")


@watch.command("accept")
@click.argument("item")
@click.option(
    "--into", required=True, type=click.Path(path_type=Path, file_okay=False), metavar="DIR",
    help="Your content folder; its evidence/ tables get the row.",
)  # fmt: skip
@inbox_option
@content_option
@click.option("--id", "name", default="", metavar="ID", help="A review_id of your choice (default: surname and year).")
@click.option("--class", "classes", multiple=True, metavar="CODE", help="The training, where a finding names several.")
@click.option(
    "--for", "findings", multiple=True, metavar="FINDING", help="Only for this finding, as the list shows it."
)
@click.option(
    "--date", type=click.DateTime(["%Y-%m-%d"]), metavar="DATE", help="The day of a notice, where it is not known."
)
@click.option("--kind", type=click.Choice(["retraction", "expression_of_concern"]), help="What a notice comes to.")
@click.option("--doi", default="", metavar="DOI", help="The DOI of the publication a notice is about.")
@click.pass_context
def accept(
    context: click.Context,
    item: str,
    into: Path,
    inbox_file: Path | None,
    folders: Sequence[Path],
    name: str,
    classes: Sequence[str],
    findings: Sequence[str],
    date: dt.datetime | None,
    kind: str | None,
    doi: str,
) -> None:
    """Write ITEM as a new row into the tables of your content folder.

    A review's row has every number empty and votes for nothing until you fill them in from the paper.
    """
    from neurodash.watch import accepting
    from neurodash.watch import inbox as inboxes

    path = _path(context, inbox_file)
    choice = accepting.Choice(
        id=name, classes=tuple(classes), findings=tuple(findings), date=date.date() if date else None,
        says=kind or "", doi=doi,
    )  # fmt: skip
    try:
        accepting.refuse_our_content(into)
        with inboxes.locked(path):
            inbox = inboxes.read(path)
            found = inbox.get(item)
            among = into.resolve() in [folder.resolve() for folder in folders]
            library = load([*folders, *([into] if into.exists() and not among else [])])
            if isinstance(found, inboxes.ReviewItem):
                table, rows = "reviews.csv", accepting.accept_review(found, library, into, choice)
            else:
                table, rows = "retractions.csv", accepting.accept_notice(found, library, into, choice)
            inbox.settle(found, "accepted", rows=rows)
            inbox.save()
    except DataError as error:
        fail(error, UNUSABLE)
    click.echo(f"Wrote {', '.join(rows)} into {_printable(str(into / 'evidence' / table))}.")
    if table == "reviews.csv":
        click.echo(
            f"Read the paper and fill in the numbers, then: neurodash library check --content {_printable(str(into))}"
        )


@watch.command("dismiss")
@click.argument("item")
@click.option("--reason", required=True, metavar="TEXT", help="Why it is not needed; kept with it.")
@inbox_option
@click.pass_context
def dismiss(context: click.Context, item: str, reason: str, inbox_file: Path | None) -> None:
    """Put ITEM aside for good: it never comes back, and the inbox keeps why."""
    from neurodash.watch import inbox as inboxes
    from neurodash.watch.records import clean

    path = _path(context, inbox_file)
    try:
        why = clean(reason, 600)
        if not why:
            raise DataError([Problem("--reason", "nothing", "a few words another editor will understand")])
        with inboxes.locked(path):
            inbox = inboxes.read(path)
            inbox.settle(inbox.get(item), "dismissed", reason=why)
            inbox.save()
    except DataError as error:
        fail(error, UNUSABLE)
    click.echo(f"Dismissed {item}: {why}")


# Shared


def _refuse_without(email: str, api_key: str) -> None:
    problems = []
    if not email:
        mend = "NCBI asks for an address with every request, to write to you before it blocks you; Crossref does too."
        problems.append(Problem("--email", "no e-mail address", "--email you@example.org or NEURODASH_EMAIL", mend))
    if api_key and not (api_key.isascii() and api_key.isalnum() and len(api_key) <= 100):
        problems.append(Problem("--api-key", "something else", "the letters and digits of an NCBI key"))
    if problems:
        raise DataError(problems)


def _path(context: click.Context, inbox_file: Path | None) -> Path:
    """The subcommand's --inbox, or the one given before its name."""
    before = context.parent.params.get("inbox_file") if context.parent else None
    return inbox_file or before or DEFAULT_INBOX


def _read(path: Path) -> Inbox:
    from neurodash.watch import inbox as inboxes

    try:
        if not path.exists():
            mend = "Run neurodash evidence watch first, or name it with --inbox."
            raise DataError([Problem(str(path), "no such file", "an inbox", mend)])
        return inboxes.read(path)
    except DataError as error:
        fail(error, UNUSABLE)


def _printable(text: str) -> str:
    return "".join(char if char.isprintable() else " " for char in text)


@contextlib.contextmanager
def _progress() -> Iterator[Callable[[int, int, str], None]]:
    """A bar on a terminal, nothing in a pipe or a log."""
    if not sys.stderr.isatty():
        yield lambda done, steps, name: None
        return
    from rich.console import Console
    from rich.markup import escape
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

    columns = (BarColumn(), MofNCompleteColumn(), TextColumn("{task.description}"))
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("", total=None)
        yield lambda done, steps, name: bar.update(
            task, completed=done, total=steps, description=escape(_printable(name))
        )


# Showing


def _print_outcome(outcome: Outcome, inbox: Inbox) -> None:
    for name in outcome.new:
        _print_item(inbox.items[name])
    for note in outcome.notes:
        click.echo(_printable(note))
    if outcome.skipped:
        click.echo(f"Took up the last run: {outcome.skipped} of {outcome.steps} questions had been answered.")
    answered = outcome.skipped + outcome.asked - len(outcome.problems)
    new = f"{len(outcome.new)} new" if outcome.new else "Nothing new"
    where = _printable(str(inbox.path))
    click.echo(f"{new}; {len(inbox.waiting)} waiting in {where}. {answered} of {outcome.steps} questions answered.")
    if not outcome.finished:
        click.echo("Everything found so far is kept. The same command asks only what is missing.")


def _print_item(item: Item) -> None:
    from neurodash import wording
    from neurodash.watch.accepting import link
    from neurodash.watch.inbox import ReviewItem

    def say(*parts: str) -> None:
        click.echo(f"    {_printable(' · '.join(part for part in parts if part))}")

    dealt = (
        f" ({item.state}{f': {item.reason}' if item.reason else ''}{': ' + ', '.join(item.rows) if item.rows else ''})"
    )
    head = item.title if isinstance(item, ReviewItem) else f"{_kind(item.says, item.word)}: {item.citation}"
    click.echo(_printable(f"{item.item:<4}{head}{dealt if item.state != 'new' else ''}"))
    named = (
        f"doi {item.doi}" if item.doi else "",
        f"PMID {item.pmid}" if item.pmid else "",
        f"by {' and '.join(item.by)}",
    )
    if isinstance(item, ReviewItem):
        say(", ".join(item.authors[:3]) + (" et al" if len(item.authors) > 3 else ""))
        say(f"{item.journal or 'journal not known'} {item.year or 'year not known'}", *named)
        if item.looks_like:
            say(f"perhaps {item.looks_like} of the tables, which has no DOI or PMID: look before you accept it")
    else:
        missing = "; accept it with --date YYYY-MM-DD once you know it"
        say(f"published {wording.date(item.date)}" if item.date else f"day {wording.NOT_KNOWN}{missing}", *named)
        if item.says is None:
            say("accept it with --kind retraction or --kind expression_of_concern once you have read it")
        if item.doi is None:
            say("the DOI of the publication is not known; accept it with --doi DOI")
    say(f"for {wording.joined(list(item.findings))}")
    say(link(item) or "" if isinstance(item, ReviewItem) else item.source)


def _kind(says: str | None, word: str) -> str:
    return {"retraction": "Retracted", "expression_of_concern": "Expression of concern"}.get(
        says or "", f"Notice ({word.replace('_', ' ')})"
    )


def _as_json(item: Item) -> dict[str, Any]:
    from neurodash.watch.accepting import link

    return {**item.model_dump(mode="json"), "link": link(item)}


def _outcome_as_json(outcome: Outcome, inbox: Inbox) -> dict[str, Any]:
    return {
        "inbox": str(inbox.path),
        "finished": outcome.finished,
        "questions": outcome.steps,
        "asked": outcome.asked,
        "answered_before": outcome.skipped,
        "new": [_as_json(inbox.items[name]) for name in outcome.new],
        "waiting": len(inbox.waiting),
        "notes": outcome.notes,
        "problems": [str(problem) for problem in outcome.problems],
    }
