"""A suite's file is the nearest one upwards, and one that does not speak of Tailguard is none."""

from tailguard.config.suite_table import nearest_file


def test_the_nearest_suite_file_upwards_is_the_suites(tmp_path):
    deep = tmp_path / "a" / "b"
    deep.mkdir(parents=True)
    project = tmp_path / "pyproject.toml"
    project.write_text("[tool.tailguard]\n")
    assert nearest_file(deep) == nearest_file(tmp_path) == project
    (tmp_path / "a" / "tailguard.toml").touch()
    assert nearest_file(deep) == tmp_path / "a" / "tailguard.toml"


def test_a_project_file_that_does_not_speak_of_us_is_none(tmp_path):
    for text in ("[tool.ruff]\n", "not [ toml"):
        (tmp_path / "pyproject.toml").write_text(text)
        assert nearest_file(tmp_path) is None
