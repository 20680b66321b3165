"""The architecture's arrows, kept by looking at the tree: who includes whom, what a header shows, what a library exports."""
import concurrent.futures
import glob
import os
import re
import shlex
import subprocess
import unittest

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
BUILD = os.environ.get('TROUPE_BUILD', os.path.join(ROOT, 'build/release'))
CC = shlex.split(os.environ.get('TROUPE_CC', f'gcc -std=c11 -D_GNU_SOURCE -I. -I{BUILD} -isystem build/deps/usr/include'))
PUBLIC = 'bus/troupe*.h'  # all that is for others of bus/

# Each room, what of the tree it may include besides its own files, and which libraries from outside. Nothing else.
ROOMS = {
    'bus': (['interfaces/bus.h'], ['nng/', 'cbor.h', 'cbor/']),
    'launcher': ([PUBLIC, 'interfaces/launcher.h'], ['ini.h', 'seccomp.h']),
    'interfaces': ([PUBLIC], []),
    'actors/bitcoin': ([], ['openssl/', 'secp256k1', 'sqlite3.h']),
    'actors/node': ([PUBLIC, 'interfaces/*.h', 'actors/bitcoin/*.h', 'launcher/launcher.h'], ['sqlite3.h']),
    'actors/wallet': ([PUBLIC, 'interfaces/*.h', 'actors/bitcoin/*.h', 'launcher/launcher.h'], ['sqlite3.h']),
    'actors/ui': ([PUBLIC, 'interfaces/*.h', 'actors/bitcoin/*.h', 'launcher/launcher.h'], []),
    'command': ([PUBLIC, 'interfaces/bus.h', 'launcher/launch.h', 'launcher/visit.h'], []),
    'actors/web': ([PUBLIC, 'interfaces/*.h', 'launcher/launcher.h'], ['nng/']),
    'actors': ([PUBLIC, 'interfaces/*.h', 'launcher/*.h', 'actors/*/*.h'], []),
}
FOREIGN = ['nng/', 'cbor.h', 'cbor/', 'ini.h', 'seccomp.h', 'openssl/', 'secp256k1', 'sqlite3.h']


def files(*patterns, root=ROOT):
    return sorted(path for pattern in patterns for path in glob.glob(pattern, root_dir=root, recursive=True))


def read(path, root=ROOT):
    with open(os.path.join(root, path), encoding='utf-8') as file:
        return file.read()


def includes(text):
    return re.findall(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]', text, re.MULTILINE)


def matches(path, patterns):
    return any(re.fullmatch(re.escape(pattern).replace(r'\*', '[^/]*'), path) for pattern in patterns)


def run(*command):
    return subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)


def nothing(test, found):
    """What was found is listed whole, one to a line."""
    test.assertFalse(found, '\n' + '\n'.join(sorted(found)))


class Arrows(unittest.TestCase):
    def test_rooms_include_only_what_is_below_them(self):
        wrong = []
        for room, (allowed, foreign) in ROOMS.items():
            generated = files('interfaces/*.[ch]', root=BUILD) if room == 'interfaces' else []
            sources = [(path, read(path)) for path in files(f'{room}/*.[ch]')] + [(path, read(path, BUILD)) for path in generated]
            for path, text in sources:
                for mark, name in includes(text):
                    if mark == '<':
                        outside = [known for known in FOREIGN if name.startswith(known)]
                        right = not outside or any(name.startswith(known) for known in foreign)
                    else:
                        right = os.path.dirname(name) in (room, '') or matches(name, allowed)
                    if not right:
                        wrong.append(f'{path} includes {name}')
        nothing(self, wrong)

    def test_includes_start_at_the_root(self):
        """Own headers are named from the root in quotes, so that the rule above sees them all."""
        wrong = [f'{path} includes {name}' for path in files('bus/*.[ch]', 'launcher/*.[ch]', 'command/*.[ch]', 'actors/**/*.[ch]')
                 for mark, name in includes(read(path))
                 if (mark == '"') != bool(glob.glob(name, root_dir=ROOT) or glob.glob(name, root_dir=BUILD))]
        nothing(self, wrong)

    def test_every_source_is_in_a_known_room(self):
        known = [f'{room}/*.[ch]' for room in ROOMS]
        known += ['bench/*.[ch]', 'test/**/*.[ch]', 'interfaces/gen/**/*.[ch]', 'site_scons/*.c']
        everything = [path for path in files('**/*.[ch]') if not path.startswith('build/')]
        nothing(self, set(everything) - set(files(*known)))


class Headers(unittest.TestCase):
    def test_public_headers_name_no_library_type(self):
        wrong = [f'{path}: {word}' for path in files(PUBLIC)
                 for word in re.findall(r'\b(?:nng_|nni_|cbor_)\w+', re.sub(r'/\*.*?\*/|//[^\n]*', '', read(path), flags=re.DOTALL))]
        nothing(self, wrong)

    def test_every_header_stands_alone(self):
        headers = files('bus/*.h', 'launcher/*.h', 'command/*.h', 'actors/**/*.h', 'test/**/*.h')
        headers += [os.path.join(BUILD, path) for path in files('interfaces/*.h', root=BUILD)]
        self.assertTrue(headers)
        with concurrent.futures.ThreadPoolExecutor(2) as pool:
            results = pool.map(lambda path: run(*CC, '-fsyntax-only', '-x', 'c', '-include', path, '/dev/null'), headers)
            wrong = [f'{path}:\n{done.stdout}' for path, done in zip(headers, results) if done.returncode]
        nothing(self, wrong)


class Symbols(unittest.TestCase):
    """libtroupe.a shows troupe_... to others, keeps ti_... between its own files, and carries the facade of bus.iface."""

    def setUp(self):
        lines = run('nm', '-g', '--defined-only', os.path.join(BUILD, 'libtroupe.a')).stdout.splitlines()
        self.exported = {line.split()[2] for line in lines if len(line.split()) == 3 and not line.split()[2].startswith('__')}

    def test_library_exports_only_its_prefixes(self):
        self.assertTrue(self.exported)
        nothing(self, [name for name in self.exported if not re.match(r'troupe_|ti_|bus_', name)])

    def test_exported_functions_are_in_a_public_header(self):
        public = ' '.join(read(path) for path in files(PUBLIC))
        hidden = [name for name in self.exported if name.startswith('troupe_') and not re.search(rf'\b{name}\b', public)]
        nothing(self, hidden)

    def test_public_functions_are_there(self):
        """Every function that a public header declares is in libtroupe, or in the launcher's library."""
        lines = run('nm', '-g', '--defined-only', *[os.path.join(BUILD, path) for path in files('libtroupe*.a', root=BUILD)]).stdout
        defined = set(re.findall(r' T (\w+)$', lines, re.MULTILINE))
        declared = set()
        for path in files(PUBLIC):
            text = re.sub(r'/\*.*?\*/|^#(?:[^\n]*\\\n)*[^\n]*', '', read(path), flags=re.DOTALL | re.MULTILINE)
            for statement in re.split(r'[;{}]', text):
                if match := re.match(r'(?!typedef|static)[\w\s*]+?\b(troupe_\w+)\(', statement.strip()):
                    declared.add(match[1])
        self.assertTrue(declared)
        nothing(self, declared - defined)

    def test_internal_names_stay_out_of_public_headers(self):
        nothing(self, [path for path in files(PUBLIC) if re.search(r'\bti_\w+', read(path))])


class Tracked(unittest.TestCase):
    def test_no_file_names_a_machine_or_a_registry(self):
        """Paths of one machine and hosts of package registries: nobody else has them."""
        listed = run('git', 'ls-files', '-z')
        if listed.returncode:
            self.skipTest('not a git checkout')
        pattern = re.compile(r'/(?:work|farm|home|Users)/\w|\broot@|\w+\.debian\.(?:org|net)\b|\bregistry\.npm|\bpypi\.org')
        wrong = []
        for path in filter(None, listed.stdout.split('\0')):
            full = os.path.join(ROOT, path)
            if path == 'test/test_tree.py' or not os.path.isfile(full):
                continue
            with open(full, 'rb') as file:
                text = file.read().decode('utf-8', errors='replace')
            wrong += [f'{path}:{n}: {line.strip()[:100]}' for n, line in enumerate(text.splitlines(), 1) if pattern.search(line)]
        nothing(self, wrong)


if __name__ == '__main__':
    unittest.main()
