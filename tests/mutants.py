"""Do the unit tests notice a fault? A sample of small changes of the rules and the write kernel, each tried on a copy of the project.

Run it by `make mutants`. It lists what survived, and what became of the sample in all. `equivalent_mutants.txt` lists changes that
change nothing, with the reason; they are left out.
"""

import argparse
import ast
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from queue import SimpleQueue
from typing import Final

from cosmic_ray.ast import ast_nodes, get_ast
from cosmic_ray.mutating import mutate_code
from cosmic_ray.plugins import get_operator

ROOT: Final = Path(__file__).resolve().parent.parent
EQUIVALENT: Final = Path(__file__).with_name("equivalent_mutants.txt")
SEED: Final = 12
TESTS: Final = {
    "data_access/domain": ("tests/data_access/domain", "tests/data_access/queries", "tests/data_access/events"),
    "data_access/write": ("tests/data_access/write", "tests/data_access/commands", "tests/data_access/events", "tests/data_access/store"),
}
"""By folder of the code: where its unit tests are."""

SWAPS: Final = (
    *("Add_Sub", "Sub_Add", "Mul_Div", "Div_Mul", "FloorDiv_Div", "Mod_FloorDiv", "BitOr_BitAnd", "BitAnd_BitOr"),
    *("Eq_NotEq", "NotEq_Eq", "Lt_LtE", "LtE_Lt", "Gt_GtE", "GtE_Gt", "Is_IsNot", "IsNot_Is"),
)
COMPARISONS: Final = ("Eq", "NotEq", "Lt", "LtE", "Gt", "GtE", "Is", "IsNot")
OPERATORS: Final = (
    *(f"core/Replace{'Comparison' if swap.split('_')[0] in COMPARISONS else 'Binary'}Operator_{swap}" for swap in SWAPS),
    *("core/ReplaceUnaryOperator_USub_UAdd", "core/ReplaceUnaryOperator_Delete_Not", "core/AddNot"),
    *("core/ReplaceTrueWithFalse", "core/ReplaceFalseWithTrue", "core/ReplaceAndWithOr", "core/ReplaceOrWithAnd"),
    *("core/ReplaceBreakWithContinue", "core/ReplaceContinueWithBreak", "core/ZeroIterationForLoop", "core/NumberReplacer"),
)
"""Changes that leave types as they are: others fail at once, and say nothing of the tests."""


@dataclass(frozen=True, slots=True, order=True)
class Mutant:
    """One change of one place: the `occurrence`-th at which `operator` applies in the module at `path`; `text` is the line."""

    path: str
    line: int
    operator: str
    occurrence: int
    text: str

    @property
    def key(self) -> str:
        """What it is called in the list of equivalent ones."""
        return f"{self.path} | {self.operator.removeprefix('core/')} | {self.text}"


def annotated(source: str) -> set[tuple[int, int]]:
    """Lines and columns of annotations: nothing reads them when the code runs."""
    places: set[tuple[int, int]] = set()
    for node in ast.walk(ast.parse(source)):
        for part in (getattr(node, "annotation", None), getattr(node, "returns", None)):
            if isinstance(part, ast.expr):
                places |= {(one.lineno, column) for one in [part] for column in range(one.col_offset, (one.end_col_offset or 0) + 1)}
    return places


def mutants_of(path: str) -> list[Mutant]:
    """All changes of a module, by place."""
    source = (ROOT / path).read_text(encoding="utf-8")
    lines, tree, skipped = source.splitlines(), get_ast(source), annotated(source)
    return [
        Mutant(path, start[0], name, occurrence, lines[start[0] - 1].strip())
        for name in OPERATORS
        for operator in [get_operator(name)()]
        for occurrence, (start, _) in enumerate(place for node in ast_nodes(tree) for place in operator.mutation_positions(node))
        if start not in skipped
    ]


def equivalent() -> set[str]:
    """Keys of the changes that change nothing."""
    lines = EQUIVALENT.read_text(encoding="utf-8").splitlines() if EQUIVALENT.exists() else []
    return {line.rsplit(" # ", 1)[0] for line in lines if line and not line.startswith("#")}


def sample(folders: list[str], size: int, seed: int) -> list[Mutant]:
    """Some changes of the modules in these folders, the same for the same code and seed; at most one for each line."""
    paths = sorted(str(path.relative_to(ROOT)) for folder in folders for path in (ROOT / folder).rglob("*.py"))
    left_out, chance = equivalent(), random.Random(seed)
    everything = [mutant for path in paths for mutant in mutants_of(path) if mutant.key not in left_out]
    chance.shuffle(everything)
    by_line: dict[tuple[str, int], Mutant] = {}
    for mutant in everything:
        by_line.setdefault((mutant.path, mutant.line), mutant)
    return sorted(list(by_line.values())[:size])


def tests_of(path: str) -> list[str]:
    """The tests of a module: first those that name it, then the rest of its folders'."""
    folders = next(tests for folder, tests in TESTS.items() if path.startswith(folder))
    module = path.removesuffix(".py").replace("/", ".")
    parent, _, name = module.rpartition(".")
    files = [file for folder in folders for file in sorted((ROOT / folder).rglob("test_*.py"))]

    def names_it(file: Path) -> bool:
        text = file.read_text(encoding="utf-8")
        return module in text or (f"from {parent} import" in text and name in text)

    return [str(file.relative_to(ROOT)) for file in sorted(files, key=lambda file: not names_it(file))]


def passes(copy: Path, tests: list[str], seconds: float) -> bool:
    """Whether the tests pass in a copy of the project, within so many seconds."""
    command = [sys.executable, "-m", "pytest", "-x", "-q", "-p", "no:cacheprovider", "-m", "not postgres", "--basetemp", str(copy / "temp")]
    try:
        finished = subprocess.run(
            [*command, *tests],
            cwd=copy,
            env={**os.environ, "PYTHONPATH": str(copy), "PYTHONDONTWRITEBYTECODE": "1"},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            timeout=seconds,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return False
    return finished.returncode == 0


def survives(mutant: Mutant, copy: Path, seconds: float) -> bool:
    """Whether no test notices a change; the copy is afterwards as before."""
    module = copy / mutant.path
    source = module.read_text(encoding="utf-8")
    changed = mutate_code(source, get_operator(mutant.operator)(), mutant.occurrence)
    try:
        module.write_text(changed, encoding="utf-8")
        return passes(copy, tests_of(mutant.path), seconds)
    finally:
        module.write_text(source, encoding="utf-8")


def main() -> None:
    """Try the sample, and print what became of it; fails if too few were noticed."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--folders", nargs="+", default=list(TESTS), choices=list(TESTS))
    options.add_argument("--size", type=int, default=100, help="how many changes")
    options.add_argument("--seed", type=int, default=SEED)
    options.add_argument("--workers", type=int, default=2)
    options.add_argument("--least", type=float, default=85.0, help="the least percentage that must be noticed")
    options.add_argument("--list", action="store_true", help="only list the sample")
    chosen = options.parse_args()
    mutants = sample(chosen.folders, chosen.size, chosen.seed)
    if chosen.list:
        print("\n".join(f"{mutant.path}:{mutant.line} {mutant.key}" for mutant in mutants))
        return
    with tempfile.TemporaryDirectory(prefix="onhand-mutants-") as folder:
        copies: SimpleQueue[Path] = SimpleQueue()
        for number in range(chosen.workers):
            ignored = shutil.ignore_patterns(".*", "var", "*.egg-info", "__pycache__", "results")
            copies.put(Path(shutil.copytree(ROOT, Path(folder) / str(number), ignore=ignored)))
        began = time.monotonic()
        first = copies.get()
        for one in chosen.folders:
            if not passes(first, tests_of(f"{one}/"), 3_600):
                sys.exit(f"The tests of {one} fail without any change: mend them first.")
        copies.put(first)
        seconds = 60 + 5 * (time.monotonic() - began)

        def attempt(mutant: Mutant) -> tuple[Mutant, bool]:
            copy = copies.get()
            try:
                survived = survives(mutant, copy, seconds)
            finally:
                copies.put(copy)
            print(f"{'SURVIVED' if survived else 'noticed '} {mutant.path}:{mutant.line} {mutant.key}", flush=True)
            return mutant, survived

        with ThreadPoolExecutor(chosen.workers) as pool:
            outcomes = list(pool.map(attempt, mutants))
    counts = Counter(survived for _, survived in outcomes)
    share = 100 * counts[False] / max(len(outcomes), 1)
    print(f"{counts[False]} of {len(outcomes)} noticed ({share:.0f} %), in {(time.monotonic() - began) / 60:.0f} minutes")
    for mutant, survived in outcomes:
        if survived:
            print(f"survived: {mutant.key}")
    sys.exit(share < chosen.least)


if __name__ == "__main__":
    main()
