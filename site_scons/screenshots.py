"""screenshots: README's pictures, in doc/: those that the browser tests keep under names that begin with readme-."""
import glob
import os
import shutil
import subprocess
import sys

FOLDER = 'doc'
BYTES_MAX = 80 * 1024


def main(build):
    made = os.path.join(build, 'screenshots')
    shutil.rmtree(made, ignore_errors=True)
    subprocess.run([sys.executable, '-B', '-m', 'unittest', '-v', '-k', 'readable', '-k', 'observer', 'test_browser'], cwd='test', check=True,
                   env={**os.environ, 'TROUPE_BUILD': os.path.abspath(build)})
    pictures = sorted(glob.glob(os.path.join(made, 'readme-*.png')))
    if not pictures:
        sys.exit('screenshots: no picture was made: the lines above say what the browser tests need')
    os.makedirs(FOLDER, exist_ok=True)
    for path in pictures:
        name = os.path.basename(path).removeprefix('readme-')
        if os.path.getsize(path) > BYTES_MAX:
            sys.exit(f'screenshots: {name} has {os.path.getsize(path)} bytes, more than {BYTES_MAX}: show less in its scene')
        shutil.copy(path, os.path.join(FOLDER, name))
        print(f'{FOLDER}/{name}')


if __name__ == '__main__':
    main(sys.argv[1])
