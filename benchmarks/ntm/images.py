"""Size of the packages that the images of ``containers/ntm`` install, by requirements file."""

import subprocess
import sys
import zipfile
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from _common import command, console, show

_CONTAINER = Path(__file__).parents[2] / "containers" / "ntm"
# pip does not derive older platforms from the newest.
_GLIBC = range(28, 4, -1)
_PLATFORMS = [*(f"--platform=manylinux_2_{minor}_x86_64" for minor in _GLIBC), "--platform=manylinux2014_x86_64"]
_TARGET = ("--python-version=3.12", *_PLATFORMS, "--only-binary=:all:")
_MB = 1e6


def main() -> None:
    """Download the wheels of each image for Linux, x86-64 and Python 3.12, and add up their sizes."""
    rows = []
    for image, requirements in (("serving", "requirements.txt"), ("training", "requirements-training.txt")):
        with TemporaryDirectory() as directory:
            download = ["download", "--quiet", "--no-cache-dir", *_TARGET, "--dest", directory]
            pip = [sys.executable, "-m", "pip", *download, "--requirement", str(_CONTAINER / requirements)]
            subprocess.run(pip, check=True)
            wheels = sorted(Path(directory).glob("*.whl"), key=lambda wheel: -wheel.stat().st_size)
            rows.append((image, str(len(wheels)), *_sizes(wheels), ", ".join(_name(wheel) for wheel in wheels[:4])))
        console.print(" · ".join(rows[-1]), soft_wrap=True)
    show("Packages of the images", ["image", "packages", "wheels MB", "installed MB", "largest"], rows)


def _sizes(wheels: Sequence[Path]) -> tuple[str, str]:
    unpacked = 0
    for wheel in wheels:
        with zipfile.ZipFile(wheel) as archive:
            unpacked += sum(file.file_size for file in archive.infolist())
    return f"{sum(wheel.stat().st_size for wheel in wheels) / _MB:,.0f}", f"{unpacked / _MB:,.0f}"


def _name(wheel: Path) -> str:
    return f"{wheel.name.partition('-')[0]} {wheel.stat().st_size / _MB:,.0f}"


if __name__ == "__main__":
    command(main)
