"""What the examples that plot share: a picture beside the script.

It needs no screen. `--show` opens a window as well.
"""

import sys
from pathlib import Path


def pyplot():
    """Return matplotlib.pyplot; without matplotlib say how to get it, and finish."""
    try:
        import matplotlib
    except ModuleNotFoundError:
        print("\nNo plot without matplotlib: pip install matplotlib")
        raise SystemExit(0) from None
    if "--show" not in sys.argv:
        matplotlib.use("Agg")  # needs no screen
    import matplotlib.pyplot as plt

    return plt


def finish(plt, script):
    """Save the picture beside the script, print where, and show it if asked."""
    path = Path(script).resolve().with_suffix(".png")
    plt.savefig(path, dpi=120)
    print(f"\nPlot: {path}")
    if "--show" in sys.argv:
        plt.show()
