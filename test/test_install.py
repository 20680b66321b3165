"""What `scons install` puts below DESTDIR/PREFIX is enough to build on: the program of test/outside, by its Makefile and its SConstruct.

The prefix has a space, and what was installed is moved before it is used: nothing may name the place it was installed to."""
import glob
import os
import re
import shutil
import subprocess
import tempfile
import unittest

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
BUILD = os.environ.get('TROUPE_BUILD', os.path.join(ROOT, 'build/release'))
STAGED = os.path.join(BUILD, 'staged/a prefix')


def declared(text):
    """The functions and objects that a header declares."""
    text = re.sub(r'/\*.*?\*/|^#(?:[^\n]*\\\n)*[^\n]*|extern "C" \{|__attribute__\(\(\w+\)\)', '', text, flags=re.DOTALL | re.MULTILINE)
    names = set()
    for statement in re.split(r'[;{}]', text):
        statement = statement.strip()
        if match := re.match(r'(?!typedef|static)[\w\s*]+?\b((?:troupe|bus|launcher)_\w+)\(', statement):
            names.add(match[1])
        elif match := re.match(r'extern [\w\s*]+?\b(\w+)$', statement):
            names.add(match[1])
    return names


def run(*command, cwd=ROOT, env=None):
    return subprocess.run(command, cwd=cwd, env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)


class Install(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        if not os.path.isdir(STAGED):
            raise unittest.SkipTest('nothing is staged: scons test only=test_install')
        folder = tempfile.TemporaryDirectory()
        cls.addClassCleanup(folder.cleanup)
        cls.prefix = os.path.join(folder.name, 'moved to', 'a prefix')
        os.mkdir(os.path.dirname(cls.prefix))
        shutil.copytree(STAGED, cls.prefix, symlinks=True)
        cls.shared = os.path.exists(f'{cls.prefix}/lib/libtroupe.so')
        cls.env = {**os.environ, 'PKG_CONFIG_PATH': f'{cls.prefix}/lib/pkgconfig', 'LD_LIBRARY_PATH': f'{cls.prefix}/lib', 'PYTHONPATH': ''}

    def outside(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        return shutil.copytree(os.path.join(ROOT, 'test/outside'), os.path.join(folder.name, 'outside'))

    def build(self, folder, *command):
        done = run(*command, cwd=folder, env=self.env)
        self.assertEqual(done.returncode, 0, done.stdout)
        self.assertNotRegex(done.stdout, 'warning:')
        return done.stdout

    def greets(self, program, is_shared):
        for split in ('greeter', 'none'):
            done = run(program, f'--split={split}', env=self.env)
            there = 'another' if split == 'greeter' else 'this'
            self.assertEqual((done.returncode, sorted(done.stdout.splitlines())),
                             (0, [f'Hello, Ada! (from {there} process)', f'Hello, Grace! (from {there} process)', 'greeted 2 times',
                                  'refused: a name is needed']))
        needed = re.findall(r'\(NEEDED\).*\[(.*?)\]', run('readelf', '-d', program).stdout)
        self.assertEqual([name for name in needed if name.startswith('libtroupe')], ['libtroupe.so.0'] if is_shared else [])

    def test_a_makefile_builds_on_it(self):
        folder = self.outside()
        self.build(folder, 'make', 'greet', 'greeter.html')
        self.greets(f'{folder}/greet', self.shared)
        self.assertIn('up to date', self.build(folder, 'make'))
        if self.shared:
            self.build(folder, 'make', 'clean')
            self.build(folder, 'make', 'static=1')
            self.greets(f'{folder}/greet', False)
        self.changes_are_refused(folder, 'make')

    def test_an_sconstruct_builds_on_it(self):
        folder = self.outside()
        self.build(folder, 'scons', '-Q')
        self.greets(f'{folder}/build/greet', self.shared)
        self.changes_are_refused(folder, 'scons')

    def changes_are_refused(self, folder, build):
        """Of a contract that was published, in a program that is not ours."""
        self.build(folder, f'{self.prefix}/bin/troupe-idl', 'lock', 'greeter.iface')
        with open(f'{folder}/greeter.iface', encoding='utf-8') as file:
            text = file.read()
        with open(f'{folder}/greeter.iface', 'w', encoding='utf-8') as file:
            file.write(text.replace('name:text<=64', 'name:text<=32').replace('version 1', 'version 2'))
        done = run(build, cwd=folder, env=self.env)
        self.assertNotEqual(done.returncode, 0)
        self.assertRegex(done.stdout, "greeter.iface:7:25: 'name' has a smaller bound than it had, which breaks peers of version 1")

    def test_the_library_shows_what_the_headers_declare(self):
        headers = glob.glob(f'{self.prefix}/include/troupe/*/*.h')
        self.assertGreaterEqual(len(headers), 7)
        public = set()
        for path in headers:
            with open(path, encoding='utf-8') as file:
                public |= declared(file.read())
        self.assertGreater(len(public), 100)
        if self.shared:
            shown = run('nm', '-D', '--defined-only', '--without-symbol-versions', f'{self.prefix}/lib/libtroupe.so').stdout
            shown = {line.split()[2] for line in shown.splitlines()} - {'TROUPE_0'}
        else:
            shown = run('nm', '-g', '--defined-only', f'{self.prefix}/lib/libtroupe.a').stdout
            shown = set(re.findall(r'^\w+ [A-Z] ((?:troupe|bus|launcher)_\w+)$', shown, re.MULTILINE))
        self.assertEqual((sorted(public - shown), sorted(shown - public)), ([], []))

    def test_headers_stand_alone_in_c_and_cpp(self):
        options = ['-I', f'{self.prefix}/include/troupe', '-Wall', '-Wextra', '-Werror', '-fsyntax-only']
        headers = sorted(glob.glob('*/*.h', root_dir=f'{self.prefix}/include/troupe'))
        for path in headers:
            self.build(self.prefix, 'gcc', '-std=c11', *options, '-x', 'c', '-include', path, '/dev/null')
        if shutil.which('g++'):
            every = [word for path in headers for word in ('-include', path)]
            self.build(self.prefix, 'g++', *options, '-x', 'c++', *every, '/dev/null')

    def test_the_compiler_and_the_program_run_from_there(self):
        wrong = os.path.join(self.prefix, 'greeter.iface')
        with open(wrong, 'w', encoding='utf-8') as file:
            file.write('interface a.Greeter @1 version 1\nmethod greet @1 (0 name:text) -> ()\n')
        self.addCleanup(os.unlink, wrong)
        done = run('bin/troupe-idl', 'check', 'greeter.iface', cwd=self.prefix, env=self.env)
        self.assertEqual((done.returncode, done.stdout), (1, "greeter.iface:2:29: expected a bound such as <=256 after 'text'\n"))
        node = 'share/troupe/interfaces/node.iface'
        self.assertEqual(self.build(self.prefix, 'bin/troupe-idl', 'diff', node), '')
        self.assertRegex(self.build(self.prefix, 'bin/troupe-bitcoin', '--version'), r'^troupe-bitcoin \d')

    def test_manuals_name_every_option(self):
        commands = re.findall(r'^    (\w+)  ', self.build(self.prefix, 'bin/troupe-idl', '--help'), re.MULTILINE)
        self.assertGreaterEqual(len(commands), 7)
        page = self.page('troupe-idl')
        for command in commands:
            self.assertIn(f'.It Cm {command}\n', page)
            for option in set(re.findall(r'--(\w+)', self.build(self.prefix, 'bin/troupe-idl', command, '--help'))) - {'help'}:
                self.assertRegex(page, rf'Fl Fl {option}\b')
        page, said = self.page('troupe-bitcoin'), self.build(self.prefix, 'bin/troupe-bitcoin', '--help')
        self.assertIn('\\(ti/.local/share/troupe\\-bitcoin', page)
        words = re.findall(r'^  (--[\w-]+|[a-z-]+)(?= |=|\[)[^\n]* {2,}\S', said.partition('\nRoles:')[0], re.MULTILINE)
        self.assertGreater(len(words), 50)
        for word in words:
            self.assertIn(f'.Sy {word}'.replace('-', '\\-'), page)

    def test_the_command_brings_its_manual_and_its_completion(self):
        page, said = self.page('troupe'), self.build(self.prefix, 'bin/troupe', '--help')
        words = re.findall(r'^  (--[\w-]+|[a-z-]+)(?= |=|\[)[^\n]* {2,}\S', said, re.MULTILINE)
        self.assertGreater(len(words), 15)
        for word in words:
            self.assertIn(f'.Sy {word}'.replace('-', '\\-'), page)
        self.assertEqual(self.build(self.prefix, 'bin/troupe', 'idl', 'check', 'share/troupe/interfaces/node.iface'), '')
        with open(f'{self.prefix}/share/bash-completion/completions/troupe', encoding='utf-8') as file:
            self.assertIn('complete -o default -F _troupe troupe\n', file.read())

    def page(self, name):
        with open(f'{self.prefix}/share/man/man1/{name}.1', encoding='utf-8') as file:
            return file.read()

    def test_uninstall_takes_all_of_it_away(self):
        """And nothing else. With a build folder of its own: the one that runs the tests has the usual one."""
        with tempfile.TemporaryDirectory() as build:
            prefix = shutil.copytree(STAGED, f'{build}/there/a prefix', symlinks=True)
            kept = os.path.join(prefix, 'lib/kept')
            with open(kept, 'w', encoding='utf-8'):
                pass
            done = run('scons', '-Q', f'build={build}', 'uninstall', f'DESTDIR={build}/there', 'PREFIX=/a prefix')
            self.assertEqual(done.returncode, 0, done.stdout)
            left = [os.path.join(folder, name) for folder, _, names in os.walk(prefix) for name in names]
            self.assertEqual(left, [kept])
            self.assertEqual(glob.glob(f'{prefix}/*/troupe') + glob.glob(f'{prefix}/*/*/troupe'), [])


if __name__ == '__main__':
    unittest.main()
