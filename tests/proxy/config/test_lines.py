"""Every key has the line where a person sees it."""

import random
import tomllib
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from outrider.config.lines import KeyPath, Lines


@pytest.mark.parametrize(
    ("text", "path", "line"),
    [
        # tables
        ("[a]\nx = 1", ("a",), 1),
        ("[a]\nx = 1", ("a", "x"), 2),
        ("\n\n  [a.b]  # c\nx = 1", ("a", "b"), 3),
        ("\n[a.b]\nx = 1", ("a",), 2),
        ("[a.b]\n[a]\nx = 1", ("a",), 2),
        ("[ a . b ]\nx = 1", ("a", "b", "x"), 2),
        ('["a.b".c]\nx = 1', ("a.b", "c", "x"), 2),
        ("['a\"'.c]\nx = 1", ('a"', "c", "x"), 2),
        # dotted and quoted keys
        ("a.b.c = 1", ("a", "b", "c"), 1),
        ("[t]\na . b = 1\na.c = 2", ("t", "a", "c"), 3),
        ("[t]\na.b = 1\na.c = 2", ("t", "a"), 2),
        ('"4\\u0030" = 1', ("40",), 1),
        ('"a=b" = 1\n"a#b" = 2', ("a#b",), 2),
        ("401 = 1\n'5xx' = 2", ("5xx",), 2),
        # arrays of tables
        ("[[a]]\nx = 1\n[[a]]\nx = 2", ("a", 0), 1),
        ("[[a]]\nx = 1\n[[a]]\nx = 2", ("a", 1), 3),
        ("[[a]]\nx = 1\n[[a]]\nx = 2", ("a", 1, "x"), 4),
        ("[[a]]\n[a.b]\nx = 1\n[[a]]\n[a.b]\nx = 2", ("a", 0, "b", "x"), 3),
        ("[[a]]\n[a.b]\nx = 1\n[[a]]\n[a.b]\nx = 2", ("a", 1, "b", "x"), 6),
        ("[[a]]\n[[a.b]]\n[[a.b]]\n[[a]]\n[[a.b]]", ("a", 0, "b", 1), 3),
        ("[[a]]\n[[a.b]]\n[[a.b]]\n[[a]]\n[[a.b]]", ("a", 1, "b", 0), 5),
        # inline tables
        ("a = { b = 1, c = { d = 2 } }\ne = 3", ("a", "c", "d"), 1),
        ("a = { b = 1, c = { d = 2 } }\ne = 3", ("e",), 2),
        ("a = { b.c = 1 }\n[t]", ("a", "b", "c"), 1),
        ("a = {}\nb = 1", ("b",), 2),
        ('a = { b = "}", c = "," }\nd = 1', ("a", "c"), 1),
        # arrays
        ("a = [\n  1,\n  # no\n  2, 3,\n]\nb = 1", ("a", 1), 4),
        ("a = [\n  1,\n  # no\n  2, 3,\n]\nb = 1", ("b",), 6),
        ("a = [ [1,\n2], [\n3 ] ]\nb = 1", ("a", 1, 0), 3),
        ("a = [ {x = 1},\n{x = 2} ]", ("a", 1, "x"), 2),
        ("a = []\nb = 1", ("b",), 2),
        ("a = [ # ]\n]\nb = 1", ("b",), 3),
        ('a = ["]", "["]\nb = 1', ("b",), 2),
        # texts over many lines
        ('a = """\nb = 1\n[c]\n"""\nd = 1', ("d",), 5),
        ('a = """\nb = 1\n"""\nd = 1', ("b",), 1),
        ("a = '''\nb = 1\n'''\nd = 1", ("d",), 4),
        ('a = """x\\"""" \nd = 1', ("d",), 2),
        ('a = """""x"""""\nd = 1', ("d",), 2),
        ("a = '''''x'''''\nd = 1", ("d",), 2),
        ('a = """\\\\"""\nd = 1', ("d",), 2),
        ('a = ""\nd = 1', ("d",), 2),
        ('a = "\\""\nd = 1', ("d",), 2),
        ("a = '\\'\nd = 1", ("d",), 2),
        # other values, comments, ends of lines
        ("a = 1979-05-27 07:32:00 # x\nb = 1", ("b",), 2),
        ("a = 1 # b = 2\nb = 1", ("b",), 2),
        ("# [x]\n[a]\r\nx = 1\r\ny = 2\r\n", ("a", "y"), 4),
        ("a = '''\r\n\r\n'''\r\nd = 1", ("d",), 4),
        # what is not there
        ("[a]\nx = 1", ("a", "y"), 1),
        ("[a]\nx = 1\n\n[b]\ny = 1", ("b", "z", 3, "q"), 4),
        ("[[a]]\nx = 1\n[[a]]", ("a", 1, "y"), 3),
        ("a = { b = 1 }", ("a", "c"), 1),
        ("x = 1\ny = 1", ("z",), 1),
        ("", ("z",), 1),
        ("x = 1", (), 1),
    ],
)
def test_a_key_is_on_its_line(text, path, line):
    """One not in the text is where its nearest table is, and else on line 1."""
    tomllib.loads(text)

    assert Lines(text).of(path) == line


@pytest.mark.parametrize(
    "text",
    [
        "[",
        "[a",
        "a",
        "a =",
        "a = [",
        "a = {",
        'a = "',
        "a = '''",
        "= 1",
        "[[a]",
        "a = [,,]",
        "a = {=}",
        '"\\q" = 1',
        "[]",
        "\0",
        "]",
        "a = }",
    ],
)
def test_what_is_no_toml_is_survived(text):
    """And what stands after it is found."""
    with pytest.raises(tomllib.TOMLDecodeError):
        tomllib.loads(text)

    assert Lines("x = 1\n" + text).of(("x",)) == 1


@settings(deadline=None)  # how fast is no claim
@given(st.text(alphabet="a.=[]{}\"'\\#, \n\r1"))
def test_no_text_is_too_strange(text):
    """Never an error, never an endless loop."""
    assert Lines(text).of(("a",)) >= 1


def test_deep_nesting_is_survived():
    """Keys before it keep their lines."""
    assert Lines("\na = 1\nb = " + "[" * 5000).of(("a",)) == 2


class Writer:
    """Writes random tables in random layouts, noting the line of each key."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self.text = ""
        self.lines: dict[KeyPath, int] = {}
        self.names = iter(range(10**6))

    def at(self) -> int:
        return self.text.count("\n") + 1

    def noise(self) -> None:
        self.text += self.random.choice(["", "", "\n", "# [x]\n", "  # a = {\n", "\n\n", "\t"])

    def key(self) -> tuple[str, str]:
        number = next(self.names)
        return self.random.choice(
            [
                (f"k{number}", f"k{number}"),
                (f"k {number}", f'"k {number}"'),
                (f"k.{number}", f"'k.{number}'"),
                (f'k"{number}', f'"k\\"{number}"'),
            ]
        )

    def gap(self) -> str:
        return self.random.choice(["", " ", "\n", " # ] } ,\n", "\n\n  "])

    def value(self, path: KeyPath, depth: int) -> None:
        kind = self.random.choice(["scalar", "list", "inline"]) if depth else "scalar"
        if kind == "scalar":
            self.text += self.random.choice(
                ["1", "true", '"a # ] }"', "'\\'", '""', '"\\""', "1979-05-27T07:32:00Z", "-1.5e3", "inf"]
                + ['"""\nx = 1\n[y]\n"""', "'''\n\nx = 1'''", '"""a\\""""', '"""""a"""""']
            )
        elif kind == "list":
            self.text += "["
            for index in range(self.random.randrange(4)):
                self.text += self.gap()
                self.lines[*path, index] = self.at()
                self.value((*path, index), depth - 1)
                self.text += self.gap() + ","
            self.text += self.gap() + "]"
        else:
            self.text += "{"
            for index in range(self.random.randrange(3)):
                self.text += ", " if index else " "
                name, written = self.key()
                self.lines[*path, name] = self.at()
                self.text += f"{written} = "
                self.value((*path, name), depth - 1)
            self.text += " }"

    def pairs(self, path: KeyPath) -> None:
        for _ in range(self.random.randrange(4)):
            self.noise()
            (first, first_written), (second, second_written) = self.key(), self.key()
            if self.random.random() < 0.3:
                self.lines[*path, first] = self.lines[*path, first, second] = self.at()
                self.text += f"{first_written} . {second_written}="
                self.value((*path, first, second), 2)
            else:
                self.lines[*path, first] = self.at()
                self.text += f"{first_written} = "
                self.value((*path, first), 2)
            self.text += self.random.choice(["\n", " # end\n"])

    def tables(self, path: KeyPath, header: str, depth: int) -> None:
        for _ in range(self.random.randrange(1, 4)):
            name, written = self.key()
            inner = f"{header}.{written}" if header else written
            if self.random.random() < 0.4:
                for index in range(self.random.randrange(1, 4)):
                    self.noise()
                    self.lines.setdefault((*path, name), self.at())
                    self.lines[*path, name, index] = self.at()
                    self.text += f"[[{inner}]]\n"
                    self.pairs((*path, name, index))
                    if depth:
                        self.tables((*path, name, index), inner, depth - 1)
            else:
                self.noise()
                self.lines[*path, name] = self.at()
                self.text += f"[ {inner} ] # x\n"
                self.pairs((*path, name))
                if depth:
                    self.tables((*path, name), inner, depth - 1)


def paths(value: Any, path: KeyPath = ()) -> list[KeyPath]:
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [each for key, inner in items for each in [(*path, key), *paths(inner, (*path, key))]]


@pytest.mark.parametrize("newline", ["\n", "\r\n"])
@settings(deadline=None)
@given(seed=st.integers(0, 10**9))
def test_every_key_of_any_layout_is_on_its_line(newline, seed):
    """Tables, arrays of tables, inline ones and lists in each other, with comments and texts between."""
    writer = Writer(seed)
    writer.pairs(())
    writer.tables((), "", 2)
    text = writer.text.replace("\n", newline)

    lines = Lines(text)

    assert writer.lines == {path: lines.of(path) for path in paths(tomllib.loads(text))}
