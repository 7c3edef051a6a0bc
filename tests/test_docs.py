"""README and docs: what they say of commands, files, figures and each other is so."""

import argparse
import re
import shlex
import urllib.parse
from collections.abc import Iterator
from configparser import ConfigParser
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

import docs
import livestyle
from livestyle.commands import _parser, bench
from livestyle.config import key, settings
from livestyle.settings import checked

ROOT = Path(__file__).parents[1]
README = ROOT / "README.md"
PAGES = sorted([README, *(ROOT / "docs").rglob("*.md"), ROOT / "engines/README.md"])
CALLED = ("livestyle", ".venv/bin/livestyle", ".venv/Scripts/livestyle")
FENCED = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)

each_page = pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))


@pytest.mark.parametrize("name", docs.PARTS)
def test_a_page_has_what_the_code_says(name: str) -> None:
    written = (ROOT / "docs" / name).read_text(encoding="utf-8")
    assert docs.page(name) == written, "run: python tools/docs.py"


def test_readme_is_short() -> None:
    assert len(README.read_text().splitlines()) <= 120


def test_readme_moves() -> None:
    (name,) = re.findall(r"!\[.*?\]\((.*?)\)", README.read_text())
    assert (ROOT / name).stat().st_size <= 3_000_000
    with Image.open(ROOT / name) as picture:
        assert picture.n_frames > 60 and picture.width >= 640


@each_page
def test_links_lead_somewhere(page: Path) -> None:
    for link in _links(page):
        file, _, anchor = link.partition("#")
        target = (page.parent / urllib.parse.unquote(file)).resolve() if file else page
        assert target.exists() and target.is_relative_to(ROOT), f"{link} is not there"
        if anchor:
            assert anchor in _anchors(target), f"{link}: {target.name} has no such heading"


def test_every_page_is_reached_from_readme() -> None:
    reached, due = set(), [README]
    while due:
        page = due.pop()
        reached.add(page)
        files = (link.partition("#")[0] for link in _links(page))
        found = {(page.parent / file).resolve() for file in files if file.endswith(".md")}
        due += found - reached
    assert set(PAGES) <= reached


@each_page
def test_command_lines_are_taken(page: Path) -> None:
    for line, words in _command_lines(page):
        try:
            arguments = _parser().parse_args(words)
            given = vars(arguments).items()
            checked({key(name): value for name, value in given if name in settings()}, "--")
            if words[0] == "bench":
                bench._check(arguments)
        except (SystemExit, livestyle.LivestyleError) as error:
            raise AssertionError(f"{line}: {error}") from error


def test_command_lines_are_found() -> None:
    """The test above would pass where none is."""
    assert sum(len(list(_command_lines(page))) for page in PAGES) > 50


@each_page
def test_commands_in_a_sentence_are_there(page: Path) -> None:
    flags = _flags()
    for span in _spans(page):
        words = span.split()
        if words[:1] != ["livestyle"] or len(words) == 1 or words[1] in ("COMMAND", "…"):
            continue
        assert words[1] in flags, span
        for word in words[2:]:
            flag = word.partition("=")[0]
            assert not flag.startswith("--") or flag in flags[words[1]], span


@each_page
def test_flags_are_there(page: Path) -> None:
    of_tools = {
        flag
        for tool in (ROOT / "tools").rglob("*.py")
        for flag in re.findall(r'"(--[a-z-]+)"', tool.read_text())
    }
    known = of_tools.union(*_flags().values(), ["--version", "--index-url"])
    for span in _spans(page):
        if span.startswith("--"):
            assert span.split()[0].partition("=")[0] in known, span


@each_page
def test_what_is_installed_and_run_is_there(page: Path) -> None:
    config = ConfigParser()
    config.read(ROOT / "setup.cfg")
    text = page.read_text()
    for extras in re.findall(r"pip install -e [\"']\.\[(.*?)\]", text):
        assert set(extras.split(",")) <= set(config["options.extras_require"])
    for tool in re.findall(r"\btools/[\w/]+\.(?:py|sh)\b", text):
        assert (ROOT / tool).is_file(), tool
    for target in re.findall(r"(?:^|`)make ([a-z-]+)", text, re.MULTILINE):
        assert f"\n{target}:" in (ROOT / "Makefile").read_text(), target


def test_every_figure_of_a_report_is_told() -> None:
    text = (ROOT / "docs/figures.md").read_text()
    table = re.search(r"## The report\n(.*?)\n## ", text, re.DOTALL)
    assert table
    rows = re.findall(r"^\| (`.*?) \|", table[1], re.MULTILINE)
    told = [name for row in rows for name in re.findall("`(.*?)`", row)]
    report = livestyle.run(source="testcard", sink=["null"], seconds=1, stylizer="passthrough")
    assert sorted(told) == sorted(_figures(report))


def _figures(report: dict[str, Any]) -> Iterator[str]:
    for name, value in report.items():
        if name in ("source", "stylizer", "output"):
            yield from (f"{name}.{figure}" for figure in value)
        elif name == "sinks":
            yield from (f"{name}[].{figure}" for figure in value[0])
        else:
            yield name


def _links(page: Path) -> list[str]:
    """Those to files of the project, and to headings."""
    text = FENCED.sub("", page.read_text())
    return [link for link in re.findall(r"\]\(([^)\s]+)\)", text) if not re.match(r"[a-z]+:", link)]


def _anchors(page: Path) -> set[str]:
    """As GitHub makes them of headings."""
    text = FENCED.sub("", page.read_text())
    headings = re.findall(r"^#+ (.*)$", text, re.MULTILINE)
    plain = (re.sub(r"[^\w\- ]", "", heading.lower()) for heading in headings)
    return {heading.replace(" ", "-") for heading in plain}


def _command_lines(page: Path) -> Iterator[tuple[str, list[str]]]:
    """The command lines of livestyle in the page's blocks, as written, and their words."""
    for _, block in FENCED.findall(page.read_text()):
        for line in block.replace("\\\n", " ").replace("\\", "/").splitlines():
            if line.split()[:1] and line.split()[0] in CALLED:
                words = shlex.split(line, comments=True)
                ends = (words.index(end) for end in ("|", ">") if end in words)
                yield line, words[1 : min(ends, default=len(words))]


def _spans(page: Path) -> list[str]:
    return re.findall("`([^`\n]+)`", FENCED.sub("", page.read_text()))


def _flags() -> dict[str, set[str]]:
    """Of each command."""
    (commands,) = (
        action for action in _parser()._actions if isinstance(action, argparse._SubParsersAction)
    )
    return {
        name: {flag for action in parser._actions for flag in action.option_strings}
        for name, parser in commands.choices.items()
    }


def test_the_tests_that_tell_of_a_fault_are_there() -> None:
    """Each `FILE.py` of docs/reliability.md is one, and has what stands behind it: test_name, or
    the first words of some, test_name….
    """
    text = (ROOT / "docs/reliability.md").read_text(encoding="utf-8")
    named = re.findall(r"`((?:\w+/)?test_\w+\.py)`((?:,? test_\w+…?)*)", text)
    assert len(named) > 80
    for file, tests in named:
        code = (ROOT / "tests" / file).read_text(encoding="utf-8")
        for name in re.findall(r"test_\w+…?", tests):
            begun = f"\ndef {name.removesuffix('…')}" if name.endswith("…") else f"\ndef {name}("
            assert begun in code, f"{file} has no {name}"
