"""Text, Markdown and JSON renderings of a comparison."""
