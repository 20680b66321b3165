"""README.md says nothing that the examples do not: each of its blocks of C and of interface text stands in a file of
test/examples, which the tests build and run, and each of its relative links leads somewhere."""
import glob
import os
import re
import unittest

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))


def read(path):
    with open(os.path.join(ROOT, path), encoding='utf-8') as file:
        return file.read()


class Readme(unittest.TestCase):
    def setUp(self):
        self.text = read('README.md')
        self.examples = [read(path) for path in glob.glob(os.path.join(ROOT, 'test/examples/*.*'))]

    def test_code_is_that_of_the_examples(self):
        blocks = [block for kind, block in re.findall(r'^```(\w*)\n(.*?)^```$', self.text, re.S | re.M) if kind in ('', 'c')]
        self.assertGreaterEqual(len(blocks), 5)
        for block in blocks:
            self.assertTrue(any(block in example for example in self.examples), f'in no example:\n{block}')

    def test_links_lead_somewhere(self):
        for page in ('README.md', 'DESIGN.md'):
            for target in re.findall(r'\]\(([^)#:]+)\)', read(page)):
                self.assertTrue(os.path.exists(os.path.join(ROOT, target)), f'{page}: {target}')

    def test_named_files_and_functions_exist(self):
        """DESIGN.md walks through the code by name: a name that is gone is a wrong turn."""
        sources = {path: read(path) for path in (os.path.relpath(p, ROOT) for pattern in ('bus/*.[ch]', 'launcher/*.[ch]', 'command/*.[ch]', 'actors/*/*.[ch]',
                   'actors/*.c', 'test/*.c', 'test/*.py', 'test/*/*.c', 'test/*/*.h', 'interfaces/gen/*.py', 'interfaces/*') for p in
                   glob.glob(os.path.join(ROOT, pattern))) if os.path.isfile(os.path.join(ROOT, path))}
        design = read('DESIGN.md')
        whole = '\n'.join(sources.values())
        for name in set(re.findall(r'`((?:ti|tl|troupe|book|chain|btc|test|wallet|node|bus)_[a-z0-9_]+)`', design)):
            generated = re.match(r'(node|wallet|bus)_', name)
            self.assertTrue(generated or re.search(rf'\b{name}\b', whole), f'DESIGN.md names {name}, which is nowhere')
        for path in set(re.findall(r'`((?:bus|launcher|command|actors|test|interfaces)/[a-z0-9_./-]+\.(?:c|h|py|iface))`', design)):
            self.assertTrue(os.path.exists(os.path.join(ROOT, path)), f'DESIGN.md names {path}, which is nowhere')


if __name__ == '__main__':
    unittest.main()
