"""Mails in words, from the templates beside this module.

A text is written once: its first line is the subject, and the HTML shows the same paragraphs.
Jinja2 is imported with the first mail, not at every cold start.
"""

import re
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from dispatch.notifications.model import Entry, Mail
from dispatch.notifications.rules import greeting_name, one_line, when

if TYPE_CHECKING:
    from jinja2 import Environment

TEMPLATES = Path(__file__).parent / "templates"


@cache
def _environment() -> "Environment":
    from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape

    return Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=select_autoescape(["html"]),  # what a name holds is text, never markup
        undefined=StrictUndefined,
    )


def mail_of(entry: Entry, name: str | None) -> Mail:
    """The entry's mail to somebody of this name. Raises LookupError for a type never mailed."""
    rendered = (
        _environment()
        .get_template(f"{entry.language}/{entry.type}.txt")
        .render(
            {
                "session_id": None,
                "when": None,
                "cause": None,
                "cancelled_by": None,
                **entry.data,
                **when(entry.data, entry.language),
                "name": greeting_name(name),
                "title": entry.title,
                "body": entry.body,
            }
        )
    )
    subject, _, rest = rendered.strip().partition("\n")
    text = re.sub(r"\n{3,}", "\n\n", rest).strip()
    html = (
        _environment()
        .get_template("mail.html")
        .render(language=entry.language, subject=subject, blocks=_blocks(text))
    )
    return Mail(subject=one_line(subject), text=f"{text}\n", html=html)


def _blocks(text: str) -> list[str | list[str]]:
    """Paragraphs, each as one line, and lists."""
    blocks: list[str | list[str]] = []
    for paragraph in text.split("\n\n"):
        lines = paragraph.splitlines()
        if all(line.startswith("- ") for line in lines):
            blocks.append([line.removeprefix("- ") for line in lines])
        else:
            blocks.append(" ".join(lines))
    return blocks
