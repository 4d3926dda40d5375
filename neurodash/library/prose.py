"""Markdown with source marks: `{{ result corrini2023-balance }}`, `{{ guideline KALB-01 }}`, `{{ expert }}`.

A number in a brief never stands alone. Two rules are held here:

* an effect is never typed: the text refers to a result, and the page shows what the row says;
* any other number names its source in the same paragraph, list item or table row.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from html import escape

import nh3
from markdown_it import MarkdownIt
from markdown_it.rules_inline import StateInline
from markdown_it.token import Token

from neurodash.errors import Problem, did_you_mean

SHOWN_IN_FULL = ("result", "instrument")  # these show a value in the line; the others are small references
MAX_SENTENCE = 600  # characters. Ours: three times what anybody can follow
MARK_KINDS = ("result", "review", "guideline", "precaution", "instrument", "expert")

_TAGS = {
    "p", "ul", "ol", "li", "strong", "em", "a", "br", "table", "thead", "tbody", "tr", "th", "td",
    "h4", "blockquote", "code", "span", "div", "img", "hr",
}  # fmt: skip
_ATTRIBUTES = {
    "*": {"class"},
    "a": {"href", "id", "title", "aria-label"},
    "span": {"title", "lang"},
    "div": {"role", "tabindex", "aria-label"},
    "img": {"src", "alt", "loading"},
    "th": {"scope"},
    "td": {"data-label"},
    "ol": {"start"},
}

# What reads as the size of an effect. Each pattern is tried on one sentence with the marks taken out.
# Every repetition is bounded: a hostile text costs no more than an honest one.
_NUMBER = r"[-−+]?(?:\d{1,9}(?:\.\d{1,9})?|\.\d{1,9})"
_BENEFIT = (
    r"(?:improv|gain|reduc|rais|increas|decreas|lower|faster|slower|stronger|better|worse|fewer|fell|rose|cut|drop"
    r"|benefit|difference|chang|effect)\w{0,12}"
)
_DOSE_WORDS = (
    r"(?:load|weight|volume|dose|minute|session|set|rep|repetition|band|rest|duration|stretch|rung|hour|day|week|kg)s?"
)
_EFFECT_PATTERNS = tuple(
    re.compile(pattern)
    for pattern in (
        # a named statistic and its value; OR and ES are told from words by their capitals
        rf"\b(?:SMD|SRM|WMD|MD|RR|OR|ES|IRR|HR)\b[^.]{{0,30}}?{_NUMBER}",
        rf"(?i)\b(?:Hedges[’']?\s?g|Cohen[’']?s?\s?d|effect sizes?|odds ratio|risk ratio|rate ratio|mean difference"
        rf"|correlation)\b[^.]{{0,30}}?{_NUMBER}",
        rf"(?i)\b(?:[gdrpk]|I2|I²|τ²|tau2)\s?[=<>≤≥]\s?{_NUMBER}",
        r"(?i)\b9[059](?:\.\d)?\s?%?\s?(?:CI|CrI|confidence|credible|interval)",
        # an estimate with its interval
        rf"[(\[]\s*{_NUMBER}\s*[,;]\s*{_NUMBER}\s*(?:to|–|-)\s*{_NUMBER}\s*[)\]]",
        rf"{_NUMBER}\s*[(\[]\s*{_NUMBER}\s*(?:to|,|;|–|-)\s*{_NUMBER}\s*[)\]]",
        r"(?i)\d\s?(?:m/s|metres? (?:per|a) second)",
        r"(?i)\d\s?(?:%|percent|per cent)\s+(?:\w{1,15}\s+)?(?:improvement|gain|reduction|increase|decrease|faster|slower"
        r"|stronger|better|fewer)",
        rf"(?i)\b(?:{_NUMBER}|two|three|four|five|ten)[- ]?(?:fold|times)\s+(?:as|faster|stronger|better|more|less|fewer)",
        # points, seconds and metres gained; halves, thirds and "three in ten"
        rf"(?i)\b(?:gain|rose|rise|improv|drop|fell|reduc|lower)\w{{0,10}}\s+(?:\w{{1,15}}\s+){{0,3}}?{_NUMBER}\s*(?:points?|seconds?|metres?|m|s)\b",
        r"(?i)\b(?:halv|doubl|tripl)\w{0,4}\s+(?:the\s+)?(?:\w{1,15}\s+)?(?:number|risk|rate|falls?|speed|strength|fatigue|chance)",
        r"(?i)\bby\s+(?:about\s+)?(?:a|one|two)[\s-]+(?:thirds?|quarters?|half|halves|fifths?)\b",
        r"(?i)\b\w{1,8}\s+(?:in|out of)\s+(?:ten|five|four|three|\d{1,6})\s+(?:people\s+)?(?:improv|got|gain|benefit|respond)",
        r"(?i)\b(?:twice|half)\s+as\s+(?:strong|fast|many|much|likely|steady)",
    )
)
_BENEFIT_BY_NUMBER = re.compile(
    rf"\b(?P<verb>{_BENEFIT})\b(?P<between>[^.;:]{{0,50}}?)"
    rf"(?:\b(?:by|of|is|was|to be|about|around|roughly|nearly|averag\w{1, 6})\s+){{1,3}}{_NUMBER}\s*(?P<unit>[%\w/]{{0,12}})",
    re.IGNORECASE,
)
# Digits that are names, not numbers: T25FW, 6MWT, MSWS-12, EDSS 3.5, PDDS 0-3, "2-for-2".
_NAMES_WITH_DIGITS = re.compile(
    r"\b(?:EDSS|PDDS)\s*\d(?:\.\d)?(?:\s*(?:to|-|–|and|or)\s*\d(?:\.\d)?)?(?:\s+(?:and|or)\s+(?:above|below|more|less))?"
    r"|\b[A-Za-z]{1,20}-?\d{1,6}[A-Za-z]{0,10}\b|\b\d{1,6}[A-Z]{2,10}\b|\b2-for-2\b"
    r"|\b(?:Timed\s+)?\d{1,4}-(?:Foot|Metre|Meter|Minute|Second|Item)\b|\b5 times sit to stand\b",
    re.IGNORECASE,
)
_SENTENCE_END = re.compile(r"(?<=[.!?])\s+")


@dataclass(frozen=True)
class Mark:
    """A source mark in a text: its kind, the id it points to (empty for `expert`) and its line."""

    kind: str
    id: str
    line: int


@dataclass(frozen=True)
class Prose:
    """A stretch of checked Markdown. Compared by its source; the tokens are how it was understood."""

    source: str
    line: int = 1
    tokens: tuple[Token, ...] = field(default=(), compare=False, repr=False)

    @cached_property
    def marks(self) -> tuple[Mark, ...]:
        return tuple(
            Mark(child.meta["kind"], child.meta["id"], line)
            for child, line in _inline(self.tokens)
            if child.type == "mark"
        )

    @cached_property
    def images(self) -> tuple[tuple[str, str, int], ...]:
        """Each picture in the text as (address, alt text, line)."""
        return tuple(
            (str(child.attrs.get("src", "")), child.content, line)
            for child, line in _inline(self.tokens)
            if child.type == "image"
        )

    @cached_property
    def words(self) -> int:
        return len(self.plain.split())

    @cached_property
    def plain(self) -> str:
        """The text alone, marks and formatting left out."""
        return " ".join(_text(token) for token in self.tokens if token.type == "inline")

    def html(self, mark: Callable[[Mark], str], image: Callable[[str], str] = str, inline: bool = False) -> str:
        """The prose as clean HTML. `mark` draws a source mark, `image` gives a picture's address.

        With `inline` the surrounding paragraph is left out, for a sentence inside a line.
        """
        tokens = [_wired(token, mark, image) for token in _labelled(self.tokens)]
        if inline:
            tokens = [token for token in tokens if token.type not in ("paragraph_open", "paragraph_close")]
        html: str = _MARKDOWN.renderer.render(tokens, _MARKDOWN.options, {})
        return nh3.clean(html, tags=_TAGS, attributes=_ATTRIBUTES, link_rel="noopener", url_schemes={"http", "https"})


def parse(source: str, line: int, where: str) -> tuple[Prose, list[Problem]]:
    """Read Markdown that begins at `line` of the file `where`.

    Returns the prose and every problem in it: HTML, an unknown mark, a picture without alt text,
    a link that is neither http(s) nor inside the site, a number without a source.
    """
    tokens = tuple(_MARKDOWN.parse(source))
    prose = Prose(source, line, tuple(_moved(tokens, line - 1)))
    return prose, list(_problems(prose, where))


def headings(prose: Prose) -> list[tuple[int, str, int, int]]:
    """The headings as (level, text, line, index of the heading's first token)."""
    return [
        (int(token.tag[1]), _text(prose.tokens[index + 1]), _line(token), index)
        for index, token in enumerate(prose.tokens)
        if token.type == "heading_open"
    ]


def cut(prose: Prose, start: int, end: int | None = None) -> Prose:
    """The tokens from `start` to `end` as prose of their own."""
    part = prose.tokens[start:end]
    return Prose(prose.source, _line(part[0]) if part else prose.line, part)


def effect_typed(text: str) -> str | None:
    """The first stretch of `text` that states the size of an effect in digits, or `None`."""
    for sentence in _sentences(text):
        for pattern in _EFFECT_PATTERNS:
            if found := pattern.search(sentence):
                return found.group(0).strip()
        for match in _BENEFIT_BY_NUMBER.finditer(sentence):
            around = match["between"] + " " + match["unit"]
            if not re.search(rf"\b{_DOSE_WORDS}\b", around, re.IGNORECASE):
                return match.group(0).strip()
    return None


def _sentences(text: str) -> list[str]:
    """Sentences with single blanks; one that is too long for a reader is looked at in pieces."""
    plain = _SENTENCE_END.split(" ".join(text.split()))
    return [s[start : start + MAX_SENTENCE] for s in plain for start in range(0, len(s) or 1, MAX_SENTENCE)]


def has_number(text: str) -> bool:
    """Whether a digit is left once names that merely contain digits are taken out."""
    return bool(re.search(r"\d", _NAMES_WITH_DIGITS.sub(" ", text)))


# How it is understood


def _mark_rule(state: StateInline, silent: bool) -> bool:
    if not state.src.startswith("{{", state.pos):
        return False
    end = state.src.find("}}", state.pos)
    if end < 0 or "{" in state.src[state.pos + 2 : end]:
        return False
    if not silent:
        kind, _, target = state.src[state.pos + 2 : end].strip().partition(" ")
        token = state.push("mark", "", 0)
        token.meta = {"kind": kind, "id": target.strip()}
    state.pos = end + 2
    return True


def _markdown() -> MarkdownIt:
    # HTML is parsed only in order to be refused by name; it is never rendered.
    md = MarkdownIt("commonmark", {"html": True, "typographer": True}).enable(["table", "replacements", "smartquotes"])
    md.validateLink = lambda url: True  # type: ignore[method-assign]  # judged by us, so that an editor hears of it
    md.inline.ruler.before("link", "mark", _mark_rule)
    md.add_render_rule("mark", lambda self, tokens, idx, options, env: tokens[idx].content)
    return md


_MARKDOWN = _markdown()


def _moved(tokens: Iterable[Token], by: int) -> Iterator[Token]:
    for token in tokens:
        if token.map:
            token.map = [token.map[0] + by, token.map[1] + by]
        yield token


def _line(token: Token) -> int:
    return token.map[0] + 1 if token.map else 0


def _inline(tokens: Iterable[Token]) -> Iterator[tuple[Token, int]]:
    """Every inline token with its line."""
    row = 0
    for token in tokens:
        if token.type == "tr_open":
            row = _line(token)
        if token.type != "inline":
            continue
        line = _line(token) or row
        for child in token.children or ():
            yield child, line
            line += child.type in ("softbreak", "hardbreak")


def _text(token: Token) -> str:
    parts = []
    for child in token.children or ():
        if child.type in ("softbreak", "hardbreak", "mark"):
            parts.append(" ")
        elif child.type in ("text", "code_inline"):
            parts.append(child.content)
    return "".join(parts).strip()


_TABLE = '<div class="table stacked" role="region" tabindex="0" aria-label="Table"><table>'


def _labelled(tokens: Sequence[Token]) -> Iterator[Token]:
    """Each cell carries its column's name, for screens on which a row is shown as a list."""
    labels: list[str] = []
    column, in_head = 0, False
    for index, token in enumerate(tokens):
        match token.type:
            case "thead_open":
                labels, in_head = [], True
            case "thead_close":
                in_head = False
            case "tr_open":
                column = 0
            case "th_open" if in_head:
                labels.append(_text(tokens[index + 1]))
            case "td_open":
                token = token.copy(attrs={"data-label": labels[column] if column < len(labels) else ""})
                column += 1
        yield token


def _snug(children: Sequence[Token]) -> Iterator[Token]:
    """A reference stands right behind its word: no blank before it, so that no line begins with one."""
    for token, after in zip(children, [*children[1:], None], strict=True):
        is_before_reference = after is not None and after.type == "mark" and after.meta["kind"] not in SHOWN_IN_FULL
        if is_before_reference and token.type == "text":
            yield token.copy(content=token.content.rstrip() or "\u2009")  # two references keep a thin space
        elif not (is_before_reference and token.type == "softbreak"):
            yield token


def _wired(token: Token, mark: Callable[[Mark], str], image: Callable[[str], str]) -> Token:
    """A copy with the marks drawn, so that one parsed text can be shown in several ways."""
    if token.type == "inline" and token.children:
        return token.copy(children=[_wired(child, mark, image) for child in _snug(token.children)])
    if token.type == "mark":
        return token.copy(content=mark(Mark(token.meta["kind"], token.meta["id"], 0)))
    if token.type == "image":
        return token.copy(attrs={**token.attrs, "src": image(str(token.attrs.get("src", ""))), "loading": "lazy"})
    if token.type == "table_open":
        # A wide table scrolls by itself; the frame can be reached and moved with the keyboard.
        return Token("html_block", "", 0, content=_TABLE)
    if token.type == "table_close":
        return Token("html_block", "", 0, content="</table></div>")
    if token.type == "th_open":
        return token.copy(attrs={"scope": "col"})
    if token.type in ("html_block", "html_inline"):
        return token.copy(content=escape(token.content))
    return token


# What is wrong with it


def _problems(prose: Prose, where: str) -> Iterator[Problem]:
    for token in prose.tokens:
        if token.type == "html_block":
            yield _html_problem(where, _line(token), token.content)
        elif token.type in ("fence", "code_block"):
            yield Problem(f"{where}:{_line(token)}", "a block of code", "sentences")
    for child, line in _inline(prose.tokens):
        if child.type == "text" and ("{{" in child.content or "}}" in child.content):
            yield Problem(
                f"{where}:{line}", f"a mark that is not closed: “{_shorten(child.content, 40)}”", "{{ kind ID }}"
            )
        elif child.type == "html_inline":
            yield _html_problem(where, line, child.content)
        elif child.type == "mark":
            yield from _mark_problems(child, f"{where}:{line}")
        elif child.type == "link_open":
            yield from _link_problems(str(child.attrs.get("href", "")), f"{where}:{line}")
        elif child.type == "image" and not _text(child):
            yield Problem(
                f"{where}:{line}",
                f"a picture without alt text: {child.attrs.get('src', '')}",
                "![what the picture tells](file)",
            )
    for line, text, sourced in _blocks(prose.tokens):
        yield from number_problems(text, sourced, f"{where}:{line}")


def number_problems(text: str, sourced: bool, where: str) -> Iterator[Problem]:
    """An effect typed by hand, or a number whose block names no source."""
    if any(len(sentence) > MAX_SENTENCE for sentence in _SENTENCE_END.split(text)):
        yield Problem(where, f"a sentence of more than {MAX_SENTENCE} characters", "shorter sentences")
    if typed := effect_typed(text):
        yield Problem(
            where,
            f"an effect is typed: “{typed}”",
            "a reference such as {{ result REVIEW-OUTCOME }}, whose numbers come from its row",
        )
    elif not sourced and has_number(text):
        yield Problem(
            where,
            f"a number without a source: “{_shorten(text)}”",
            "a source mark in the same paragraph, list item or table row: "
            "{{ guideline ID }}, {{ precaution ID }}, {{ instrument ID }}, {{ result ID }}, {{ review ID }} or {{ expert }}",
        )


def _blocks(tokens: Sequence[Token]) -> Iterator[tuple[int, str, bool]]:
    """Each paragraph, list item or table row as (line, text, whether it holds a mark).

    A cell under the heading EDSS names a band, not a number.
    """
    texts: list[str] = []
    labels: list[str] = []
    depth, marks, first, column, cell = 0, False, 0, -1, ""
    for index, token in enumerate(tokens):
        if token.type == "thead_open":
            labels = []
        if token.type in ("th_open", "td_open"):
            column, cell = column + 1, token.type
            if token.type == "th_open":
                labels.append(_text(tokens[index + 1]))
        if token.type in ("tr_open", "list_item_open"):
            depth, column = depth + 1, -1
            if depth == 1:
                texts, marks, first = [], False, _line(token)
        elif token.type in ("tr_close", "list_item_close"):
            depth -= 1
            if depth == 0:
                yield first, " ".join(texts), marks
        elif token.type in ("td_close", "th_close"):
            cell = ""
        elif token.type == "inline":
            marked = any(child.type == "mark" for child in token.children or ())
            if not depth:
                yield _line(token), _text(token), marked
            else:
                is_band = cell == "td_open" and labels[column : column + 1] == ["EDSS"]
                texts.append("" if is_band else _text(token))
                marks = marks or marked


def _html_problem(where: str, line: int, content: str) -> Problem:
    return Problem(
        f"{where}:{line}",
        f"HTML in Markdown: {_shorten(content)}",
        "Markdown only; write &lt; for a plain “less than” sign",
    )


def _mark_problems(token: Token, where: str) -> Iterator[Problem]:
    kind, target = token.meta["kind"], token.meta["id"]
    if kind not in MARK_KINDS:
        yield Problem(where, f"an unknown mark {{{{ {kind} }}}}", ", ".join(MARK_KINDS), did_you_mean(kind, MARK_KINDS))
    elif kind == "expert" and target:
        yield Problem(where, f"{{{{ expert {target} }}}}", "{{ expert }} alone")
    elif kind != "expert" and not target:
        yield Problem(where, f"{{{{ {kind} }}}} points nowhere", f"{{{{ {kind} ID }}}}")


def _link_problems(href: str, where: str) -> Iterator[Problem]:
    if not re.match(r"https?://|/(?!/)|#", href):
        yield Problem(
            where,
            f"a link to {href or 'nothing'}",
            "https://…, a page of this site such as /about/, or #part",
        )


def _shorten(text: str, length: int = 80) -> str:
    text = " ".join(text.split())
    return text if len(text) <= length else text[: length - 1] + "…"
