"""The pages name what there is: each module, each setting, each picture."""

import re
from pathlib import Path

import pytest

from autoresearch_tui.settings import sections

ROOT = Path(__file__).resolve().parents[1]
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")])


def test_the_architecture_names_every_module() -> None:
    named = set(re.findall(r"[a-z_]+", (ROOT / "docs" / "architecture.md").read_text()))
    modules = {path.stem for path in ROOT.glob("autoresearch_tui/**/*.py")}
    assert {name for name in modules if not name.startswith("__")} - named == set()


@pytest.mark.parametrize("section", sections.tables())
def test_the_settings_page_names_every_key(section: str) -> None:
    page = (ROOT / "docs" / "settings.md").read_text()
    ours = " ".join(part for part in page.split("`[") if part.lstrip("[").startswith(section))
    assert sections.keys_of(section).keys() - set(re.findall(r"\w+", ours)) == set()


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_what_a_page_links_to_is_there(page: Path) -> None:
    links = re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", page.read_text())
    ours = [link for link in links if "://" not in link]
    assert [link for link in ours if not (page.parent / link).exists()] == []
