"""The Dockerfile, without a container engine: each of its commands is run as it stands, in an empty place."""

import os
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def _instructions() -> list[tuple[str, str]]:
    lines = (line for line in (ROOT / "Dockerfile").read_text().splitlines() if line and line[0] not in "# ")
    return [(word, rest) for word, _, rest in (line.partition(" ") for line in lines)]


def test_each_command_runs(tmp_path: Path) -> None:
    """The build stage installs from what it copies and nothing else; the entry point checks the mounted file."""
    source, opt, etc = tmp_path / "src", tmp_path / "opt", tmp_path / "etc"
    source.mkdir()
    etc.mkdir()
    (etc / "config.toml").write_text(
        '[integrations.s]\nprovider = "sandbox"\nauth = { type = "bearer", token = "cmd:echo k" }\n'
    )
    places = {"/opt/outrider": str(opt / "outrider"), "/etc/outrider": str(etc)}

    def here(words: str) -> str:
        for there, place in places.items():
            words = words.replace(there, place)
        return words

    instructions = _instructions()
    build = instructions[: [word for word, _ in instructions].index("FROM", 1)]
    env = {"PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}", "HOME": str(tmp_path)}
    env.update({key: value for key, value in os.environ.items() if key.startswith("PIP_")})
    for word, rest in build:
        if word == "COPY":
            *names, target = rest.split()
            for name in names:
                goal = source / target / ("" if (ROOT / name).is_file() else ".")
                if (ROOT / name).is_dir():
                    shutil.copytree(
                        ROOT / name, source / target, ignore=shutil.ignore_patterns("__pycache__")
                    )
                else:
                    shutil.copy(ROOT / name, goal)
        elif word == "RUN":
            subprocess.run(here(rest), shell=True, check=True, cwd=source, env=env, capture_output=True)

    def last(word: str) -> list[str]:
        import json

        text = next(rest for each, rest in reversed(instructions) if each == word)
        return [here(part) for part in json.loads(text[text.index("[") :])]

    binary = str(opt / "outrider" / "bin" / last("ENTRYPOINT")[0])
    checked = subprocess.run(
        [binary, "check", *last("CMD")[1:]], capture_output=True, text=True, check=False, env=env
    )
    health = subprocess.run(
        [binary, *last("HEALTHCHECK")[1:]], capture_output=True, text=True, check=False, env=env
    )

    assert checked.returncode == 0, checked.stdout + checked.stderr
    assert health.returncode == 1
    assert "does not answer" in health.stderr
    assert ("USER", "outrider") in instructions


def test_nothing_in_it_needs_a_shell_trick() -> None:
    """Its commands are words, so that a person sees what each does."""
    for word, rest in _instructions():
        if word == "RUN":
            assert not set(rest) & set("|;&$`"), rest
            assert shlex.split(rest)
