"""JavaScript: the facade that the generator makes and what it stands on (web/), under Node.js. The tests are test/js/*.mjs."""
import glob
import os
import re
import subprocess
import sys
import tempfile
import unittest

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, os.path.join(ROOT, 'test', 'support'))
import javascript  # noqa: E402 (the path comes first)

SECONDS = 120 * int(os.environ.get('TROUPE_SLOW', '1'))
ODD = """interface test.Odd @950 version 1
enum Object open { constructor=0 prototype=1 }
struct Map { 0 constructor:u8; 1 arguments:Object=constructor; 2 await:text<=9="it's" }
struct Array { 0 map:Map; 1 field:[Map?]<=2 }
error Error @100 {}
method constructor @1 (0 this_one:Map) -> (0 array:Array) throws Error
method method @2 () -> stream (0 uint:u64=1; 1 text:i64=-1)
method await @3 ()
event event @1 (0 map:Map) overflow gap
"""


def read(path):
    with open(os.path.join(ROOT, path), encoding='utf-8') as file:
        return file.read()


def node(folder, *words):
    return subprocess.run(['node', *words], cwd=folder, env={**os.environ, 'TROUPE_ROOT': ROOT}, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True, check=False, timeout=SECONDS)


class JavaScript(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = javascript.require()

    def run_file(self, name):
        done = node(self.folder, '--test', '--test-reporter=spec', f'test/js/{name}')
        self.assertEqual(done.returncode, 0, done.stdout)
        self.assertRegex(done.stdout, r'pass [1-9]')

    def test_values_and_frames_are_those_of_c(self):
        self.run_file('test_values.mjs')

    def test_links(self):
        self.run_file('test_link.mjs')

    def test_events_and_links_that_come_and_go(self):
        self.run_file('test_peer.mjs')

    def test_what_a_page_stands_on(self):
        self.run_file('test_page.mjs')

    def test_no_file_is_left_out(self):
        run = re.findall(r"run_file\('(\w+\.mjs)'\)", read('test/test_js.py'))
        self.assertEqual(sorted(run), sorted(glob.glob('test_*.mjs', root_dir=os.path.join(ROOT, 'test/js'))))

    def test_the_module_of_every_interface_loads(self):
        for path in javascript.INTERFACES:
            name = os.path.basename(path)[:-6]
            done = node(self.folder, '--input-type=module', '-e',
                        f"import * as it from './web/{name}.js'; console.log(it.{name}_contract.name)")
            self.assertEqual(done.returncode, 0, done.stdout)

    def test_names_that_javascript_has_taken(self):
        """C has taken others: those are the generator's to refuse."""
        with tempfile.TemporaryDirectory() as made:
            path = os.path.join(made, 'odd.iface')
            with open(path, 'w', encoding='utf-8') as file:
                file.write(ODD)
            out = os.path.join(self.folder, 'web')
            done = subprocess.run(['interfaces/troupe-idl', 'js', f'--out={out}', path], cwd=ROOT, capture_output=True, text=True, check=False)
            self.assertEqual((done.returncode, done.stderr), (0, ''))
        done = node(self.folder, '--input-type=module', '-e', """
            import { Odd, odd_object } from './web/odd.js';
            const asked = [];
            const peer = { target: (ref) => ({ link: { call: (id, method) => asked.push(method.name) }, id: 1 }) };
            const odd = new Odd({ peer, role: 'odd' });
            await odd.constructor({});
            console.log(asked.join(), odd_object.constructor, typeof odd.method, typeof odd.await, typeof odd.on_event);
        """)
        self.assertEqual((done.returncode, done.stdout), (0, 'constructor 0 function function function\n'))

    def test_limits_are_those_of_c(self):
        said = dict(re.findall(r'export const (\w+) = ([^;]+);', read('web/limits.js')))
        text = read('bus/troupe_limits.h').replace('\\\n', ' ')
        frame = read('bus/frame.h')
        self.assertEqual(said.pop('PROTOCOL'), re.search(r'TI_PROTOCOL = (\d+)', frame)[1])
        self.assertTrue(said)
        for name, value in said.items():
            there = re.search(rf'#define TROUPE_{name}\s+(\([^)]*\)|\d+)', text)
            self.assertIsNotNone(there, name)
            self.assertEqual(eval(value), eval(there[1]), name)  # pylint: disable=eval-used

    def test_codes_are_those_of_c(self):
        said = dict(re.findall(r'^  ([A-Z]+): (-\d+),', read('web/errors.js'), re.MULTILINE))
        there = dict(re.findall(r'TROUPE_E([A-Z]+) = (-\d+)', read('bus/troupe.h')))
        self.assertEqual(said, there)


if __name__ == '__main__':
    unittest.main()
