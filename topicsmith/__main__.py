"""``python -m topicsmith``."""

from topicsmith.cli import main

main()
