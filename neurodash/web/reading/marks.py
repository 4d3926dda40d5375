"""Source marks as a reader meets them: results in words, sources as numbered references."""

from __future__ import annotations

from dataclasses import dataclass, field

from django.utils.html import format_html
from django.utils.safestring import SafeString, mark_safe

from neurodash import wording
from neurodash.library import Library, Mark, Precaution, Prose
from neurodash.pictures import charts


@dataclass(frozen=True)
class Source:
    """One numbered entry of a brief's list of sources."""

    number: int
    label: str
    text: str
    url: str
    row: str


# No link: sixty more stops for somebody who walks the page by keyboard would explain nothing more.
EXPERT = mark_safe('<span class="ej" title="Expert judgement">EJ</span>')


def _is_judgement(row: Precaution) -> bool:
    """A precaution whose source nobody opened is a clinician's rule, and looks like one."""
    return row.citation.casefold().startswith("expert judgement")


@dataclass
class References:
    """Numbers the sources of one page in the order in which they are met."""

    library: Library
    image_folder: str = ""
    _sources: dict[tuple[str, str], Source] = field(default_factory=dict)
    has_expert: bool = False

    def html(self, prose: Prose, inline: bool = False) -> SafeString:
        return mark_safe(prose.html(self.mark, self._image, inline=inline))  # noqa: S308  cleaned by nh3

    @property
    def sources(self) -> list[Source]:
        return list(self._sources.values())

    def _image(self, name: str) -> str:
        return f"/content/{self.image_folder}/{name}"

    def mark(self, mark: Mark) -> str:
        """A source mark as HTML."""
        match mark.kind:
            case "expert":
                self.has_expert = True
                return EXPERT
            case "result":
                result = self.library.results[mark.id]
                return format_html('<a class="figure" href="/evidence/{}/">{}</a>', mark.id, charts.estimate(result))
            case "instrument":
                row = self.library.instruments[mark.id]
                shown = wording.value(row.value, row.value_unit)
                return format_html('<a class="figure" href="/sources/instruments/#{}">{}</a>', mark.id, shown)
            case "precaution" if _is_judgement(self.library.precautions[mark.id]):
                self.has_expert = True
                return format_html(
                    '<a class="ej" href="/sources/precautions/#{}" aria-label="Expert judgement, {}">EJ</a>',
                    mark.id,
                    mark.id,
                )
            case _:
                is_first = (mark.kind, mark.id) not in self._sources
                source = self._source(mark)
                return format_html(
                    '<a class="ref"{} href="#source-{}" aria-label="Source {}: {}">{}</a>',
                    format_html(' id="ref-{}"', source.number) if is_first else "",
                    source.number,
                    source.number,
                    source.label,
                    source.number,
                )

    def _source(self, mark: Mark) -> Source:
        key = (mark.kind, mark.id)
        if key not in self._sources:
            self._sources[key] = self._entry(mark, len(self._sources) + 1)
        return self._sources[key]

    def _entry(self, mark: Mark, number: int) -> Source:
        if mark.kind == "review":
            first = self.library.reviews[mark.id][0]
            label = wording.short_citation(first.citation, first.year)
            return Source(number, label, first.citation, f"/evidence/{first.result_id}/", mark.id)
        if mark.kind == "guideline":
            row = self.library.guidelines[mark.id]
            label = f"{row.source}{f', {row.year}' if row.year else ''}"
            return Source(number, label, row.statement_own_words, f"/sources/guidelines/#{mark.id}", mark.id)
        precaution = self.library.precautions[mark.id]
        return Source(
            number,
            precaution.citation,
            f"{precaution.situation}: {precaution.action}",
            f"/sources/precautions/#{mark.id}",
            mark.id,
        )
