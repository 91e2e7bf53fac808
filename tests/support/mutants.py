"""Breaks the rules one place at a time and looks whether their tests notice.

`make mutants MODULES="states.rules.ranking.votes states.call"` prints every change that no test noticed, and ends with 1 if
there is any; without modules it tries all rules but the assignment's, which takes hours. Each change is tried in a
forked process that imports the broken source and runs the tests that are named for the module or import it.
"""

import ast
import contextlib
import copy
import importlib.abc
import importlib.machinery
import importlib.util
import os
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import ModuleType

import numpy as np  # noqa: F401 - what is not broken is loaded once, before the forks
import pytest
import transitions.extensions  # noqa: F401

import config.calendar
import config.season  # noqa: F401
import tests.conftest  # noqa: F401

RULES, THEIR_TESTS = Path("states/rules"), Path("tests/states/rules")
_FLIPPED = {
    ast.Lt: ast.LtE,
    ast.LtE: ast.Lt,
    ast.Gt: ast.GtE,
    ast.GtE: ast.Gt,
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
    ast.Is: ast.IsNot,
    ast.IsNot: ast.Is,
    ast.In: ast.NotIn,
    ast.NotIn: ast.In,
    ast.And: ast.Or,
    ast.Or: ast.And,
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
}


def mutants(source: str) -> Iterator[tuple[str, str]]:
    """Every changed source, with the line that was changed and how."""
    tree = ast.parse(source)
    beside = _beside_the_point(tree)
    for index, node in enumerate(ast.walk(tree)):
        for variant in range(0 if node in beside else _variants(node)):
            changed = copy.deepcopy(tree)
            target = list(ast.walk(changed))[index]
            was = ast.unparse(target)
            _break(target, variant)
            yield f"line {node.lineno}: {was!s:.90} -> {ast.unparse(target)!s:.90}", ast.unparse(changed)  # type: ignore[attr-defined]


def _beside_the_point(tree: ast.AST) -> set[ast.AST]:
    """Annotations, decorators and names exported: no behaviour depends on them."""
    roots: list[ast.AST | None] = []
    for node in ast.walk(tree):
        match node:
            case ast.AnnAssign() | ast.arg():
                roots.append(node.annotation)
            case ast.FunctionDef():
                roots += [node.returns, *node.decorator_list]
            case ast.ClassDef():
                roots += node.decorator_list
            case ast.Assign(value=ast.Subscript() as alias):
                roots.append(alias)
    return {node for root in roots if root is not None for node in ast.walk(root)}


def _variants(node: ast.AST) -> int:
    match node:
        case ast.Compare():
            return len(node.ops)
        case ast.BoolOp() | ast.BinOp() if type(node.op) in _FLIPPED:
            return 1
        case ast.If() | ast.IfExp():
            return 2
        case ast.Constant() if type(node.value) is int or type(node.value) is bool:
            return 1
        case ast.Tuple() if isinstance(node.ctx, ast.Load) and node.elts:
            return len(node.elts)
        case ast.UnaryOp() if isinstance(node.op, ast.Not | ast.USub):
            return 1
    return 0


def _break(node: ast.AST, variant: int) -> None:
    match node:
        case ast.Compare():
            node.ops[variant] = _FLIPPED[type(node.ops[variant])]()
        case ast.BoolOp() | ast.BinOp():
            node.op = _FLIPPED[type(node.op)]()  # type: ignore[assignment]
        case ast.If() | ast.IfExp():
            node.test = ast.Constant(bool(variant))
        case ast.Constant():
            node.value = not node.value if isinstance(node.value, bool) else int(str(node.value)) + 1
        case ast.Tuple():
            del node.elts[variant]
        case ast.UnaryOp():
            node.op = ast.UAdd() if isinstance(node.op, ast.USub) else ast.Not()
            if isinstance(node.op, ast.Not):
                node.operand = ast.UnaryOp(ast.Not(), node.operand)


class _Broken(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Imports one module from a changed source."""

    def __init__(self, name: str, source: str) -> None:
        self.name, self.source = name, source

    def find_spec(self, name: str, path: object, target: object = None) -> importlib.machinery.ModuleSpec | None:
        return importlib.util.spec_from_loader(name, self) if name == self.name else None

    def exec_module(self, module: ModuleType) -> None:
        exec(compile(self.source, f"<broken {self.name}>", "exec"), module.__dict__)


def survives(name: str, source: str, tests: Sequence[str]) -> bool:
    """Whether the tests pass although the module is broken; a test that hangs has noticed."""
    child = os.fork()
    if child == 0:
        sys.meta_path.insert(0, _Broken(name, source))
        with Path(os.devnull).open("w") as nowhere:
            os.dup2(nowhere.fileno(), 1)
            os.dup2(nowhere.fileno(), 2)
        code = 3
        with contextlib.suppress(BaseException):
            code = pytest.main(["-x", "-q", "-p", "no:cacheprovider", "--timeout=60", "-p", "no:randomly", *tests])
        os._exit(int(code))
    _, status = os.waitpid(child, 0)
    return os.waitstatus_to_exitcode(status) == 0


def tests_of(name: str) -> list[str]:
    """The test modules that are named for a module (or its package), or import it."""
    folder = THEIR_TESTS if name.startswith("states.rules.") else THEIR_TESTS.parent
    about = {f"test_{part}" for part in name.split(".")[1:]}
    return [
        str(path)
        for path in sorted(folder.glob("test_*.py"))
        if any(path.stem == stem or path.stem.startswith(f"{stem}_") for stem in about)
        or (folder is THEIR_TESTS and f"from {name} import" in path.read_text("utf-8"))
    ]


def main(names: Sequence[str]) -> int:
    """Try every change of every module; the number of those that nobody noticed."""
    left = 0
    rules = [f"states.rules.{path.stem}" for path in sorted(RULES.glob("*.py")) if path.stem != "__init__"]
    for name in names or rules:
        assert name not in sys.modules, f"{name} is loaded already"
        source, tests = Path(*name.split(".")).with_suffix(".py").read_text("utf-8"), tests_of(name)
        if not survives(name, source, tests):
            raise SystemExit(f"{name}: its tests fail as it is")
        changes = list(mutants(source))
        for change, broken in changes:
            if survives(name, broken, tests):
                left += 1
                print(f"{name} {change}", flush=True)
        print(f"{name}: {len(changes)} changes tried", flush=True)
    return left


if __name__ == "__main__":
    sys.exit(1 if main(sys.argv[1:]) else 0)
