"""Commands of ``topicsmith``: option parsing and output. The other packages do the work."""
