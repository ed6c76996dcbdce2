"""The notebook runs as it is stored, and is stored without what it printed."""

from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

from pipeline.settings import PROJECT, DataDir

NOTEBOOK = PROJECT / "docs" / "analysis.ipynb"


def test_it_is_stored_without_outputs() -> None:
    """Outputs of a real library would publish its papers, and grow the repository."""
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    nbformat.validate(notebook)
    cells = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert [cell.outputs for cell in cells] == [[]] * len(cells)
    assert {cell.execution_count for cell in cells} == {None}


def test_it_runs_in_a_kernel(
    analyst_env: DataDir, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The notebook is opened first: a cell that fails is the first thing an analyst sees."""
    # The kernel is another process: it must not write where people keep their own settings.
    for name in ("IPYTHONDIR", "JUPYTER_CONFIG_DIR", "JUPYTER_RUNTIME_DIR", "MPLCONFIGDIR"):
        monkeypatch.setenv(name, str(tmp_path / name))
    monkeypatch.setenv("PYTHONPATH", str(PROJECT))
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    NotebookClient(notebook, timeout=120, kernel_name="python3").execute(cwd=str(tmp_path))
    shown = {
        kind
        for cell in notebook.cells
        for output in cell.get("outputs", [])
        for kind in output.get("data", {})
    }
    assert {"text/html", "image/png"} <= shown
    warned = [
        o.text for c in notebook.cells for o in c.get("outputs", []) if o.get("name") == "stderr"
    ]
    assert warned == []
