import pytest

from tests.synth.assembly import Assembly


def test_two_synths_write_the_same_bytes(assemblies: tuple[Assembly, Assembly]) -> None:
    here, elsewhere = (assembly.files() for assembly in assemblies)
    assert set(here) ^ set(elsewhere) == set()
    assert [name for name in here if here[name] != elsewhere[name]] == []


def test_synth_needs_neither_network_nor_credentials(
    assemblies: tuple[Assembly, Assembly], isolation: tuple[str, ...]
) -> None:
    if not isolation:
        pytest.skip("this machine does not let a test take the network from a process")
    assert assemblies[1].template("prod", "serving")["Resources"]


def test_lambda_may_read_the_assets_of_a_private_checkout(assemblies: tuple[Assembly, Assembly]) -> None:
    """Lambda runs a function as a user who does not own its files, and the package keeps their permissions."""
    files = [path for path in assemblies[1].directory.glob("asset.*/**/*") if path.is_file()]
    assert {path.name for path in files} >= {"handler.py", "index.js", "train"}
    assert [path.name for path in files if path.stat().st_mode & 0o444 != 0o444] == []
    assert {path.name for path in files if path.stat().st_mode & 0o111} == {"train", "serve", "evaluate"}


def test_the_assembly_contains_nothing_machine_specific(assembly: Assembly) -> None:
    foreign = [str(assembly.directory.parent).encode(), b"ap-southeast-2", b"/node_modules/", b"site-packages"]
    own = {name: text for name, text in assembly.files().items() if not name.startswith("asset.")}
    assert [(name, word) for name, text in own.items() for word in foreign if word in text] == []
