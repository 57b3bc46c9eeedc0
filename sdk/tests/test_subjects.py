"""The subject grammar: names of users never become anything but one token."""

import random
import string

import pytest
from trunkline.protocol import subjects as s

NASTY = [
    "", "_", "__", ".", "..", "a.b", "*", ">", "a>", "**", "a b", "\t", "\r\n", "\x00", "=", "=5F", "==", "=2E", "é", "日本",
    "🚀", "e\u0301", "a" * 300, "PUB x 1", "$JS.API.>", "_INBOX.x", "-", "A-Z_09", "\u202e", "tl.default", "/", "%2E",
]  # fmt: skip


def names(count: int = 3000) -> list[str]:
    """Names as hostile as chance makes them, the same in each run."""
    source = random.Random(20261122)
    alphabet = string.printable + "._*>=$ _" * 8 + "äöüß€漢字🚀\u0000\u200b"
    made = ["".join(source.choices(alphabet, k=source.randint(0, 24))) for _ in range(count)]
    wide = [chr(n) for n in (*range(0xD800), *range(0xE000, 0x11000))]
    made += ["".join(source.choices(wide, k=6)) for _ in range(500)]
    return NASTY + made


def test_tokens_are_reversible():
    for name in names():
        assert s.untoken(s.token(name)) == name


def test_tokens_are_unique():
    made = set(names())
    assert len({s.token(name) for name in made}) == len(made)


def test_a_token_is_exactly_one_plain_token():
    """No dot, wildcard, space or control character survives: nothing widens a subject or breaks the protocol line."""
    allowed = set(string.ascii_letters + string.digits + "_-=")
    for name in names():
        encoded = s.token(name)
        assert encoded
        assert set(encoded) <= allowed
        assert encoded != s.ANY


def test_harmless_names_stay_readable():
    assert s.token("order-7_b") == "order-7_b"


@pytest.mark.parametrize("name", NASTY)
def test_every_subject_keeps_its_shape_whatever_the_names(name):
    made = {
        s.task("ws", name, name): 7, s.call("ws", name, name, name, name): 7, s.attempts("ws", name, "queue", name): 6,
        s.dead("ws", name, "group", name): 6, s.beat("ws", name, name, name): 6, s.reply("ws", name, name, "c", 1): 7,
        s.redrive_filter("ws", name): 5,
    }  # fmt: skip
    for subject, tokens in made.items():
        assert len(subject.split(".")) == tokens
        assert subject.startswith("tl.ws.")
        assert not set(subject) & set(" \t\r\n*")
    assert "." not in s.consumer("queue", name)
    assert "." not in s.inbox_prefix(name)


def test_any_instance_is_told_from_an_agent_called_underscore():
    assert s.call("ws", "me", "skill") == "tl.ws.call.me.skill._._"
    assert s.call("ws", "me", "skill", "_") == "tl.ws.call.me.skill.=5F._"


@pytest.mark.parametrize(
    ("event_type", "expected"),
    [
        ("order.created", "order.created"),
        ("a..b", "a.=.b"),
        ("a.*", "a.=2A"),
        (">", "=3E"),
        ("", "="),
        ("a b", "a=20b"),
    ],
)
def test_a_type_is_never_a_pattern(event_type, expected):
    assert s.event("ws", "p", event_type) == f"tl.ws.events.p.{expected}"


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ("order.*", "order.*"),
        ("order.>", "order.>"),
        ("**", ">"),
        ("*.created", "*.created"),
        ("or*", "or=2A"),
        (">.x", ">.x"),
    ],
)
def test_patterns_know_whole_segments_only(pattern, expected):
    assert s.type_filter(pattern) == expected


def test_senders_are_read_back_from_every_subject_that_pins_one():
    for name in ("shop", "a.b", "_", "日本"):
        event = s.event("ws", name, "order.created")
        assert s.sender_of(event) == name
        assert s.sender_of(s.redrive_event(event, "billing")) == name
        assert s.sender_of(s.task("ws", "q", name)) == name
        assert s.sender_of(s.attempts("ws", name, "queue", "q")) == name
        assert s.sender_of(s.dead("ws", name, "queue", "q")) == name
        assert s.sender_of(s.call("ws", name, "skill")) == name
        assert s.workspace_of(event) == "ws"
