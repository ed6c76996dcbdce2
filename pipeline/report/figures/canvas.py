"""What every figure shares: its size, its colours and the PNG that comes out.

Belongs here: nothing that knows what is drawn. Figures of a page are narrow and tall: shown 343
pixels wide, as on a phone, 8 points are then still 10 pixels.
"""

import io
import warnings
from typing import TYPE_CHECKING, Literal

from pipeline.wording import one_line

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# Okabe and Ito's colours: told apart by colour-blind readers, in print too with the marks.
COLOURS = ("#000000", "#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9")
MARKS = "osD^vPX"
BLACK, BLUE, VERMILION = COLOURS[:3]

PAGE_WIDTH = 3.8  # inches
PAGE_DPI = 200  # 760 pixels: sharp on a phone of two pixels per point
METADATA_DPI = 110
PALETTE = 128  # colours


def canvas(height: float, width: float = PAGE_WIDTH) -> "Figure":
    """An empty figure of `width` × `height` inches, laid out by itself."""
    from matplotlib.figure import Figure  # here: loading a code location must not pay for it

    return Figure(figsize=(width, height), layout="constrained")


def to_png(figure: "Figure", dpi: int = PAGE_DPI) -> bytes:
    """The figure's PNG; equal figures give equal bytes.

    With a palette: a page holds a dozen figures, which so are a third as large.
    """
    from PIL import Image

    drawn, small = io.BytesIO(), io.BytesIO()
    with warnings.catch_warnings():
        # A name in letters that the font lacks is drawn as boxes; the table has it in words.
        warnings.filterwarnings("ignore", message="Glyph .* missing from font")
        figure.savefig(drawn, format="png", dpi=dpi)
    image = Image.open(drawn).convert("RGB")
    image.quantize(PALETTE, method=Image.Quantize.FASTOCTREE).save(small, "png", optimize=True)
    return small.getvalue()


def quiet(axes: "Axes", *, grid: Literal["x", "y"] = "x") -> None:
    """Small figures on the axes, a light grid across `grid`, no frame."""
    axes.tick_params(labelsize=7, length=2)
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(axis=grid, color="0.9", linewidth=0.6)
    axes.set_axisbelow(True)


def label(text: str, longest: int = 40) -> str:
    """A name as a label: one line, shortened, and no formula between two dollar signs."""
    line = one_line(text)
    short = line if len(line) <= longest else line[: longest - 1] + "…"
    return short.replace("$", r"\$")
