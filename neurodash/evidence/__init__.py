"""From evidence tables and claims to verdicts."""

from neurodash.evidence.verdict import Judged, Verdict, Vote, failing, judge, judge_brief

__all__ = ["Judged", "Verdict", "Vote", "failing", "judge", "judge_brief"]
