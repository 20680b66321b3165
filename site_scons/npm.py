"""npm: web/ and the generated facades side by side below the build folder, with the packages that web/package-lock.json names."""
import fcntl
import glob
import os
import shutil
import subprocess

NPM_SECONDS = 120
NODE_VERSION_MIN = 20
LISTS = ('package.json', 'package-lock.json', '.npmrc')


class Missing(Exception):
    """What can't be had here, and why."""


def interfaces(root):
    return sorted(glob.glob('interfaces/*.iface', root_dir=root))


def prepare(root, build, files):
    """BUILD/js/web, ready. One process makes it, the others wait."""
    node = shutil.which('node') and subprocess.run(['node', '--version'], capture_output=True, text=True, check=False).stdout
    if not node or not shutil.which('npm'):
        raise Missing('needs Node.js and npm: apt-get install nodejs npm')
    if int(node.lstrip('v').split('.')[0]) < NODE_VERSION_MIN:
        raise Missing(f'needs Node.js {NODE_VERSION_MIN} or newer, this is {node.strip()}')
    web = os.path.abspath(os.path.join(build, 'js', 'web'))
    os.makedirs(web, exist_ok=True)
    with open(os.path.join(web, 'lock'), 'w', encoding='utf-8') as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        install(os.path.join(root, 'web'), web)
        copy(os.path.join(root, 'web/*.js'), web)
        subprocess.run(['interfaces/troupe-idl', 'js', f'--out={web}', *files], cwd=root, check=True)
    return web


def copy(pattern, to):
    os.makedirs(to, exist_ok=True)
    for path in glob.glob(pattern):
        shutil.copy(path, to)


def install(source, web):
    """Once for each list of packages."""
    if os.path.isdir(os.path.join(web, 'node_modules')) and all(same(os.path.join(source, name), os.path.join(web, name)) for name in LISTS):
        return
    shutil.rmtree(os.path.join(web, 'node_modules'), ignore_errors=True)
    for name in LISTS:
        shutil.copy(os.path.join(source, name), web)
    try:
        done = subprocess.run(['npm', 'ci'], cwd=web, capture_output=True, text=True, check=False, timeout=NPM_SECONDS)
        why = '' if done.returncode == 0 else ''.join(done.stderr.strip().splitlines()[-1:]) or 'npm ci failed'
    except subprocess.TimeoutExpired:
        why = 'it took too long'
    if why:
        shutil.rmtree(os.path.join(web, 'node_modules'), ignore_errors=True)
        raise Missing(f'the npm packages of web/package.json could not be had: {why}')


def same(one, other):
    if not os.path.exists(other):
        return False
    with open(one, 'rb') as left, open(other, 'rb') as right:
        return left.read() == right.read()
