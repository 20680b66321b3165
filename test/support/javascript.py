"""javascript: web/, the generated modules and test/js/ side by side below the build folder, with the npm package that they
stand on. Where Node.js or the package can't be had, tests skip and say so."""
import fcntl
import glob
import os
import shutil
import subprocess
import unittest

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BUILD = os.environ.get('TROUPE_BUILD', os.path.join(ROOT, 'build/release'))
INTERFACES = [*sorted(glob.glob('interfaces/*.iface', root_dir=ROOT)), 'test/support/sample.iface']
NPM_SECONDS = 120
NODE_VERSION_MIN = 20


def require():
    """The folder, ready; raises unittest.SkipTest."""
    node = shutil.which('node') and subprocess.run(['node', '--version'], capture_output=True, text=True, check=False).stdout
    if not node or not shutil.which('npm'):
        raise unittest.SkipTest('needs Node.js and npm: apt-get install nodejs npm')
    if int(node.lstrip('v').split('.')[0]) < NODE_VERSION_MIN:
        raise unittest.SkipTest(f'needs Node.js {NODE_VERSION_MIN} or newer, this is {node.strip()}')
    folder = os.path.abspath(os.path.join(BUILD, 'js'))
    os.makedirs(os.path.join(folder, 'web'), exist_ok=True)
    with open(os.path.join(folder, 'lock'), 'w', encoding='utf-8') as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        _install(os.path.join(folder, 'web'))
        _copy('web/*.js', os.path.join(folder, 'web'))
        _copy('test/js/*.mjs', os.path.join(folder, 'test/js'))
        subprocess.run(['interfaces/troupe-idl', 'js', f'--out={folder}/web', *INTERFACES], cwd=ROOT, check=True)
    return folder


def _copy(pattern, to):
    os.makedirs(to, exist_ok=True)
    for path in glob.glob(pattern, root_dir=ROOT):
        shutil.copy(os.path.join(ROOT, path), to)


def _install(web):
    """What web/package-lock.json names, once."""
    wanted = [os.path.join(ROOT, 'web', name) for name in ('package.json', 'package-lock.json', '.npmrc')]
    there = [os.path.join(web, os.path.basename(path)) for path in wanted]
    if os.path.isdir(os.path.join(web, 'node_modules')) and all(map(_same, wanted, there)):
        return
    for path in wanted:
        shutil.copy(path, web)
    try:
        done = subprocess.run(['npm', 'ci'], cwd=web, capture_output=True, text=True, check=False, timeout=NPM_SECONDS)
    except subprocess.TimeoutExpired:
        done = None
    if done is None or done.returncode:
        shutil.rmtree(os.path.join(web, 'node_modules'), ignore_errors=True)
        why = done.stderr.strip().splitlines()[-1:] if done else ['it took too long']
        raise unittest.SkipTest(f'the npm packages of web/package.json could not be had: {"".join(why)}')


def _same(one, other):
    if not os.path.exists(other):
        return False
    with open(one, 'rb') as left, open(other, 'rb') as right:
        return left.read() == right.read()
