"""A project in git whose price takes so long from one commit to the next, and a test that compares it."""

from tests.support.repository import git

SHOP = """
import asyncio, time

def price():
    time.sleep({0})

async def order():
    await asyncio.sleep({0})
"""
TEST = """
    from shop import price

    @pytest.mark.slo(compare="{}")
    def test_price(slo):
        slo(price)
"""


def begin(project):
    """Put the project into git, its shop below src/; the price takes 0.3 ms."""
    git(project.path, "init", "-q", "-b", "main")
    (project.path / "src").mkdir()
    (project.path / "pytest.ini").write_text("[pytest]\npythonpath = src\n", encoding="utf-8")
    (project.path / ".gitignore").write_text("runs\n__pycache__\n", encoding="utf-8")
    commit(project, 0.0003)


def commit(project, seconds, code=SHOP):
    """Let the price take so long, or be computed by other code, from the next commit on."""
    (project.path / "src" / "shop.py").write_text(code.replace("{0}", str(seconds)), encoding="utf-8")
    git(project.path, "add", ".")
    git(project.path, "commit", "-q", "-m", f"{seconds} s")
