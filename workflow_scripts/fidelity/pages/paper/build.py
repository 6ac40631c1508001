"""Write what a paper needs from a study: table, figure, methods and references, for LaTeX."""

from collections.abc import Sequence
from pathlib import Path

from fidelity.analysis.localization import of_classifier
from fidelity.base.files import write_text
from fidelity.figures import forest
from fidelity.figures.shared import style
from fidelity.pages.methods import references
from fidelity.pages.result_tables import ResultTables
from fidelity.tables.writers import to_latex


def write(
    folder: Path,
    results: ResultTables,
    *,
    classifiers: Sequence[str],
    metric: str,
    binarization: str,
) -> None:
    """Write the folder.

    Args:
        folder: to fill with `main.tex` (tables, needs booktabs); one figure per classifier
            (`figure.pdf`, or `figure-<classifier>.pdf` if there are several); `methods.md`,
            `methods.tex`; and `references.bib`, which contains only what the methods cite.
    """
    methods, table = results.methods, results.localization
    write_text(folder / "main.tex", "\n".join(to_latex(results.main, results.dataset).values()))
    rows = table[table["binarization"] == binarization]
    for name in classifiers:
        figure = forest.plot(of_classifier(rows, name), metric)
        end = f"-{name}" if len(classifiers) > 1 else ""
        style.save(figure, [str(folder / f"figure{end}.pdf")])
    write_text(folder / "methods.md", "\n\n".join(map(references.markdown, methods)) + "\n")
    write_text(folder / "methods.tex", "\n\n".join(map(references.latex, methods)) + "\n")
    write_text(folder / "references.bib", references.bibliography(references.cited(methods)))
