"""Command line of the emulator."""


def main() -> None:
    """Run the command line."""
    raise SystemExit("Not there yet.")
