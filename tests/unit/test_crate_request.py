"""The forms in which a person may ask for a crate."""

from pathlib import Path

import pytest

from node.crates.request import GitRequest, PathRequest, RegistryRequest, parse_request
from node.errors import ExitCode, OperatorError


@pytest.mark.parametrize(
    ("text", "requirement"),
    [
        ("heck", "*"),
        ("heck@0.5.0", "=0.5.0"),
        ("heck@0.5", "0.5"),
        ("heck@1", "1"),
        ("sys@0.7.1-rc.1+5.3.1", "=0.7.1-rc.1"),
    ],
)
def test_names_and_versions_become_cargo_requirements(text, requirement):
    request = parse_request(text)
    assert isinstance(request, RegistryRequest)
    assert request.requirement == requirement
    assert str(request) == text


@pytest.mark.parametrize("text", ["./mine", "../mine", "/abs/mine", "crates/mine", "."])
def test_anything_that_looks_like_a_path_is_one(text):
    assert parse_request(text) == PathRequest(Path(text))


def test_a_tilde_is_the_home_folder(monkeypatch):
    monkeypatch.setenv("HOME", "/somewhere")
    assert parse_request("~/mine") == PathRequest(Path("/somewhere/mine"))


def test_git_sources_name_their_reference_and_package():
    url = "git+https://example.org/a/repo.git"
    assert parse_request(url) == GitRequest("https://example.org/a/repo.git", None, "repo")
    assert parse_request(f"{url}?rev=1f2e#member") == GitRequest(
        "https://example.org/a/repo.git", ("rev", "1f2e"), "member"
    )


def test_a_password_in_an_address_is_not_shown():
    request = parse_request("git+https://me:secret@example.org/a/repo")
    assert isinstance(request, GitRequest)
    assert "secret" in request.url
    assert str(request) == "git+https://example.org/a/repo#repo"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "two words",
        "-p",
        "heck@",
        "heck@latest",
        "heck@=1",
        "heck@1.2.3.4",
        'x"\n[patch]',
        "a" * 65,
        "nul\0",
        "git+",
        "git+ext::sh -c id",
        "git+https://h/r?depth=1",
        "git+https://h/r?rev=",
        "git+https://h/r?rev=1&tag=2",
        "git+https://h/r#-p",
    ],
)
def test_what_names_no_crate_is_refused_with_the_forms_that_do(text):
    with pytest.raises(OperatorError) as refused:
        parse_request(text)
    assert "name@version" in refused.value.hint
    assert refused.value.exit_code is ExitCode.USAGE
