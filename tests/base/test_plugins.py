"""Files of the user's own methods: which one defines a function, and what it imports."""

import pytest

from fidelity.base.errors import InputError
from fidelity.base.plugins import files_for, load_plugin_function
from fidelity.digests.code import file_digest


@pytest.fixture
def plugin(tmp_path, monkeypatch):
    (tmp_path / "project").mkdir()
    (tmp_path / "mine").mkdir()
    monkeypatch.chdir(tmp_path / "project")
    path = tmp_path / "mine" / "maps.py"

    def write(text):
        path.write_text(f"{text}\ndef maps():\n    pass\n")
        return path

    return write


@pytest.mark.parametrize(
    ("line", "module"),
    [
        ("import tools", "project/tools.py"),
        ("import tools", "mine/tools.py"),
        ("from tools import factor", "project/tools.py"),
        ("from tools.parts import factor", "project/tools/parts.py"),
        ("from tools import parts", "project/tools/parts.py"),
        ("import tools.parts", "project/tools/__init__.py"),
        ("def later():\n    import tools\n", "project/tools.py"),
    ],
)
def test_a_change_of_an_imported_file_counts(plugin, tmp_path, line, module):
    path = plugin(line)
    digests = []
    for text in ("factor = 1", "factor = 2", "factor = 2  # the same", "factor ="):
        (tmp_path / module).parent.mkdir(exist_ok=True)
        (tmp_path / module).write_text(text)
        digests.append(file_digest(path))
    assert digests[1] == digests[2]
    assert len(set(digests)) == 3


def test_imported_files_are_followed_also_in_a_circle(plugin, tmp_path):
    path = plugin("import one")
    for name, text in (("one", "from package import two"), ("maps", ""), ("other", "")):
        (tmp_path / "project" / f"{name}.py").write_text(text)
    (tmp_path / "project" / "package").mkdir()
    two = tmp_path / "project" / "package" / "two.py"
    two.write_text("import one\nfrom . import three\nfrom .... import far")
    three = two.with_name("three.py")
    three.write_text("x = 1")
    before = file_digest(path)
    (tmp_path / "project" / "other.py").write_text("x = 2")
    assert file_digest(path) == before
    three.write_text("x = 2")
    assert file_digest(path) != before


def test_the_digest_does_not_depend_on_where_imported_files_are(plugin, tmp_path):
    path = plugin("import a, b")
    digests = set()
    for places in (("project", "mine"), ("mine", "project")):
        for name, place in zip("ab", places, strict=True):
            (tmp_path / place / f"{name}.py").write_text(f"x = {name!r}")
        digests.add(file_digest(path))
        for name, place in zip("ab", places, strict=True):
            (tmp_path / place / f"{name}.py").unlink()
    assert len(digests) == 1


def test_the_first_file_that_defines_a_function(plugin, tmp_path):
    one, two = tmp_path / "one.py", plugin("")
    one.write_text("from maps import maps")
    assert files_for("plugin:maps", [str(one), str(two)]) == [str(two)]
    assert files_for("plugin:nothing", [str(one), str(two)]) == [str(one), str(two)]
    assert files_for("maps", [str(two)]) == []


def test_an_import_of_a_file_next_to_the_plugin_is_explained(plugin, tmp_path):
    path = plugin("import neighbour_of_maps")
    with pytest.raises(InputError, match="install the package"):
        load_plugin_function("plugin:maps", [path])
    path.with_name("neighbour_of_maps.py").write_text("")
    with pytest.raises(InputError, match=r"Move neighbour_of_maps\.py into the folder"):
        load_plugin_function("plugin:maps", [path])
