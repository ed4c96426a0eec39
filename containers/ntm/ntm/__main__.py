"""``python -m ntm``."""

from ntm.cli import main

main()
