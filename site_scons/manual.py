"""manual: the manual pages. man/NAME.1 is written by hand; where it says .\\" OPTIONS, .\\" COMMANDS or .\\" VERBS comes what the program's own
--help says of them, so that each option is described in one place."""
import os
import re
import subprocess

from SCons.Script import Action

HOME = '/HOME'  # of whoever reads the page, not of whoever builds it


def pages(env, build, programs):
    """The pages as they are installed."""
    made = [env.Command(f'{build}/man/{program.name}.1', [f'man/{program.name}.1', program, 'site_scons/manual.py'],
                        Action(write_page, 'man   $TARGET')) for program in programs]
    return [*made, env.File('man/troupe-idl.1')]


def write_page(target, source, **_):
    surroundings = {**{name: value for name, value in os.environ.items() if name != 'XDG_DATA_HOME'}, 'HOME': HOME}
    help_text = subprocess.run([os.path.abspath(str(source[1])), '--help'], env=surroundings, stdout=subprocess.PIPE, text=True,
                               check=True).stdout.replace(HOME, '~')
    with open(str(source[0]), encoding='utf-8') as file:
        text = file.read()
    with open(str(target[0]), 'w', encoding='utf-8') as file:
        file.write(page(text, help_text))


def page(text, help_text):
    for part in ('OPTIONS', 'COMMANDS', 'VERBS'):
        text = text.replace(f'.\\" {part}\n', items(help_text, part.title()))
    return text


def items(help_text, part):
    """The lines "  WORDS   what they do" below the headings of a --help that begin with `part`; one that stands further in goes on."""
    below = re.findall(rf'^{part}[^\n]*(?:\n\S[^\n]*)*\n((?:  [^\n]*\n)+)', help_text, re.MULTILINE)
    whole = re.sub(r'\n {3,}', ' ', ''.join(below))
    rows = [re.fullmatch(r'  (\S.*?) {2,}(\S.*)', line) for line in whole.splitlines()]
    lines = ['.Bl -tag -width Ds']
    for row in rows:
        lines += [f'.It Xo\n.Sy {plain(row[1].split()[0])}', *([f'.Ar {plain(rest)}'] if (rest := " ".join(row[1].split()[1:])) else []),
                  '.Xc', plain(row[2])]
    return '\n'.join([*lines, '.El', ''])


def plain(text):
    """Text that roff takes for nothing else."""
    text = text.replace('\\', '\\e').replace('-', '\\-').replace('~', '\\(ti').replace("'", '\\(aq').replace('"', '\\(dq')
    return f'\\&{text}' if text.startswith('.') else text
