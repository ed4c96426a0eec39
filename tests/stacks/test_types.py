"""Type checking of the CDK."""

import ast
import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_mypy_follows_every_cdk_module_in_use() -> None:
    """mypy skips all other modules, and their values would be untyped."""
    overrides = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["mypy"]["overrides"]
    read = {name for one in overrides if one.get("follow_imports") == "normal" for name in one["module"]}
    sources = [ROOT / "app.py", *(ROOT / "stacks").rglob("*.py"), *(ROOT / "constructs").rglob("*.py")]
    imports = [node for source in sources for node in ast.walk(ast.parse(source.read_text()))]
    used = {name for node in imports if isinstance(node, ast.ImportFrom) for name in _modules(node)}
    assert used
    assert used <= read


def _modules(node: ast.ImportFrom) -> list[str]:
    if node.module == "aws_cdk":
        return [f"aws_cdk.{alias.name}" for alias in node.names if alias.name.startswith("aws_")]
    return [node.module] if (node.module or "").startswith("aws_cdk.aws_") else []
