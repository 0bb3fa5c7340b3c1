"""A plugin as if pip had installed it: a module and its entry point on PYTHONPATH."""

from pathlib import Path


def installed(folder: Path, code: str, name: str = "acme") -> dict[str, str]:
    """Write the plugin `name` below `folder`; give the environment in which it is found."""
    (folder / f"outrider_{name}.py").write_text(code)
    info = folder / f"outrider_{name}-1.2.3.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: outrider-{name}\nVersion: 1.2.3\n")
    (info / "entry_points.txt").write_text(f"[outrider]\n{name} = outrider_{name}\n")
    return {"PYTHONPATH": str(folder)}
