"""The example for the real DeltaCrown is played at the reference platform, which speaks its contract."""

from pathlib import Path

import pytest

from tailguard.http.declared.suite import declared_part
from tests.support.declared_play import Played
from tests.support.web_served import SECRET, serving

COUNT = 20
# The reference platform's users have no passwords.
LOGIN = """\
kind = "jwt"
secret = "${PLATFORM_SECRET}"
claims = { user_id = "{user.id}", token_type = "access", jti = "{uuid}" }
rows = "user"
"""


def written(folder: Path, example: Path, files: dict[str, list[str]], *, login: str = "") -> Path:
    text = example.read_text(encoding="utf-8")
    if login:
        start = text.index('kind = "token"')
        text = text[:start] + login + text[text.index("\n[rows.user]") :]
    for name, lines in files.items():
        (folder / f"{name}.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    (folder / "deltacrown.toml").write_text(text, encoding="utf-8")
    return folder / "deltacrown.toml"


@pytest.fixture
def example(pytestconfig: pytest.Config) -> Path:
    return pytestconfig.rootpath / "docs" / "examples" / "deltacrown.toml"


def test_the_example_is_right_as_it_stands(example: Path, tmp_path: Path) -> None:
    rows = {
        "users": ["id,username", "1,ada"],
        "entries": ["user,tournament", "1,2"],
        "matches": ["id,participant", "5,1"],
        "watched": ["id,participant,tournament", "6,1,3"],
    }
    part = declared_part(written(tmp_path, example, rows))
    assert [each.name for each in part.scenarios] == [
        "registration",
        "result_submission",
        "websocket_broadcast",
    ]


@pytest.mark.system
def test_its_scenarios_are_played_at_the_reference_platform(
    example: Path, tmp_path: Path, database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PLATFORM_SECRET", SECRET)
    with serving(database) as served:
        seeded = served.seeded
        watched, other = seeded.live_tournaments[0], seeded.live_tournaments[1]
        played = [f"{match},{seeded.participants(match)[0]}" for match in seeded.matches_of(watched)]
        rows = {
            "users": ["id,username", *(f"{user},u{user}" for user in seeded.users)],
            "entries": [
                "user,tournament",
                *(f"{user},{seeded.open_tournaments[0]}" for user in seeded.users[:COUNT]),
            ],
            "matches": [
                "id,participant",
                *(f"{m},{seeded.participants(m)[0]}" for m in seeded.matches_of(other)),
            ],
            "watched": ["id,participant,tournament", *(f"{each},{watched}" for each in played)],
        }
        result = Played(written(tmp_path, example, rows, login=LOGIN), served.url, COUNT)
    assert result.kinds("registration") == result.kinds("result_submission") == {}
    assert result.kinds("websocket_broadcast") == {}
    assert result.ok("registration", "register") == result.ok("websocket_broadcast", "broadcast") == COUNT
    assert [each.held for each in result.invariants["websocket_broadcast"]] == [True, True, True]
