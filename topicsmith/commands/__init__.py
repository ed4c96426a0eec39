"""The commands of ``topicsmith``. They parse options and print; the other packages do the work."""
