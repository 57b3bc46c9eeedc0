"""Where the hub is: arguments, environment, then the file that `trunkline serve` wrote."""

import os
import stat

import pytest
from trunkline.local import LocalContext, context_path, find_context, state_dir, write_context
from trunkline.protocol.errors import ContextMissingError


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    for name in [n for n in os.environ if n.startswith("TRUNKLINE_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("TRUNKLINE_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


@pytest.fixture
def file(home):
    write_context(LocalContext(url="http://file:1/", token="file-token", workspace="file-ws"), context_path())
    return context_path()


def test_the_file_is_readable_by_its_owner_alone(file):
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700
    assert list(file.parent.iterdir()) == [file]


def test_a_rewrite_stays_private_even_if_somebody_opened_the_old_one(file):
    file.chmod(0o644)
    write_context(LocalContext(url="http://x", token="t"), file)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_the_file_is_found(file):
    assert find_context() == LocalContext(url="http://file:1", token="file-token", workspace="file-ws")


def test_the_environment_wins_over_the_file_and_arguments_over_both(file, monkeypatch):
    monkeypatch.setenv("TRUNKLINE_URL", "http://env:1/")
    monkeypatch.setenv("TRUNKLINE_TOKEN", "env-token")
    assert find_context() == LocalContext(url="http://env:1", token="env-token", workspace="default")
    monkeypatch.setenv("TRUNKLINE_WORKSPACE", "env-ws")
    assert find_context("http://arg:1", "arg-token", "arg-ws") == LocalContext(
        url="http://arg:1", token="arg-token", workspace="arg-ws"
    )
    assert find_context(token="arg-token").url == "http://env:1"


def test_without_anything_the_error_says_what_to_do():
    with pytest.raises(ContextMissingError) as caught:
        find_context()
    assert "TRUNKLINE_URL" in caught.value.detail
    assert "trunkline serve" in caught.value.remedy


def test_an_address_without_a_token_is_told_apart(monkeypatch):
    monkeypatch.setenv("TRUNKLINE_URL", "http://env:1")
    with pytest.raises(ContextMissingError, match="TRUNKLINE_TOKEN"):
        find_context()


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"url":1}', b"\xff"])
def test_a_broken_file_is_named(file, content):
    file.write_bytes(content)
    with pytest.raises(ContextMissingError, match=r"context\.json"):
        find_context()


def test_a_folder_in_the_files_place_is_named(home):
    context_path().mkdir(parents=True)
    with pytest.raises(ContextMissingError, match=r"context\.json"):
        find_context()


def test_the_state_directory_follows_xdg(monkeypatch, tmp_path):
    monkeypatch.delenv("TRUNKLINE_HOME")
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    assert state_dir() == tmp_path / "trunkline"
