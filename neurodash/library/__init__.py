"""What is known: plain files, read once into checked, frozen objects.

`load(folders)` gives a `Library` or raises `DataError` with every problem at once.
"""

from neurodash.library.loading import CONTENT, load, read_claims, read_results, read_retractions
from neurodash.library.prose import Mark, Prose
from neurodash.library.rows import Guideline, InstrumentValue, Precaution, Result, Retraction, Trial
from neurodash.library.shapes import SIZES, Brief, Claim, Condition, Finding, Library, Section, Vocabulary

__all__ = [
    "CONTENT", "SIZES", "Brief", "Claim", "Condition", "Finding", "Guideline", "InstrumentValue", "Library",
    "Mark", "Precaution", "Prose", "Result", "Retraction", "Section", "Trial", "Vocabulary",
    "load", "read_claims", "read_results", "read_retractions",
]  # fmt: skip
