"""install: the targets install and uninstall: what others need to build on Troupe, below DESTDIR/PREFIX.

    bin/                        troupe-bitcoin, troupe, troupe-idl
    include/troupe/             the public headers at their places in the tree: "bus/troupe.h", with -I from pkg-config
    lib/                        libtroupe.a: bus, launcher and the facades of what they serve; where NNG is shared, libtroupe.so; pkgconfig/troupe.pc
    lib/troupe/                 where NNG is not (Debian 12): its archives, which libtroupe.a needs
    share/troupe/               interfaces/ with the compiler, web/ with what its JavaScript needs, and a SCons tool, as they lie in the tree
    share/doc/troupe/, man/     a page for each interface, the language, the license; manuals
    share/bash-completion/      what may stand where, for the shell

Nothing that is installed names the place where it is: all of it may be moved, or be packed below DESTDIR.
"""
import os
import re
import sys

from SCons.Script import ARGUMENTS, Action, Alias, AlwaysBuild

import manual

HEADERS = ['bus/troupe.h', 'bus/troupe_gen.h', 'bus/troupe_host.h', 'bus/troupe_limits.h', 'bus/troupe_schedule.h', 'launcher/launcher.h']
SYMBOLS = 'bus/libtroupe.map'
NEEDS = ('cbor', 'inih', 'seccomp')  # besides NNG
NNG_PACKAGES = ('libnng-dev', 'libmbedtls-dev')  # whose archives bootstrap unpacks
PKG_CONFIG = """prefix=${{pcfiledir}}/../..
includedir=${{prefix}}/include/troupe
libdir=${{prefix}}/lib
idl=${{prefix}}/bin/troupe-idl
scons_tools=${{prefix}}/share/troupe/site_scons/site_tools

Name: troupe
Description: actors in one process or several, joined by typed messages
Version: {version}
Cflags: -I${{includedir}} -pthread
Libs: -L${{libdir}} -ltroupe -pthread{public}
Libs.private:{private}
"""


def version():
    with open('bus/troupe.h', encoding='utf-8') as file:
        return re.search(r'#define TROUPE_VERSION "(.*?)"', file.read())[1]


def targets(env, build, sources, external, programs):
    """`sources`: of libtroupe; `external`: what our programs link; `programs`: that are for people. Returns what test_install.py needs:
    the same once more, below the build folder."""
    prefix = ARGUMENTS.get('PREFIX', '/usr/local')
    if not os.path.isabs(prefix):
        sys.exit(f'scons: PREFIX={prefix} is relative: give it from the root of the file system')
    files, links = libraries(env, f'{build}/install', sources, external)
    files += [(f'include/troupe/{os.path.dirname(path)}', [path]) for path in HEADERS]
    files += [('include/troupe/interfaces', [f'{build}/interfaces/{name}.h' for name in ('bus', 'launcher')]),
              ('bin', programs),
              ('share/troupe/interfaces', ['interfaces/troupe-idl', env.Glob('interfaces/*.iface'), env.Glob('interfaces/*.lock')]),
              ('share/troupe/interfaces/gen', env.Glob('interfaces/gen/*.py')),
              ('share/troupe/web', ['web/package.json', 'web/package-lock.json', env.Glob('web/*.js')]),
              ('share/troupe/site_scons/site_tools', ['site_scons/site_tools/iface.py']),
              ('share/doc/troupe', ['LICENSE', 'interfaces/LANGUAGE.md']),
              ('share/doc/troupe/interfaces', reference(env, build)),
              ('share/man/man1', manual.pages(env, build, programs))]
    links += [('bin/troupe-idl', '../share/troupe/interfaces/troupe-idl')]
    as_named = [('share/bash-completion/completions/troupe', 'command/troupe.bash')]

    def put(root):
        installed = [env.Install(f'{root}/{folder}', some) for folder, some in files]
        installed += [env.InstallAs(f'{root}/{path}', source) for path, source in as_named]
        return env.Flatten(installed + [env.Command(f'{root}/{path}', env.Value(to), Action(make_link, None)) for path, to in links])

    installed = put(os.path.abspath(ARGUMENTS.get('DESTDIR', '') + prefix).replace('$', '$$'))
    Alias('install', installed)
    AlwaysBuild(Alias('uninstall', [], Action(lambda **_: remove([str(node) for node in installed]), None)))
    return put(f'{build}/staged/a prefix')


def libraries(env, made, sources, external):
    """Both of the same objects, which are position-independent. NNG's own archives are not, so where there is no other NNG there is
    no shared library."""
    number = version()
    objects = [env.SharedObject(f'{made}/{"_".join(os.path.splitext(path)[0].split(os.sep)[-2:])}', path) for path in sources]
    files, links = [('lib', env.StaticLibrary(f'{made}/libtroupe.a', objects))], []
    archives = [node for one in external if not isinstance(one, str) for node in env.Flatten(one)]
    if archives:
        shim = env.StaticLibrary(f'{made}/libtroupe_nng_shim.a', [node for node in archives if not str(node).endswith('.a')])
        archives = [*(node for node in archives if str(node).endswith('.a')), *shim]
        files += [('lib/troupe', archives)]
        files += [(f'share/doc/troupe/{package}', [f'build/deps/usr/share/doc/{package}/copyright']) for package in NNG_PACKAGES]
        needs = ' '.join(['-L${libdir}/troupe', *(f'-l{node.name[3:-2]}' for node in archives), *(f'-l{name}' for name in NEEDS)])
        text = PKG_CONFIG.format(version=number, public=f' {needs}', private='')
    else:
        soname = f'libtroupe.so.{number.split(".")[0]}'
        files += [('lib', shared(env, f'{made}/libtroupe.so.{number}', soname, objects))]
        links += [(f'lib/{soname}', f'libtroupe.so.{number}'), ('lib/libtroupe.so', soname)]
        text = PKG_CONFIG.format(version=number, public='', private=''.join(f' -l{name}' for name in ('nng', *NEEDS)))
    files += [('lib/pkgconfig', env.Command(f'{made}/troupe.pc', env.Value(text), Action(write_text, None)))]
    return files, links


def shared(env, path, soname, objects):
    library = env.SharedLibrary(path, objects, LIBS=['nng', *NEEDS], SHLIBSUFFIX='',
                                SHLINKFLAGS=f'$LINKFLAGS -shared -Wl,-soname,{soname} -Wl,--version-script={SYMBOLS} -Wl,-z,defs')
    env.Depends(library, SYMBOLS)
    return library


def reference(env, build):
    """A page for each interface, of its doc lines."""
    sources = env.Glob('interfaces/*.iface', strings=True)
    pages = [f'{build}/{os.path.splitext(path)[0]}.html' for path in sources]
    env.Command(pages, sources, Action('"$PYTHON" "$IDL" doc --out=${TARGET.dir} $SOURCES', 'doc   $SOURCES'))
    env.Depends(pages, env.Glob('interfaces/gen/*.py'))
    return pages


def write_text(target, source, **_):
    with open(str(target[0]), 'w', encoding='utf-8') as file:
        file.write(source[0].read())


def make_link(target, source, **_):
    os.symlink(source[0].read(), str(target[0]))


def remove(paths):
    """What install puts there, and the folders that are Troupe's own; what is not there is no error."""
    folders = set()
    for path in paths:
        if os.path.lexists(path):
            os.unlink(path)
            print(f'gone  {path}')
        folder = os.path.dirname(path)
        while 'troupe' in folder.split('/')[-3:]:
            folders.add(folder)
            folder = os.path.dirname(folder)
    for folder in sorted(folders, key=len, reverse=True):
        if os.path.isdir(folder) and not os.listdir(folder):
            os.rmdir(folder)
