"""Templates and their changes, independent of how they are judged or printed."""
