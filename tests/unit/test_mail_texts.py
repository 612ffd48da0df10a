"""Mails in words: every type in both languages, whatever a name holds."""

import re
import subprocess
import sys
from collections.abc import Iterator
from email.message import EmailMessage
from email.policy import SMTP
from html.parser import HTMLParser
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dispatch.notifications import rules
from dispatch.notifications.mail import TEMPLATES, mail_of
from dispatch.notifications.model import Channel, Entry, Language, Mail, NoticeType
from tests.unit.test_notice_rules import ALL

MAILED = {notice.wording: notice for notice in ALL if Channel.MAIL in notice.channels}
BY_WORDING_AND_LANGUAGE = [(wording, language) for wording in MAILED for language in Language]
HOSTILE = [
    '<script>alert("1")</script>',
    "</p></body></html><img src=x onerror=alert(1)>",
    "Jo\r\nBcc: everybody@example.com\r\n\r\nBuy now",
    "{{ data }} {% raw %} {{ ''.__class__ }}",
    "- Jo",
    "Jo\n\n- a list\n- of things",
    "\u202egnihtyna\u0000\u2028x",
    "x" * 10_000,
    "Zoë & Søn",
]


def an_entry(wording: str, language: Language) -> Entry:
    return rules.entry_of(MAILED[wording], Channel.MAIL, language)


def all_mails(name: str | None) -> Iterator[Mail]:
    for wording, language in BY_WORDING_AND_LANGUAGE:
        yield mail_of(an_entry(wording, language), name)


class _Tags(HTMLParser):
    def __init__(self, markup: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.text = ""
        self.feed(markup)

    def handle_starttag(self, tag: str, _attributes: object) -> None:
        self.tags.append(tag)

    def handle_data(self, data: str) -> None:
        self.text += data


def test_there_is_a_template_of_every_type_that_is_mailed_and_no_other() -> None:
    for language in Language:
        found = {path.stem for path in (TEMPLATES / language).glob("*.txt")} - {"frame"}
        assert found == {notice.type for notice in MAILED.values()}


@pytest.mark.parametrize(("wording", "language"), BY_WORDING_AND_LANGUAGE)
def test_a_mail_greets_says_what_happened_and_says_it_in_html_too(
    wording: str, language: Language
) -> None:
    entry = an_entry(wording, language)
    mail = mail_of(entry, "Jo Driver")
    assert mail.subject == entry.title
    greeting = {Language.ENGLISH: "Hello Jo Driver,", Language.FRENCH: "Bonjour Jo Driver,"}
    assert mail.text.startswith(f"{greeting[language]}\n\n")
    assert f'<html lang="{language}">' in mail.html
    for line in re.findall(r"\S.*", mail.text):
        assert line.removeprefix("- ") in _Tags(mail.html).text
    assert "{" not in mail.text
    assert "\n\n\n" not in mail.text


@pytest.mark.parametrize(("wording", "language"), BY_WORDING_AND_LANGUAGE)
def test_nobody_is_greeted_by_a_name_that_is_not_known(wording: str, language: Language) -> None:
    text = mail_of(an_entry(wording, language), None).text
    assert text.splitlines()[0] in ("Hello,", "Bonjour,")


@pytest.mark.parametrize("wording", MAILED)
def test_the_languages_say_the_same_at_the_same_length(wording: str) -> None:
    english, french = (mail_of(an_entry(wording, language), "Jo").text for language in Language)
    assert english != french
    assert english.count("\n\n") == french.count("\n\n")
    assert english.count("\n- ") == french.count("\n- ")


@pytest.mark.parametrize("type_", [NoticeType.ALL_OFFLINE, NoticeType.SESSION_UNFILLED])
@pytest.mark.parametrize("language", Language)
def test_the_three_ways_on_are_a_list(type_: NoticeType, language: Language) -> None:
    mail = mail_of(an_entry(type_, language), "Jo")
    assert mail.text.count("\n- ") == 3
    assert mail.html.count("<li>") == 3


@pytest.mark.parametrize("language", Language)
def test_a_place_on_the_waitlist_says_until_when(language: Language) -> None:
    assert "12:05 UTC" in mail_of(an_entry(NoticeType.WAITLIST_TOLD, language), "Jo").text


@pytest.mark.parametrize("language", Language)
def test_who_was_elsewhere_is_not_told_that_somebody_waited(language: Language) -> None:
    missed, elsewhere = (
        mail_of(an_entry(f"customer_not_joined.{wording}", language), "Jo").text
        for wording in ("customer", "customer_elsewhere")
    )
    waited = {Language.ENGLISH: "came and waited", Language.FRENCH: "vous a attendu"}[language]
    assert waited in missed
    assert waited not in elsewhere


BOOKINGS = [wording for wording, notice in MAILED.items() if "scheduled_start" in notice.data]


@pytest.mark.parametrize("wording", BOOKINGS)
def test_a_mail_about_a_booking_says_when_it_starts(wording: str) -> None:
    for language, start in (
        (Language.ENGLISH, "Friday, July 3 at 05:00 (America/Vancouver, UTC-07:00)"),
        (Language.FRENCH, "vendredi 3 juillet à 5 h 00 (America/Vancouver, UTC-07:00)"),
    ):
        mail = mail_of(an_entry(wording, language), "Jo")
        assert start in " ".join(mail.text.split())


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_name_is_text_and_one_line(name: str) -> None:
    plain = list(all_mails("Jo"))
    for mail, harmless in zip(all_mails(name), plain, strict=True):
        assert mail.subject == harmless.subject
        assert mail.text.count("\n") == harmless.text.count("\n")
        assert _Tags(mail.html).tags == _Tags(harmless.html).tags
        assert len(mail.html) < len(harmless.html) + 1000


@given(name=st.text(max_size=200))
def test_any_name_makes_a_mail_whose_headers_are_ours(name: str) -> None:
    entry = an_entry(NoticeType.SESSION_COMPLETED, Language.FRENCH)
    mail = mail_of(entry, name)
    assert mail.subject == entry.title
    message = EmailMessage(policy=SMTP)
    message["Subject"] = mail.subject
    message.set_content(mail.text)
    message.add_alternative(mail.html, subtype="html")
    assert set(message.keys()) == {"Subject", "MIME-Version", "Content-Type"}
    assert rules.greeting_name(name) in _Tags(mail.html).text


def test_a_type_that_is_never_mailed_has_no_words() -> None:
    (offer, *_) = ALL
    with pytest.raises(LookupError):
        mail_of(rules.entry_of(offer, Channel.MAIL, Language.ENGLISH), "Jo")


def test_templates_are_shipped_with_the_layer() -> None:
    layer = Path(__file__).parents[2] / "layers/domain"
    assert TEMPLATES.is_relative_to(layer)
    assert (TEMPLATES / "mail.html").is_file()


def test_what_makes_mails_and_invitations_is_imported_with_the_first() -> None:
    program = (
        "import sys; import dispatch.notifications.service;"
        "print({'jinja2', 'markupsafe', 'icalendar'} & set(sys.modules))"
    )
    loaded = subprocess.run(
        [sys.executable, "-c", program],
        env={"PYTHONPATH": str(TEMPLATES.parents[2]), "POWERTOOLS_SERVICE_NAME": "test"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert loaded.stdout.strip() == "set()"
