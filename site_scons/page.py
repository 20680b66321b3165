"""page: the files of the web role's pages as C, so that a process without any file of its own can serve them. The script that a page
names is bundled of actors/web/page/, web/ and the generated facades, by esbuild from npm. Without Node.js or npm the pages are there
and say that they have no script; all else is built as ever."""
import os
import re
import shutil
import subprocess

from SCons.Script import Action, Glob

import npm

FOLDER = 'actors/web/page'
TYPES = {'.html': 'text/html; charset=utf-8', '.css': 'text/css; charset=utf-8', '.js': 'text/javascript; charset=utf-8',
         '.svg': 'image/svg+xml'}
BANNER = """/*! troupe-bitcoin, with these packages from https://www.npmjs.com:
cborg (Apache-2.0), lit-html (BSD-3-Clause, Google LLC), qrcode-generator (MIT, Kazuhiko Arase), @scure/base and @noble/hashes
(MIT, Paul Miller) */"""


def made(env, build):
    files = Glob(f'#{FOLDER}/*')
    needs = Glob('#web/*.js') + [env.File(f'#web/{name}') for name in npm.LISTS] + Glob('#interfaces/*.iface') + Glob('#interfaces/gen/*.py')
    node = env.Value(f'{shutil.which("node")} {shutil.which("npm")}')  # built again once they are there
    out = env.Command(f'{build}/actors/web/page.c', files, Action(lambda target, source, **_: write(str(target[0]), source, build), 'page  $TARGET'))
    env.Depends(out, [needs, node])
    return out


def write(target, source, build):
    named = {os.path.basename(file.path): file.srcnode().path for file in source}
    files = {name: read(path) for name, path in named.items() if not name.endswith('.js')}
    files.update(bundles(sorted({script for name, content in files.items() for script in scripts_of(name, content)}), build))
    with open(target, 'w', encoding='ascii') as out:
        out.write(text(sorted(files.items())))


def scripts_of(name, content):
    return re.findall(r'<script type="module" src="/(\w+\.js)">', content.decode()) if name.endswith('.html') else []


def read(path):
    with open(path, 'rb') as file:
        return file.read()


def bundles(scripts, build):
    """Each in one module with all that it imports; none where that can't be made."""
    try:
        web = npm.prepare('.', build, npm.interfaces('.'))
    except npm.Missing as missing:
        print(f'page: without its script: {missing}')
        return {}
    npm.copy(f'{FOLDER}/*.js', os.path.join(os.path.dirname(web), 'page'))
    return {script: bundle(script, web) for script in scripts}


def bundle(script, web):
    done = subprocess.run([f'{web}/node_modules/.bin/esbuild', f'page/{script}', '--bundle', '--format=esm', '--target=es2022', '--minify',
                           '--legal-comments=none', f'--banner:js={BANNER}', '--log-level=warning'], cwd=os.path.dirname(web),
                          stdout=subprocess.PIPE, check=True)
    return done.stdout


def text(files):
    """index.html is what a browser gets for /."""
    lines = ['/* Made by site_scons/page.py. */', '#include "actors/web/page.h"', '']
    rows = []
    for at, (name, content) in enumerate(files):
        lines += [f'static const unsigned char file_{at}[] = {{', *rows_of(content), '};']
        path = '/' if name == 'index.html' else f'/{name}'
        rows.append(f'    {{"{path}", "{TYPES[os.path.splitext(name)[1]]}", file_{at}, sizeof file_{at} - 1}},')
    lines += ['const struct web_file web_page[] = {', *rows, '};', f'const size_t web_page_count = {len(files)};', '']
    return '\n'.join(lines)


def rows_of(content):
    numbers = [str(byte) for byte in content] + ['0']  # no array is empty
    return ['    ' + ','.join(numbers[at:at + 32]) + ',' for at in range(0, len(numbers), 32)]
