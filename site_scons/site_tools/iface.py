"""iface: env.Iface(folder, paths) turns interface files into C with the package interfaces.gen.

All files of a folder go through one run, so that what must hold between them is checked. NAME.iface becomes NAME.h, NAME.c,
NAME.cddl and NAME.md in `folder`.
"""
import os

from SCons.Script import Action, Glob


def iface(env, folder, paths):
    """The C file of each interface, by the interface's path."""
    made = {path: f'{folder}/{os.path.splitext(os.path.basename(path))[0]}' for path in paths}
    if not made:
        return {}
    targets = [base + ending for base in made.values() for ending in ('.h', '.c', '.cddl', '.md')]
    env.Command(targets, paths, Action('$IFACECOM', '$IFACECOMSTR'))
    env.Alias('generated', targets)
    env.Depends(targets, Glob('#interfaces/gen/*.py') + Glob(f'#{os.path.dirname(paths[0])}/*.lock'))
    return {path: base + '.c' for path, base in made.items()}


def generate(env):
    env['IFACECOM'] = '$PYTHON -B -m interfaces.gen --out ${TARGET.dir} $SOURCES'
    env.AddMethod(iface, 'Iface')


def exists(env):
    return True
