"""The interface compiler, troupe-idl: one function for each of its commands."""

import argparse
import contextlib
import difflib
import os
import sys
from typing import Callable, Dict, Iterator, List, Sequence, Tuple

from . import canonical, emit_cddl, emit_docs, emit_header, emit_html, emit_js, emit_source, limits, lock
from .check import check, check_together
from .layout import layout
from .model import Interface, Problems
from .names import Names
from .parser import parse


# The ending of a file that is made -> what makes its text.
EMITTERS = {"h": emit_header.emit, "c": emit_source.emit, "cddl": emit_cddl.emit, "md": emit_docs.emit, "html": emit_html.emit,
            "js": emit_js.emit}


def read(path: str, locked: bool = True) -> Tuple[Interface, Problems]:
    """The interface in the file at `path`, and what is wrong with it; with `locked`, what its lock says as well."""
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
    if locked and not problems.found:
        lock.check_lock(interface, problems)
    return interface, problems


def outputs(interface: Interface, *endings: str) -> Dict[str, str]:
    """File name -> text; of all endings unless some are named."""
    names = Names(interface)
    return {f"{names.prefix}.{ending}": EMITTERS[ending](names) for ending in endings or EMITTERS}


def together(interfaces: Sequence[Interface], *endings: str) -> Dict[str, str]:
    return {name: text for interface in interfaces for name, text in outputs(interface, *endings).items()}


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


EXAMPLES = """
A file's errors are lines FILE:LINE:COLUMN: TEXT. Exit status: 0 all is well; 1 a file is wrong, would break peers or can't be
read or written, or (fmt --check) is laid out otherwise; 2 the command line is wrong.

  troupe-idl check *.iface                    in a pre-commit hook, with fmt --check
  troupe-idl c --out=build greeter.iface      build/greeter.h and build/greeter.c
  troupe-idl lock greeter.iface               publish: from now on what breaks peers does not build
  troupe-idl diff greeter.iface               what changed since
  troupe-idl doc --out=html *.iface           a page for each
"""
FILES = "FILE.iface"


class Refused(Exception):
    """What was asked for can't be done; the lines that say why."""


def command_line() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="troupe-idl", description="The compiler of Troupe's interface files.", epilog=EXAMPLES,
                                     formatter_class=argparse.RawDescriptionHelpFormatter, allow_abbrev=False)
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)

    def command(name: str, run: Callable[[argparse.Namespace], int], text: str, more: str = "") -> argparse.ArgumentParser:
        made = commands.add_parser(name, help=text, description=f"{text[0].upper()}{text[1:]}. {more}".strip(), allow_abbrev=False)
        made.set_defaults(run=run)
        made.add_argument("files", nargs="+", metavar=FILES)
        return made

    command("check", run_check, "say what is wrong with the files", "What FILE.lock beside FILE.iface forbids is wrong, too.")
    made = command("diff", run_diff, "say what changed since the lock was written",
                   "Prints the normal form of the contract, line by line; what breaks peers is an error.")
    made.add_argument("--against", metavar="OLD", help="compare with this file, a lock or an interface, in place of FILE.lock")
    made = command("fmt", run_fmt, "lay the files out", "Line breaks and comments stay.")
    made.add_argument("--check", action="store_true", help="change nothing, name the files that would change")
    made = command("cddl", run_text, "write the contract as CDDL (RFC 8610)", "To standard output, or into a folder.")
    made.add_argument("--out", metavar="DIR", help="write DIR/NAME.cddl for each file")
    made.set_defaults(format="cddl")
    made = command("doc", run_text, "write the reference that the doc lines (##) make", "To standard output, or into a folder.")
    made.add_argument("--out", metavar="DIR", help="write DIR/NAME.html or .md for each file")
    made.add_argument("--format", choices=("html", "md"), default="html", help="a page for browsers (preset), or Markdown")
    made = command("c", run_c, "write C: types, facade, skeleton and codec of each interface")
    made.add_argument("--out", metavar="DIR", required=True, help="where NAME.h and NAME.c go, side by side")
    made = command("js", run_js, "write an ES module: the facade of each interface, for a browser or Node.js",
                   "It imports ./troupe.js, which is installed beside the compiler.")
    made.add_argument("--out", metavar="DIR", required=True, help="where NAME.js goes")
    command("lock", run_lock, "publish the contracts: write FILE.lock beside each",
            "A lock that is there already must allow it.")
    return parser


@contextlib.contextmanager
def reading(path: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise Refused(f"{path}: can't be read: {error.strerror}") from error


def read_all(paths: Sequence[str], locked: bool = True) -> List[Interface]:
    """The interfaces in all of the files, or what is wrong with them."""
    found = []
    for path in paths:
        with reading(path):
            found.append(read(path, locked))
    check_together([one for one, _ in found], [problems for _, problems in found])
    lines = [line for _, problems in found for line in problems.lines()]
    if lines:
        raise Refused("\n".join(lines))
    return [one for one, _ in found]


def run_check(options: argparse.Namespace) -> int:
    read_all(options.files)
    return 0


def run_diff(options: argparse.Namespace) -> int:
    wrong: List[str] = []
    if options.against and len(options.files) > 1:
        raise Refused("troupe-idl diff: --against is for one file")
    for now in read_all(options.files, locked=False):
        path = options.against or lock.path_of(now)
        if not os.path.exists(path):
            raise Refused(f"{now.path}: can't be compared: there is no {path}; `troupe-idl lock {now.path}` writes the lock, "
                          "--against=OLD names another file")
        with reading(path):
            old, damage = lock.load(path)
        if damage:
            raise Refused("\n".join(damage))
        sys.stdout.writelines(difflib.unified_diff(canonical.text(old, docs=False).splitlines(True),
                                                   canonical.text(now, docs=False).splitlines(True), path, now.path))
        problems = Problems(now.path)
        if old.id == now.id:
            lock.compare(old, now, problems)
        else:
            problems.add(now.position, f"@{now.id} is another interface than @{old.id} of {path}: no peer of the one knows the other")
        wrong += problems.lines()
    if wrong:
        raise Refused("\n".join(wrong))
    return 0


def run_fmt(options: argparse.Namespace) -> int:
    wrong: List[str] = []
    changed: List[Tuple[str, str]] = []
    for path in options.files:
        problems = Problems(path)
        with reading(path), open(path, "rb") as file:
            data = file.read()
        parse(path, data, problems)
        wrong += problems.lines()
        text = layout(data.decode("utf-8")) if not problems.found else ""
        if not problems.found and text.encode("utf-8") != data:
            changed.append((path, text))
    if wrong:
        raise Refused("\n".join(wrong))
    if options.check and changed:
        raise Refused("\n".join(f"{path}: laid out otherwise: troupe-idl fmt {path}" for path, _ in changed))
    for path, text in changed:
        write(os.path.dirname(path) or ".", {os.path.basename(path): text})
    return 0


def run_text(options: argparse.Namespace) -> int:
    interfaces = read_all(options.files)
    if options.out:
        write(options.out, together(interfaces, options.format))
    elif len(interfaces) > 1:
        raise Refused(f"troupe-idl {options.command}: of several files only with --out=DIR")
    else:
        sys.stdout.write(*outputs(interfaces[0], options.format).values())
    return 0


def run_c(options: argparse.Namespace) -> int:
    write(options.out, together(read_all(options.files), "h", "c"))
    return 0


def run_js(options: argparse.Namespace) -> int:
    write(options.out, together(read_all(options.files), "js"))
    return 0


def run_lock(options: argparse.Namespace) -> int:
    for interface in read_all(options.files):
        path = lock.path_of(interface)
        write(os.path.dirname(path) or ".", {os.path.basename(path): lock.text(interface)})
    return 0


def main(arguments: Sequence[str]) -> int:
    options = command_line().parse_args(arguments)
    try:
        status: int = options.run(options)
        sys.stdout.flush()
        return status
    except Refused as refused:
        print(refused, file=sys.stderr)
    except BrokenPipeError:  # whoever read has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except OSError as error:
        print(f"{error.filename or options.out}: can't be written: {error.strerror}", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
