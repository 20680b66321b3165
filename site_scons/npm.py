"""npm: packages below the build folder, as a package-lock.json of the tree names them; and web/ with the generated facades beside its own."""
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
    """BUILD/js/web, ready; what is beside it finds the packages, too."""
    def fill(web):
        copy(os.path.join(root, 'web/*.js'), web)
        subprocess.run(['interfaces/troupe-idl', 'js', f'--out={web}', *files], cwd=root, check=True)
        beside = os.path.join(os.path.dirname(web), 'node_modules')
        if not os.path.islink(beside):
            os.symlink('web/node_modules', beside)
    return packages(root, 'web', os.path.join(build, 'js', 'web'), fill)


def packages(root, source, folder, fill):
    """`folder` with the packages that the list in `source` names, and what `fill` puts beside them. One process makes it, the others
    wait."""
    node = shutil.which('node') and subprocess.run(['node', '--version'], capture_output=True, text=True, check=False).stdout
    if not node or not shutil.which('npm'):
        raise Missing('needs Node.js and npm: apt-get install nodejs npm')
    if int(node.lstrip('v').split('.')[0]) < NODE_VERSION_MIN:
        raise Missing(f'needs Node.js {NODE_VERSION_MIN} or newer, this is {node.strip()}')
    folder = os.path.abspath(folder)
    os.makedirs(folder, exist_ok=True)
    with open(os.path.join(folder, 'lock'), 'w', encoding='utf-8') as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        install(root, source, folder)
        fill(folder)
    return folder


def copy(pattern, to):
    os.makedirs(to, exist_ok=True)
    for path in glob.glob(pattern):
        shutil.copy(path, to)


def install(root, source, folder):
    """Once for each list of packages."""
    lists = [os.path.join(root, source, name) for name in LISTS]
    if os.path.isdir(os.path.join(folder, 'node_modules')) and all(same(path, os.path.join(folder, os.path.basename(path))) for path in lists):
        return
    shutil.rmtree(os.path.join(folder, 'node_modules'), ignore_errors=True)
    for path in lists:
        shutil.copy(path, folder)
    try:
        done = subprocess.run(['npm', 'ci'], cwd=folder, capture_output=True, text=True, check=False, timeout=NPM_SECONDS)
        why = '' if done.returncode == 0 else ''.join(done.stderr.strip().splitlines()[-1:]) or 'npm ci failed'
    except subprocess.TimeoutExpired:
        why = 'it took too long'
    if why:
        shutil.rmtree(os.path.join(folder, 'node_modules'), ignore_errors=True)
        raise Missing(f'the npm packages of {source}/package.json could not be had: {why}')


def same(one, other):
    if not os.path.exists(other):
        return False
    with open(one, 'rb') as left, open(other, 'rb') as right:
        return left.read() == right.read()
