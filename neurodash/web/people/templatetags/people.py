"""What pages about accounts may say."""

from __future__ import annotations

from django import template

register = template.Library()

# The first that stands in what a browser says of itself names it: most also name the ones they descend from.
BROWSERS = {
    "Edg": "Edge",
    "OPR": "Opera",
    "Firefox": "Firefox",
    "FxiOS": "Firefox",
    "Chrom": "Chrome",
    "CriOS": "Chrome",
    "Safari": "Safari",
}
SYSTEMS = {
    "iPhone": "iPhone",
    "iPad": "iPad",
    "Android": "Android",
    "Windows": "Windows",
    "Mac OS": "Mac",
    "CrOS": "Chromebook",
    "Linux": "Linux",
}


@register.filter
def browser(agent: str) -> str:
    """`Firefox on Windows`, from what a browser says of itself."""
    name = next((told for mark, told in BROWSERS.items() if mark in agent), "Another browser")
    system = next((told for mark, told in SYSTEMS.items() if mark in agent), "")
    return f"{name} on {system}" if system else name
