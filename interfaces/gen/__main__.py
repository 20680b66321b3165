"""Turns interface files into C, and keeps the record of what was published.

    python3 -m interfaces.gen --out DIR FILE.iface...
    python3 -m interfaces.gen --lock FILE.iface...      writes FILE.lock: see LANGUAGE.md
"""

import argparse
import os
import sys
from typing import Dict, List, Sequence, Tuple

from . import canonical, emit_cddl, emit_docs, emit_header, emit_source, limits, lock
from .check import check, check_together
from .model import Interface, Problems
from .names import Names
from .parser import parse


def read(path: str) -> Tuple[Interface, Problems]:
    """The interface in the file at `path`, and what is wrong with it."""
    problems = Problems(path)
    with open(path, "rb") as file:
        interface = parse(path, file.read(), problems)
    if not problems.found:
        check(interface, problems)
    if not problems.found:
        size = len(canonical.text(interface, docs=True).encode("utf-8"))
        if size > limits.INTERFACE_TEXT_BYTES_MAX:
            problems.add(interface.position, f"the interface has {size} bytes of text, expected at most "
                         f"{limits.INTERFACE_TEXT_BYTES_MAX}")
    if not problems.found:
        lock.check_lock(interface, problems)
    return interface, problems


def outputs(interface: Interface) -> Dict[str, str]:
    """File name -> text."""
    names = Names(interface)
    return {
        f"{names.prefix}.h": emit_header.emit(names),
        f"{names.prefix}.c": emit_source.emit(names),
        f"{names.prefix}.cddl": emit_cddl.emit(names),
        f"{names.prefix}.md": emit_docs.emit(names),
    }


def write(directory: str, files: Dict[str, str]) -> None:
    """All of `files` or, if one can't be written, none that was not there before."""
    os.makedirs(directory, exist_ok=True)
    temporary = [(os.path.join(directory, f".{name}.tmp"), os.path.join(directory, name)) for name in files]
    try:
        for (made, _), text in zip(temporary, files.values()):
            with open(made, "w", encoding="utf-8", newline="\n") as file:
                file.write(text)
        for made, final in temporary:
            os.replace(made, final)
    finally:
        for made, _ in temporary:
            if os.path.exists(made):
                os.unlink(made)


def main(arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(prog="python3 -m interfaces.gen", description="Turns interface files into C.")
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("--out", metavar="DIR", help="where NAME.h .c .cddl and .md go")
    what.add_argument("--lock", action="store_true", help="publish: write NAME.lock beside NAME.iface")
    parser.add_argument("files", nargs="+", metavar="FILE.iface")
    options = parser.parse_args(arguments)
    read_in: List[Tuple[Interface, Problems]] = []
    for path in options.files:
        try:
            read_in.append(read(path))
        except OSError as error:
            print(f"{path}: can't be read: {error.strerror}", file=sys.stderr)
            return 1
    check_together([one for one, _ in read_in], [problems for _, problems in read_in])
    lines = [line for _, problems in read_in for line in problems.lines()]
    if lines:
        print("\n".join(lines), file=sys.stderr)
        return 1
    try:
        for interface, _ in read_in:
            if options.lock:
                path = lock.path_of(interface)
                write(os.path.dirname(path) or ".", {os.path.basename(path): lock.text(interface)})
        if options.out:
            write(options.out, {name: text for interface, _ in read_in for name, text in outputs(interface).items()})
    except OSError as error:
        print(f"{error.filename or options.out}: can't be written: {error.strerror}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
