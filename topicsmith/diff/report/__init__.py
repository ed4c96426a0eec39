"""Reports of a comparison as text, Markdown and JSON."""
