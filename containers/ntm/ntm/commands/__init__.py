"""Commands of the ``ntm`` command line."""
