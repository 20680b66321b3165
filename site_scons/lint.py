"""lint: clang-format, clang-tidy and cppcheck over our own C, with the settings in .clang-format and .clang-tidy. Says every complaint,
then how many files had any. With --fix it only applies clang-format."""
import concurrent.futures
import glob
import os
import shutil
import subprocess
import sys

ROOMS = ('bus', 'launcher', 'command', 'actors', 'bench', 'test', 'site_scons')
CPPCHECK = ['cppcheck', '--quiet', '--std=c11', '--enable=warning,performance,portability', '--inline-suppr', '--error-exitcode=1',
            '-D__linux__', '-D__GNUC__', '-D__x86_64__',
            '--suppress=uninitvar',  # it can't see that a callee in another file sets what it is given; gcc and valgrind do
            '--suppress=missingIncludeSystem', '--suppress=normalCheckLevelMaxBranches']


def main(database, fix):
    for tool in ('clang-format',) if fix else ('clang-format', 'clang-tidy', 'cppcheck'):
        if not shutil.which(tool):
            sys.exit(f'scons lint: needs {tool}: ./bootstrap lint installs it')
    files = sorted(path for room in ROOMS for ending in 'ch' for path in glob.glob(f'{room}/**/*.{ending}', recursive=True)
                   if '/golden/' not in path)
    # what is built elsewhere, with an installed Troupe or as a shim, is not in the database
    sources = [path for path in files if path.endswith('.c') and not path.startswith(('site_scons/', 'test/outside/'))]
    if fix:
        return subprocess.run(['clang-format', '-i', *files], check=False).returncode
    folder = os.path.dirname(database)
    commands = [['clang-format', '--dry-run', '-Werror', path] for path in files]
    commands += [['clang-tidy', '--quiet', f'-p={folder}', path] for path in sources]
    commands += [[*CPPCHECK, '-I.', f'-I{folder}', path] for path in sources if not path.startswith('test/')]
    with concurrent.futures.ThreadPoolExecutor(len(os.sched_getaffinity(0))) as pool:
        bad = {command[-1] for command, clean in zip(commands, pool.map(run, commands)) if not clean}
    print(f'lint: {len(files)} files, {len(bad)} with complaints')
    return 1 if bad else 0


def run(command):
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    if done.returncode and command[0] == 'clang-format':
        print(f'{command[-1]}: {done.stdout.count("[-Wclang-format-violations]")} places to lay out anew: scons format', flush=True)
    elif done.returncode:
        print(done.stdout.rstrip(), flush=True)
    return done.returncode == 0


if __name__ == '__main__':
    sys.exit(main(sys.argv[-1], '--fix' in sys.argv))
