"""iface: env.Iface(folder, paths) turns interface files into C with troupe-idl.

All files of a folder go through one run, so that what must hold between them is checked. NAME.iface becomes NAME.h and NAME.c in
`folder`; a change that its NAME.lock forbids fails the build. Programs outside of Troupe's tree use it as it is installed:

    Environment(tools=['default', 'iface'], toolpath=['PREFIX/share/troupe/site_scons/site_tools'])
"""
import os
import sys

from SCons.Script import Action

INTERFACES = os.path.realpath(os.path.join(os.path.dirname(__file__), '..', '..', 'interfaces'))


def iface(env, folder, paths):
    """The C file of each interface, by the interface's path."""
    made = {path: f'{folder}/{os.path.splitext(os.path.basename(path))[0]}' for path in paths}
    if not made:
        return {}
    targets = [base + ending for base in made.values() for ending in ('.h', '.c')]
    env.Command(targets, paths, Action('$IFACECOM', '$IFACECOMSTR'))
    env.Alias('generated', targets)
    env.Depends(targets, env.Glob(f'{INTERFACES}/gen/*.py') + env.Glob(f'{os.path.dirname(paths[0]) or "."}/*.lock'))
    return {path: base + '.c' for path, base in made.items()}


def generate(env):
    env.SetDefault(PYTHON=sys.executable, IDL=os.path.join(INTERFACES, 'troupe-idl'))
    env['IFACECOM'] = '"$PYTHON" "$IDL" c --out=${TARGET.dir} $SOURCES'
    env.AddMethod(iface, 'Iface')


def exists(env):
    return True
