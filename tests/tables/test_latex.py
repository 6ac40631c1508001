"""LaTeX of all tables: it compiles with only booktabs, and each float fits on a page."""

import re
import shutil
import subprocess

import pytest

from fidelity.presentation.page import render
from fidelity.tables.layout import Table
from fidelity.tables.writers import to_latex

EVIL = "\\input{/etc/passwd} </script> \"quoted\" 'x' & 5 % $a_1$ #~^ {} | é ü ° ² [x] *"
INTERVAL = "−0.212 [−0.296, −0.135]"


def long_table(rows, columns, name="long"):
    texts = [f"Explainer {index} with a rather long title" for index in range(rows)]
    return Table(
        "A long table", ["Explainer", *(f"Metric {index} ↑" for index in range(columns))],
        [[text, *[INTERVAL] * columns] for text in texts], columns,
        {0: "First class", rows // 2: "Second class"}, ["A note."], name=name,
    )  # fmt: skip


TABLES = [
    Table(EVIL, ["A", EVIL], [["[1]", EVIL], ["*", "2"]], 1, {0: EVIL}, [EVIL], name="evil_1"),
    Table("Facts", ["What", "Cause"], [["a", "a long text " * 20]], 0, name="evil-1"),
    long_table(5, 3),
    long_table(130, 11),
]


def test_each_table_is_one_file_with_caption_and_own_label():
    files = to_latex(TABLES, "my_data")
    assert list(files) == ["evil-1", "evil-1-1", "long", "long-3"]
    labels = [re.findall(r"\\label\{(.*)\}", text) for text in files.values()]
    assert labels == [[f"tab:my-data-{name}"] for name in files]
    assert all(r"\caption{" in text for text in files.values())


def test_no_column_or_row_is_lost_where_a_table_is_cut():
    text = to_latex(TABLES, "d")["long-3"]
    floats = text.split(r"\begin{table")[1:]
    assert len(floats) > 4
    titles = [re.findall(r"Metric[^}]*?(\d+)", part.split(r"\midrule")[0]) for part in floats]
    assert sorted({int(number) for part in titles for number in part}) == list(range(11))
    rows = [set(re.findall(r"^\\relax .*?Explainer (\d+) ", part, re.M)) for part in floats]
    of_column = {}
    for columns, found in zip(titles, rows, strict=True):
        of_column.setdefault(tuple(columns), set()).update(found)
    assert all(found == {str(index) for index in range(130)} for found in of_column.values())
    assert text.count("(continued)") == len(floats) - 1


@pytest.mark.skipif(shutil.which("pdflatex") is None, reason="pdflatex is not installed")
def test_it_compiles_with_booktabs_alone_and_fits_the_page(tmp_path):
    files = to_latex(TABLES, "my_data")
    (tmp_path / "latex").mkdir()
    for name, text in files.items():
        (tmp_path / "latex" / f"{name}.tex").write_text(text, encoding="utf-8")
    document = render("tables.tex.j2", names=list(files), folder="latex")
    assert re.findall(r"\\usepackage\{(.*)\}", document) == ["booktabs"]
    (tmp_path / "tables.tex").write_text(document, encoding="utf-8")
    command = ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "-no-shell-escape"]
    done = subprocess.run(
        [*command, "tables.tex"], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout[-3000:]
    log = (tmp_path / "tables.log").read_text(encoding="latin-1")
    assert "too large for page" not in log
    # If something sticks out by a few points, it is a character, not a column.
    assert not [out for out in re.findall(r"Overfull \\hbox \((\d+)", log) if int(out) > 9]
