"""A published contract stays one that peers built from it can speak: NAME.lock holds it, and the generator refuses
what would break them, with file, line, column and what to do."""

import contextlib
import io
import os
import sys
import tempfile
import unittest

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, ROOT)
sys.dont_write_bytecode = True

from interfaces.gen import __main__ as gen  # noqa: E402
from interfaces.gen import lock  # noqa: E402

OURS = ['interfaces/bus.iface', 'interfaces/node.iface', 'interfaces/wallet.iface', 'interfaces/wallets.iface', 'interfaces/ui.iface',
        'interfaces/p2p.iface']

PUBLISHED = """interface test.T @7 version 1
reserved method 9
bytes Hash[4]
enum Kind open { plain=0 wild=1 }
enum Grade closed { low=0 high=1 }
struct Item { 0 name:text<=16; 1 kind:Kind; 2 grade:Grade?; 3 hash:Hash; 4 size:u32=7; reserved 8 }
error Missing @101 { 0 name:text<=16 }
method put @1 (0 item:Item; 1 tags:[text<=4]<=3) -> (0 count:u32) throws Missing idempotent
method list @2 () -> stream (0 item:Item)
method note @3 (0 number:u32<=9)
method all @4 () -> (0 items:[Item]<=9; 1 epoch:u64; 2 sequence:u64)
event changed @1 (0 item:Item) overflow gap snapshot all
event newest @2 (0 count:u32) overflow latest
"""


class Lock(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = folder.name
        self.iface = os.path.join(self.folder, 't.iface')

    def run_main(self, *arguments):
        said = io.StringIO()
        with contextlib.redirect_stderr(said):
            status = gen.main([*arguments, self.iface])
        return status, said.getvalue().replace(self.folder + os.sep, '').splitlines()

    def put(self, text):
        with open(self.iface, 'w', encoding='utf-8') as file:
            file.write(text)

    def publish(self, text=PUBLISHED):
        self.put(text)
        self.assertEqual(self.run_main('lock'), (0, []))

    def generate(self, *changes, text=PUBLISHED):
        """What the generator says of `text` with each (old, new) done."""
        for old, new in changes:
            self.assertEqual(text.count(old), 1, old)
            text = text.replace(old, new)
        self.put(text)
        status, said = self.run_main('c', '--out', os.path.join(self.folder, 'out'))
        self.assertEqual(status, 1 if said else 0)
        return said

    def test_what_was_published_is_generated(self):
        self.publish()
        self.assertEqual(self.generate(), [])
        self.assertEqual(self.generate(('interface test.T', '## Said.\n# Aside.\ninterface  test.T')), [])

    def test_what_breaks_peers_is_refused(self):
        self.publish()
        raised = ('version 1', 'version 2')
        for old, new, place, says in (
            ('method note @3 (0 number:u32<=9)\n', '', '1:11', "method 'note' @3 is gone.*keep it or.*'reserved method 3'"),
            ('method note @3', 'method note @5', '10:8', "method 'note' was @3.*give it its number back"),
            ('method note @3', 'method other @3', '10:8', "@3 was method 'note'.*a number that was never used for 'other'"),
            ('method note @3 (0 number:u32<=9)', 'method note @3 (0 number:u32<=9) -> ()', '10:8', 'answers in another way.*add another method'),
            ('-> stream (0 item:Item)', '-> (0 item:Item)', '9:8', 'answers in another way'),
            (' idempotent', '', '8:8', "'put' was idempotent"),
            ('event newest @2 (0 count:u32) overflow latest', '', '1:11', "event 'newest' @2 is gone.*'reserved event 2'"),
            ('(0 count:u32) overflow latest', '(0 count:u32) overflow gap', '13:7', 'another overflow'),
            (' snapshot all', '', '12:7', 'another overflow or snapshot'),
            ('error Missing @101', 'error Missing @102', '7:7', "error 'Missing' was @101"),
            ('reserved method 9\n', '', '1:11', 'the method number 9 is reserved no more.*put 9 back'),
            ('; reserved 8', '', '6:13', "number in 'Item' 8 is reserved no more"),
            ('number:u32<=9', 'number:u64<=9', '10:26', "'number' has another type than it had.*add another field"),
            ('number:u32<=9', 'number:i32', '10:26', 'another type'),
            ('number:u32<=9', 'number:u32<=8', '10:26', 'a smaller bound than it had.*a bound only grows'),
            ('number:u32<=9', 'number:u32<=9?', '10:17', r'missing in another way than it was \(\? or default\)'),
            ('number:u32<=9', 'number:u32<=9=3', '10:17', 'missing in another way'),
            ('number:u32<=9', 'digit:u32<=9', '10:17', "0 in the arguments of 'note' was 'number'.*'digit' one that was never used"),
            ('size:u32=7', 'size:u32=8', '6:74', "'size' is missing in another way"),
            ('; 4 size:u32=7', '', '6:13', "'size' in 'Item' is gone.*say 'reserved 4' in its place"),
            ('0 name:text<=16; 1 kind', '1 kind', '6:13', "'name' in 'Item' is gone and was required.*put it back"),
            ('(0 count:u32) throws', '(0 count:u32; 1 more:u8) throws', '8:67', "'more' in the results of 'put' is new and required.*optional"),
            ('[text<=4]<=3', '[text<=3]<=3', '8:37', "'tags' has a smaller bound"),
            ('[text<=4]<=3', '[text<=4?]<=3', '8:36', "'tags' has another type"),
            ('[text<=4]<=3', 'text<=4', '8:36', "'tags' has another type"),
            ('bytes Hash[4]', 'bytes Hash[5]', '3:7', "'Hash' had 4 bytes.*add another type"),
            ('Kind open', 'Kind closed', '4:6', "'Kind' was open"),
            ('plain=0 wild=1', 'plain=0', '4:6', "'wild' is gone from 'Kind'.*'reserved 1'"),
            ('plain=0 wild=1', 'plain=0 tame=1', '4:26', "1 of 'Kind' was 'wild'"),
            ('low=0 high=1', 'low=0 high=1 top=2', '5:34', "'top' is new in a closed enum.*add another enum"),
        ):
            with self.subTest(f'{old} -> {new}'):
                said = self.generate(raised, (old, new))
                self.assertTrue(said)
                self.assertRegex(said[0], f'^t\\.iface:{place}: .*{says}')
                self.put(PUBLISHED.replace(*raised).replace(old, new))
                before = open(os.path.join(self.folder, 't.lock'), encoding='utf-8').read()
                self.assertEqual(self.run_main('lock'), (1, said))
                self.assertEqual(open(os.path.join(self.folder, 't.lock'), encoding='utf-8').read(), before)

    def test_an_addition_needs_its_version(self):
        self.publish()
        for change in (('number:u32<=9', 'number:u32<=10'), ('plain=0 wild=1', 'plain=0 wild=1 odd=2'),
                       ('method note', 'method more @5 ()\nmethod note'), ('throws Missing', 'throws Missing deadline 9s')):
            with self.subTest(change):
                said = self.generate(change)
                self.assertEqual(len(said), 1, said)
                self.assertRegex(said[0], r"^t\.iface:1:11: the contract changed since version 1 was published: expected version 2 "
                                 r"here and 'since 2' on what is new \(if version 1 never left this checkout, delete t.lock\)")
        raised = ('version 1', 'version 3')
        for change, place, what in (
            (('method note', 'method more @5 ()\nmethod note'), '10:8', "method 'more'"),
            (('event newest', 'event more @5 () overflow gap\nevent newest'), '13:7', "event 'more'"),
            (('reserved method 9', 'reserved method 9\nerror More @103 {}'), '3:7', "error 'More'"),
            (('size:u32=7', 'size:u32=7; 5 more:u8?'), '6:88', "'more'"),
        ):
            with self.subTest(change):
                self.assertEqual(self.generate(raised, change), [f"t.iface:{place}: {what} is new: expected 'since 3'"])

    def test_what_keeps_peers_is_taken_and_locked(self):
        self.publish()
        later = [('version 1', 'version 2'), ('number:u32<=9', 'number:u32<=10; 1 more:u8? since 2'),
                 ('size:u32=7; reserved 8', 'size:u32=7; 5 label:text<=8="" since 2; reserved 8, 9'),
                 ('plain=0 wild=1', 'plain=0 wild=1 odd=2'),
                 ('0 item:Item; 1 tags', '0 item:Item; 2 twice:bool=false since 2; 1 tags'),
                 ('method list', 'method clear @5 (0 all:bool) -> () since 2\nmethod list'),
                 ('throws Missing idempotent', 'throws Missing, Full deadline 9s idempotent'),
                 ('event newest', 'event cleared @3 () overflow gap since 2\nevent newest'),
                 ('error Missing', 'error Full @102 since 2 {}\nerror Missing')]
        self.assertEqual(self.generate(*later), [])
        self.assertEqual(self.run_main('lock'), (0, []))
        with open(os.path.join(self.folder, 't.lock'), encoding='utf-8') as file:
            self.assertIn('method clear @5', file.read())
        self.assertEqual(self.run_main('lock'), (0, []))
        self.assertIn("1:11: method 'clear' @5 is gone", self.generate(('version 1', 'version 2'))[0])

    def test_what_nobody_uses_can_be_reserved(self):
        self.publish()
        self.assertEqual(self.generate(('version 1', 'version 2'), ('reserved method 9', 'reserved method 3, 9'),
                                       ('method note @3 (0 number:u32<=9)\n', ''),
                                       ('; 4 size:u32=7; reserved 8', '; reserved 4, 8')), [])

    def test_an_older_version_or_a_damaged_lock_is_refused(self):
        self.publish(PUBLISHED.replace('version 1', 'version 2'))
        self.assertRegex(self.generate()[0], r'^t\.iface:1:11: .*expected version 3')
        with open(os.path.join(self.folder, 't.lock'), 'a', encoding='utf-8') as file:
            file.write('<<<<<<<\n')
        self.assertRegex(self.generate()[0], r'^t\.iface:1:11: the lock is damaged \(.*t\.lock:\d+:1: ')

    def test_another_number_is_another_interface(self):
        self.publish()
        self.assertEqual(self.generate(('@7 version 1', '@8 version 1'), ('method note @3 (0 number:u32<=9)\n', '')), [])

    def diff(self, *arguments):
        said, wrong = io.StringIO(), io.StringIO()
        with contextlib.redirect_stdout(said), contextlib.redirect_stderr(wrong):
            status = gen.main(['diff', *arguments, self.iface])
        return status, said.getvalue(), wrong.getvalue().replace(self.folder + os.sep, '')

    def test_what_changed_is_shown(self):
        self.put(PUBLISHED)
        self.assertEqual(self.diff()[0], 1)
        self.assertRegex(self.diff()[2], '^t.iface: can.t be compared: there is no .*t.lock; `troupe-idl lock')
        self.publish()
        self.assertEqual(self.diff(), (0, '', ''))
        older = os.path.join(self.folder, 'older.iface')
        os.rename(os.path.join(self.folder, 't.lock'), older)
        self.put(PUBLISHED.replace('version 1', 'version 2').replace('number:u32<=9', 'number:u32<=10'))
        status, said, wrong = self.diff(f'--against={older}')
        self.assertEqual((status, wrong), (0, ''))
        self.assertIn('-  0 number:u32<=9;\n+  0 number:u32<=10;\n', said)
        self.put(PUBLISHED.replace('version 1', 'version 2').replace('number:u32<=9', 'number:u32<=8'))
        status, said, wrong = self.diff(f'--against={older}')
        self.assertIn('+  0 number:u32<=8;\n', said)
        self.assertEqual((status, wrong), (1, "t.iface:10:26: 'number' has a smaller bound than it had, which breaks peers of version 1: "
                                           'a bound only grows\n'))
        self.put(PUBLISHED.replace('@7', '@8'))
        self.assertRegex(self.diff(f'--against={older}')[2], '^t.iface:1:11: @8 is another interface than @7 of ')

    def test_our_locks_are_level(self):
        """After a change that keeps peers: interfaces/troupe-idl lock interfaces/*.iface"""
        with contextlib.chdir(ROOT):
            for path in OURS:
                interface, problems = gen.read(path)
                self.assertEqual(problems.lines(), [])
                with open(lock.path_of(interface), encoding='utf-8') as file:
                    self.assertEqual(file.read(), lock.text(interface), f'interfaces/troupe-idl lock {path}')


if __name__ == '__main__':
    unittest.main()
