"""Permissions of the assembly's assets."""

from pathlib import Path

_READ, _EXECUTE, _OWNER_EXECUTES = 0o444, 0o111, 0o100


def make_assets_readable(assembly: Path) -> None:
    """Let everyone read the files of the assets, of this checkout and of the CDK's own functions.

    The CDK keeps permissions in a function's package, but Lambda runs a function as a user who does not own its files.
    With a checkout or a CDK that was installed with umask 077, the function could not be imported.
    """
    for asset in assembly.glob("asset.*"):
        for path in (asset, *asset.rglob("*")):
            if not path.is_symlink():
                mode = path.stat().st_mode
                path.chmod(mode | _READ | (_EXECUTE if mode & _OWNER_EXECUTES else 0))
