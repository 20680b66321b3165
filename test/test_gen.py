"""The generator: what it refuses and where it points, what it makes, and that nothing makes it stumble.

`python3 test/test_gen.py --renew` writes the golden sample anew after a change that was meant."""
import contextlib
import glob
import io
import os
import random
import re
import shlex
import subprocess
import sys
import tempfile
import unittest

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path[:0] = [ROOT, os.path.join(ROOT, 'test/support')]
sys.dont_write_bytecode = True

from interfaces.gen import __main__ as gen  # noqa: E402
from interfaces.gen import canonical, check, limits, names, sizes  # noqa: E402
from interfaces.gen.layout import layout  # noqa: E402
from interfaces.gen.model import Problems  # noqa: E402
from interfaces.gen.parser import parse  # noqa: E402
import cddl  # noqa: E402

OURS = ['interfaces/bus.iface', 'interfaces/node.iface', 'interfaces/wallet.iface', 'interfaces/wallets.iface', 'interfaces/ui.iface',
        'interfaces/p2p.iface']
SAMPLE = 'test/support/sample.iface'
GOLDEN = ('h', 'c', 'cddl', 'md', 'html', 'js')
CC = shlex.split(os.environ.get('TROUPE_CC', 'gcc -std=c11 -D_GNU_SOURCE -O2'))
WARNINGS = ('-Wall -Wextra -Wconversion -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wvla -Wcast-qual '
            '-Wundef -Werror').split()
HEAD = 'interface test.T @7 version 3\n'


def read_root(path):
    with open(os.path.join(ROOT, path), encoding='utf-8') as file:
        return file.read()


def problems_of(text, path='t.iface'):
    """The lines that the generator says about `text`."""
    problems = Problems(path)
    interface = parse(path, text if isinstance(text, bytes) else text.encode(), problems)
    if not problems.found:
        check.check(interface, problems)
    if not problems.found:
        gen.outputs(interface)
    return problems.lines()


def interface_of(path):
    with contextlib.chdir(ROOT):
        interface, problems = gen.read(path)
    if problems.lines():
        raise AssertionError('\n'.join(problems.lines()))
    return interface


def run_main(*arguments):
    """Exit status and what it said."""
    said = io.StringIO()
    with contextlib.chdir(ROOT), contextlib.redirect_stderr(said):
        status = gen.main(arguments)
    return status, said.getvalue()


class Errors(unittest.TestCase):
    """(what follows the head line, line:column, what the message says). The head is line 1."""

    def each(self, *cases):
        for text, place, says in cases:
            with self.subTest(text):
                lines = problems_of(HEAD + text)
                self.assertEqual(len(lines), 1, lines)
                self.assertRegex(lines[0], f'^t\\.iface:{place}: .*{says}')

    def test_the_head(self):
        for text, place, says in (
            ('', '1:1', "expected 'interface NAME @ID version N' first, found the end of the file"),
            ('struct X { 0 a:u8 }', '1:1', "expected 'interface NAME"),
            ('interface test.t @7 version 1', '1:16', 'must begin with a capital'),
            ('interface test. @7 version 1', '1:17', "expected a name after '.', found '@'"),
            ('interface test.T 7 version 1', '1:18', "expected '@' after 'T', found '7'"),
            ('interface test.T @7', '1:20', "expected 'version' after '7', found the end of the file"),
            ('interface test.T @7 version 0', '1:11', 'expected a version between 1 and 65535'),
            ('interface test.T @4294967296 version 1', '1:11', 'expected a number up to 4294967295'),
            ('interface test.Other @7 version 1', '1:11', 'expected the file to be called other.iface'),
        ):
            with self.subTest(text):
                self.assertEqual([line for line in problems_of(text) if says in line and f':{place}:' in line][:1],
                                 problems_of(text)[:1])

    def test_the_bus_keeps_its_prefix(self):
        lines = problems_of('interface test.Troupe @7 version 1', 'troupe.iface')
        self.assertIn("'troupe_' is the bus's own prefix", lines[0])

    def test_bytes_that_are_no_text(self):
        self.assertEqual(problems_of(HEAD.encode() + b'# ok\n  \xff\n')[0], 't.iface:3:3: expected UTF-8 text')
        self.assertIn('t.iface:2:4: unexpected character U+0000', problems_of(HEAD + '   \0'))
        self.assertIn("t.iface:2:1: unexpected character '%'", problems_of(HEAD + '%'))

    def test_everything_of_variable_size_has_a_bound(self):
        self.each(
            ('struct X { 0 a:text }', '2:21', 'expected a bound such as <=256 after .text.'),
            ('struct X { 0 a:bytes; }', '2:21', 'expected a bound such as <=256 after .bytes.'),
            ('struct X { 0 a:[u8] }', '2:21', r'expected a bound such as <=256 after .\]., such as \[u32\]<=100'),
            ('method m @1 (0 a:blob) -> ()', '2:22', 'expected a bound such as <=256 after .blob.'),
            ('struct X { 0 a:text<=x }', '2:22', 'expected a bound such as 256'),
            ('struct X { 0 a:text<=4GiB }', '2:22', 'expected a bound such as 256'),
            ('struct X { 0 a:text<=0 }', '2:16', 'expected a bound of at least 1'),
            ('struct X { 0 a:i32<=5 }', '2:16', "'i32' has a sign"),
            ('struct X { 0 a:u8<=256 }', '2:16', "'u8' holds at most 255"),
            ('method m @1 (0 a:blob<=65MiB) -> ()', '2:18', 'expected a blob of at most'),
            ('struct X { 0 a:[text]<=3 }', '2:21', 'expected a bound'),
        )

    def test_types(self):
        self.each(
            ('struct X { 0 a:Nix }', '2:16', "unknown type 'Nix'"),
            ('struct Tips { 0 a:Tip }', '2:19', "unknown type 'Tip', did you mean Tips"),
            ('struct X { 0 a:f64 }', '2:16', "expected a type after ':', found 'f64'"),
            ('struct X { 0 a:7 }', '2:16', "expected a type after ':', found '7'"),
            ('error E @101 {}\nstruct X { 0 a:E }', '3:16', "'E' is an error, expected a type"),
            ('struct X { 0 a:[[u8]<=3]<=3 }', '2:17', 'a type that is no array'),
            ('method m @1 (0 a:[blob<=9]<=3) -> ()', '2:19', 'an array of blobs is not possible'),
            ('struct X { 0 a:u8?? }', '2:19', r"expected one '\?' at most"),
            ('struct X { 0 a:ref }', '2:20', "expected '<' after 'ref'"),
            ('struct X { 0 a:ref<9> }', '2:20', "expected an interface's name"),
            ('struct X { }', '2:8', "expected at least one field in 'X'"),
            ('struct X { 0 a:X? }', '2:16', "'X' would hold itself"),
            ('struct X { 0 a:Y? }\nstruct Y { 0 a:[X]<=2 }', '3:17', "'X' would hold itself"),
            ('struct X { 0 a:u8 }\nstruct X { 0 a:u8 }', '3:8', "'X' is declared twice"),
            ('struct X { 0 a:u8 }\nerror X @101 {}', '3:7', "'X' is declared twice"),
            ('bytes X[0]', '2:7', "'X' has 0 bytes, expected 1 to 4096"),
            ('bytes X[a]', '2:9', 'expected a size in bytes'),
            ('bytes x[3]', '2:7', 'expected a type name such as Hash32'),
        )

    def test_enums(self):
        self.each(
            ('enum E { a=0 }', '2:8', "expected 'open' .* or 'closed'"),
            ('enum E open { }', '2:6', "expected at least one value in 'E'"),
            ('enum E open { a }', '2:17', "expected '=' after 'a'"),
            ('enum E open { a=x }', '2:17', "expected the value's number"),
            ('enum E open { A=0 }', '2:15', 'expected a value such as main=0'),
            ('enum E open { a=0 a=1 }', '2:19', "'a' is declared twice"),
            ('enum E open { a=0 b=0 }', '2:19', "0 is 'a' already"),
            ('enum E open { a=0 b=3 reserved 3 }', '2:19', '3 is reserved'),
            ('enum E open { a=2147483648 }', '2:15', 'expected a value up to 2147483647'),
            ('enum E open { a=0', '2:18', "or '}' after '0', found the end of the file"),
        )

    def test_ordinals(self):
        self.each(
            ('struct X { 0 a:u8; 0 b:u8 }', '2:20', "0 is the number of 'a' already"),
            ('struct X { 0 a:u8; 1 a:u8 }', '2:20', "'a' is declared twice"),
            ('struct X { reserved 3, 5; 5 a:u8 }', '2:27', '5 is reserved'),
            ('struct X { 64 a:u8 }', '2:12', 'expected a number between 0 and 63'),
            ('struct X { a:u8 }', '2:12', 'expected a field such as 0 height:u32'),
            ('struct X { 0 A:u8 }', '2:14', 'expected a field name'),
            ('struct X { 0 a:u8 1 b:u8 }', '2:19', "expected ';' or '}' after 'u8', found '1'"),
            ('struct X { 99999999999999999999999 a:u8 }', '2:12', r'expected a number below 2\^64'),
            ('method a @1 () -> ()\nmethod b @1 () -> ()', '3:8', "1 is the number of 'a' already"),
            ('method a @1 () -> ()\nmethod a @2 () -> ()', '3:8', "'a' is declared twice"),
            ('method a @0 () -> ()', '2:8', 'expected a number between 1 and 65535'),
            ('method a () -> ()', '2:10', "expected '@' after 'a', found '\\('"),
            ('method a @x () -> ()', '2:11', "expected the method's number"),
            ('reserved method 4, 5\nmethod a @5 () -> ()', '3:8', '5 is reserved'),
            ('reserved struct 4', '2:10', "expected 'method', 'event' or 'error'"),
            ('reserved method x', '2:17', 'expected a number that is no longer used'),
            ('method m @1 (0 a:u8; reserved 0) -> ()', '2:14', '0 is reserved'),
            ('method m @1 () -> (reserved 2; 2 a:u8)', '2:32', '2 is reserved'),
            ('event a @1 () overflow gap\nevent b @1 () overflow gap', '3:7', "1 is the number of 'a' already"),
            ('error A @101 {}\nerror B @101 {}', '3:7', "101 is the number of 'A' already"),
            ('error A @99 {}', '2:7', 'expected a number between 100 and'),
        )

    def test_defaults(self):
        self.each(
            ('struct X { 0 a:u8=256 }', '2:19', 'expected a default between 0 and 255'),
            ('struct X { 0 a:u8=-1 }', '2:19', 'expected a default between 0 and 255'),
            ('struct X { 0 a:i8=-129 }', '2:19', 'expected a default between -128 and 127'),
            ('struct X { 0 a:u32<=5=6 }', '2:23', 'expected a default between 0 and 5'),
            ('struct X { 0 a:u8=true }', '2:19', 'expected a number as the default of a u8'),
            ('struct X { 0 a:bool=1 }', '2:21', "expected 'true' or 'false'"),
            ('struct X { 0 a:text<=3="four" }', '2:24', 'the default has 4 bytes'),
            ('struct X { 0 a:text<=3=4 }', '2:24', 'expected a text such as "none"'),
            ('struct X { 0 a:text<=3="é" }', '2:24', 'expected printable ASCII'),
            ('struct X { 0 a:bytes<=3="x" }', '2:25', 'only numbers, bool, text and enums have defaults'),
            ('struct X { 0 a:u8?=1 }', '2:20', r'a field is optional \(\?\) or has a default, not both'),
            ('enum E open { a=0 }\nstruct X { 0 a:E=b }', '3:18', 'expected one of a as the default'),
            ('struct X { 0 a:u8= }', '2:20', 'expected a default: a number'),
        )

    def test_versions(self):
        self.each(
            ('struct X { 0 a:u8 since 2 }', '2:19', r"'a' is new: expected it to be optional \(\?\) or have a default"),
            ('struct X { 0 a:u8? since 4 }', '2:20', 'since 4, but this is version 3'),
            ('struct X { 0 a:u8? since x }', '2:26', 'expected a version, such as since 2'),
            ('method m @1 () -> () since 4', '2:8', 'since 4, but this is version 3'),
            ('method m @1 (0 a:u8 since 3) -> () since 2', '2:21', "'a' is new"),
        )
        self.assertEqual(problems_of(HEAD + 'method m @1 (0 a:u8 since 2) -> () since 2'), [])

    def test_methods(self):
        self.each(
            ('method m @1 (0 a:u8) -> () deadline 0s', '2:28', 'a deadline is at least 1ms'),
            ('method m @1 () -> () deadline 10', '2:31', 'expected a time such as 10s or 500ms'),
            ('method m @1 () -> () deadline 10y', '2:31', 'expected a time such as 10s or 500ms'),
            ('method m @1 () -> () deadline 25h', '2:8', 'expected a deadline of at most'),
            ('method m @1 () -> () throws Nix', '2:29', "unknown error 'Nix'"),
            ('error E @101 {}\nmethod m @1 () -> () throws E, E', '3:32', "'E' is named twice"),
            ('method m @1 () -> () sometimes', '2:22', "expected 'throws', 'deadline'"),
            ('method m @1 () -> () oneway', '2:22', "a oneway method has no '->'"),
            ('method m @1 () deadline 5s', '2:16', 'a oneway method has no answer'),
            ('method m @1 () -> stream ()', '2:26', 'expected at least one field in the items of a stream'),
            ('method m @1 (', '2:14', "expected a field such as 0 height:u32 after '\\('"),
            ('method m @1 -> ()', '2:13', "expected '\\(' after '1', found '->'"),
            ('method M @1 () -> ()', '2:8', 'expected a method name'),
            ('event e @1 ()', '2:14', "expected 'overflow' after '\\)'"),
            ('event e @1 () overflow drop', '2:24', "expected 'latest' .* or 'gap'"),
            ('function f()', '2:1', 'expected a declaration'),
        )

    def test_what_may_not_be_somewhere(self):
        self.each(
            ('struct X { 0 a:blob<=9 }', '2:16', "a blob can't be inside a struct"),
            ('method m @1 (0 a:blob<=9; 1 b:blob<=9) -> ()', '2:31', 'at most one'),
            ('error E @101 { 0 a:[u8]<=3 }', '2:20', "an error can't hold an array"),
            ('error E @101 { 0 a:ref<X> }', '2:20', "an error can't hold a ref"),
            ('error E @101 { 0 a:u8 secret }', '2:20', "an error can't hold a secret"),
            ('error E @101 { 0 a:blob<=9 }', '2:20', "an error can't hold a blob"),
            ('event e @1 (0 a:blob<=9) overflow gap', '2:17', "an event can't hold a blob"),
            ('struct X { 0 a:u8 secret }\nevent e @1 (0 a:[X]<=3) overflow gap', '3:17', "an event can't hold a secret"),
            ('event e @1 (0 a:ref<X>) overflow latest', '2:17', "an 'overflow latest' event can't hold a ref"),
            ('struct X { 0 a:[ref<Y>]<=2 }\nevent e @1 (0 a:X) overflow latest', '3:17', "can't hold a ref: .*use 'overflow gap'"),
        )

    def test_snapshots(self):
        good = 'method all @1 () -> (0 n:u8; 1 epoch:u64; 2 sequence:u64)\n'
        self.assertEqual(problems_of(HEAD + good + 'event e @1 () overflow gap snapshot all since 2'), [])
        self.each(
            (good + 'event e @1 () overflow gap snapshot', '3:36', 'expected the method that answers with all there is'),
            (good + 'event e @1 () overflow gap snapshot al', '3:37', "unknown method 'al'"),
            (good + 'event e @1 () overflow latest snapshot all', '3:40', "its own snapshot.* expected 'overflow gap'"),
            (good + 'event e @1 () overflow gap snapshot all\nevent f @2 () overflow gap snapshot all', '4:37',
             "'all' is the snapshot of 'e' already: tell both in one event"),
            ('method m @1 (0 epoch:u64; 1 sequence:u64)\nevent e @1 () overflow gap snapshot m', '3:37', "'m' can't be a snapshot"),
            ('method m @1 () -> stream (0 epoch:u64; 1 sequence:u64)\nevent e @1 () overflow gap snapshot m', '3:37', 'one answer'),
            ('method m @1 (0 a:u8) -> (0 epoch:u64; 1 sequence:u64)\nevent e @1 () overflow gap snapshot m', '3:37', 'no arguments'),
            ('method m @1 () -> (0 sequence:u64)\nevent e @1 () overflow gap snapshot m', '3:37', "expected 'epoch:u64' in the results"),
            ('method m @1 () -> (0 epoch:u64; 1 sequence:u32)\nevent e @1 () overflow gap snapshot m', '3:37',
             "expected 'sequence:u64' in the results of 'm'"),
            ('method m @1 () -> (0 epoch:u64; 1 sequence:u64; 2 a:u8 secret)\nevent e @1 () overflow gap snapshot m', '2:53',
             "the snapshot of an event can't hold a secret"),
        )

    def test_sizes(self):
        self.each(
            ('bytes H[32]\nstruct O { 0 h:H; 1 i:u32 }\nmethod m @1 (0 o:[O]<=4096) -> ()', '4:13',
             "the arguments of 'm' can be 172037 bytes, expected at most 130048: give a smaller bound, or use a blob"),
            ('method m @1 () -> (0 a:bytes<=128KiB)', '2:19', "the results of 'm' can be"),
            ('method m @1 () -> stream (0 a:bytes<=128KiB)', '2:26', "an item of 'm' can be"),
            ('event e @1 (0 a:bytes<=8KiB) overflow gap', '2:12', "event 'e' can be 8197 bytes, expected at most 8128"),
            ('error E @101 { 0 a:text<=512 }', '2:14', "error 'E' can be 517 bytes, expected at most 512"),
            ('method m @1 (0 a:[bool]<=70000) -> ()', '2:13', "the arguments of 'm' can be 70003 items"),
            ('method m @1 (0 a:[ref<X>]<=17) -> ()', '2:13', "the arguments of 'm' can hold 17 refs"),
        )
        self.assertEqual(problems_of(HEAD + 'method m @1 (0 a:bytes<=130000) -> ()'), [])

    def test_worst_case(self):
        """What test_interfaces.c writes in full."""
        changed = interface_of(SAMPLE).events[0]
        self.assertEqual(sizes.of_fields(changed.fields).bytes, 20)

    def test_depth(self):
        deep = 'struct A0 { 0 a:u8 }\n' + ''.join(
            f'struct A{i} {{ 0 a:[A{i - 1}]<=1 }}\n' for i in range(1, 9))
        self.assertIn("nests 18 deep, expected at most 15", problems_of(HEAD + deep + 'method m @1 (0 a:A8) -> ()')[0])
        chain = 'struct A0 { 0 a:u8 }\n' + ''.join(f'struct A{i} {{ 0 a:A{i - 1} }}\n' for i in range(1, 3000))
        self.assertIn('nests deeper than 16', problems_of(HEAD + chain)[0])
        backwards = '\n'.join(reversed(chain.splitlines()))
        self.assertIn('nests deeper than 16', problems_of(HEAD + backwards)[0])

    def test_sizes_of_what_repeats_are_found_at_once(self):
        """Sixty uses at each of fifteen levels: counted, not walked."""
        text = 'struct A0 { 0 a:u8 }\n' + ''.join(
            f'struct A{i} {{ ' + '; '.join(f'{n} f{n}:A{i - 1}' for n in range(60)) + ' }\n' for i in range(1, 14))
        lines = problems_of(HEAD + text + 'method m @1 (0 a:A13) -> ()')
        self.assertIn('expected at most', lines[0])

    def test_names_that_would_be_one_in_c(self):
        self.each(
            ('method x @1 () -> ()\nmethod x_ask @2 () -> ()', '3:8', "method 'x_ask' and method 'x' would both be called 't_x_ask'"),
            ('method on_x @1 () -> ()\nevent x @1 () overflow gap', '3:7', "both be called 't_on_x'"),
            ('struct Tip { 0 a:u8 }\nevent tip @1 (0 a:u8) overflow gap', '3:7', "both be called 't_tip'"),
            ('struct TxOut { 0 a:u8 }\nstruct TXOut { 0 a:u8 }', '3:8', "both be called 't_tx_out'"),
            ('enum Aa open { bb_c=0 }\nenum AaBb open { c=0 }', '3:18', "both be called 'T_AA_BB_C'"),
            ('error AaBb @101 {}\nenum Aa open { bb=0 }', '2:7', "both be called 'T_AA_BB'"),
            ('struct U32 { 0 a:u8 }\nstruct X { 0 a:[U32?]<=2; 1 b:[u32?]<=2 }', '3:32', "both be called 't_maybe_u32'"),
            ('struct X { 0 has_a:u8; 1 a:u8? }', '2:24', "'a' and 'has_a' would both be called 'has_a'"),
            ('struct X { 0 a:[u8]<=2; 1 a_count:u8 }', '2:25', "would both be called 'a_count'"),
            ('method m @1 () -> (0 message:text<=9)', '2:20', "'message' and the message that owns the results"),
            ('struct X { 0 int:u8 }', '2:12', "'int' is taken in C"),
            ('method register @1 () -> ()', '2:8', "'register' is taken in C"),
            ('struct Handlers { 0 a:u8 }\nmethod m @1 () -> ()', '2:8', "both be called 't_handlers'"),
        )

    def test_docs(self):
        self.each(
            ('struct X { 0 ## here\n a:u8 }', '3:2', 'must come right before what they describe'),
            ('struct X { 0 a:u8 }\n## nothing follows', '3:19', 'must come right before'),
        )

    def test_several_in_one_run(self):
        lines = problems_of(HEAD + 'struct X { 0 a:text }\nstruct Y { 0 b:u8 }\n\nenum E { }\nmethod m () -> ()\n')
        self.assertEqual([line.split(': ')[0] for line in lines], ['t.iface:2:21', 't.iface:5:8', 't.iface:6:10'])
        many = problems_of(HEAD + 'struct X { 0 a:text }\n' * 30)
        self.assertEqual((len(many), many[-1]), (21, 't.iface: 10 more'))


class Command(unittest.TestCase):
    def test_a_bad_file_leaves_nothing(self):
        with tempfile.TemporaryDirectory() as out:
            bad = os.path.join(out, 't.iface')
            with open(bad, 'w', encoding='utf-8') as file:
                file.write(HEAD + 'struct X { 0 a:text }\n')
            made = os.path.join(out, 'made')
            status, said = run_main('c', '--out', made, OURS[0], bad)
            self.assertEqual(status, 1)
            self.assertEqual(said, f"{bad}:2:21: expected a bound such as <=256 after 'text'\n")
            self.assertFalse(os.path.exists(made))

    def test_files_that_are_not_there(self):
        status, said = run_main('c', '--out', '/nonexistent', 'nix.iface')
        self.assertEqual((status, said), (1, "nix.iface: can't be read: No such file or directory\n"))
        status, said = run_main('c', '--out', '/dev/null/x', OURS[-1])
        self.assertEqual(status, 1)
        self.assertRegex(said, "^/dev/null/x: can't be written: Not a directory\n$")

    def test_two_interfaces_of_one_number_or_name(self):
        with tempfile.TemporaryDirectory() as out:
            paths = []
            for folder, head in (('a', 'interface a.T @7 version 1'), ('b', 'interface b.T @7 version 1')):
                os.mkdir(os.path.join(out, folder))
                paths.append(os.path.join(out, folder, 't.iface'))
                with open(paths[-1], 'w', encoding='utf-8') as file:
                    file.write(head)
            status, said = run_main('c', '--out', out, *paths)
            self.assertEqual(status, 1)
            self.assertIn('@7 is the number of a.T already', said)
            self.assertIn(f'T is the name of {paths[0]} already', said)

    def test_the_module_runs(self):
        with tempfile.TemporaryDirectory() as out:
            done = subprocess.run(['interfaces/troupe-idl', 'c', '--out', out, *OURS],
                                  cwd=ROOT, capture_output=True, text=True, check=False)
            self.assertEqual((done.returncode, done.stderr), (0, ''))
            self.assertEqual(len(os.listdir(out)), 2 * len(OURS))

    def test_a_reference_and_cddl_go_to_stdout_or_a_folder(self):
        for command, ending in ((('doc',), 'html'), (('doc', '--format=md'), 'md'), (('cddl',), 'cddl')):
            done = subprocess.run(['interfaces/troupe-idl', *command, SAMPLE], cwd=ROOT, capture_output=True, text=True, check=False)
            self.assertEqual((done.returncode, done.stderr, done.stdout), (0, '', read_root(f'test/golden/sample.{ending}')))
            with tempfile.TemporaryDirectory() as out:
                self.assertEqual(run_main(*command, '--out', out, *OURS), (0, ''))
                self.assertEqual(sorted(os.listdir(out)), sorted(f'{os.path.basename(path)[:-6]}.{ending}' for path in OURS))
            self.assertEqual(run_main(*command, *OURS), (1, f'troupe-idl {command[0]}: of several files only with --out=DIR\n'))

    def test_the_page_needs_nothing_else_and_shows_text_as_text(self):
        page = read_root('test/golden/sample.html')
        self.assertFalse(re.search(r'<script|<link|<img|src=|url\(|@import|href="(?!#)', page))
        targets = re.findall(r'href="#([^"]+)"', page)
        self.assertTrue(targets)
        self.assertEqual(set(targets) - set(re.findall(r' id="([^"]+)"', page)), set())
        interface = interface_of(SAMPLE)
        interface.doc = ['<script>alert("&")</script> `<b>`']
        self.assertIn('<p>&lt;script&gt;alert(&quot;&amp;&quot;)&lt;/script&gt; <code>&lt;b&gt;</code></p>',
                      gen.outputs(interface, 'html')['sample.html'])

    def test_help_and_wrong_words(self):
        for arguments, status in ((('--help',), 0), (('diff', '--help'), 0), ((), 2), (('chek', SAMPLE), 2), (('c', SAMPLE), 2), (('check',), 2)):
            done = subprocess.run(['interfaces/troupe-idl', *arguments], cwd=ROOT, capture_output=True, text=True, check=False)
            self.assertEqual(done.returncode, status, arguments)
            self.assertIn('usage: troupe-idl', done.stderr if status else done.stdout)


class Layout(unittest.TestCase):
    def test_ours_are_laid_out(self):
        every = glob.glob('**/*.iface', root_dir=ROOT, recursive=True)
        self.assertIn(SAMPLE, every)
        self.assertEqual(run_main('fmt', '--check', *(path for path in every if not path.startswith('build/'))), (0, ''))

    def test_what_it_does(self):
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, 't.iface')
            with open(path, 'w', encoding='utf-8', newline='') as file:
                file.write('\n\n##Said.\ninterface  test . T@7 version 1 # aside\r\n\n\n\nenum E open{a = 0;b=1   }\nerror N @101 { }\n'
                           'struct S{\n##  First.\n0 a : [ E ? ]<= 3; \n\t# last\n# of all\n}\nmethod m @1(0 x:text<=9 ="{ #")->stream()\n'
                           'throws  N')
            self.assertEqual(run_main('fmt', '--check', path), (1, f'{path}: laid out otherwise: troupe-idl fmt {path}\n'))
            self.assertEqual(run_main('fmt', path), (0, ''))
            with open(path, encoding='utf-8', newline='') as file:
                self.assertEqual(file.read(), '## Said.\ninterface test.T @7 version 1  # aside\n\nenum E open { a=0; b=1 }\nerror N @101 {}\n'
                                 'struct S {\n    ## First.\n    0 a:[E?]<=3;\n    # last\n    # of all\n}\n'
                                 'method m @1 (0 x:text<=9="{ #") -> stream ()\n    throws N\n')
            with open(path, 'w', encoding='utf-8') as file:
                file.write(HEAD + 'struct')
            self.assertRegex(run_main('fmt', path)[1], f'^{path}:2:7: expected a type name')

    def test_words_that_stood_otherwise_come_out_the_same(self):
        """Also: the contract and its documentation stay, whatever the spacing was."""
        for seed in range(40):
            chance = random.Random(seed)
            text = read_root(SAMPLE)
            spaced = re.sub(r'(?<=[{(;:=,]) ?(?=[a-z0-9])', lambda _: chance.choice(('', ' ', '\t ')), text)
            spaced = '\n'.join(line if '#' in line or '"' in line else chance.choice(('', '  ', '\t')) + line.strip() + chance.choice(('', ' '))
                               for line in (one if '#' not in was and '"' not in was else was
                                            for one, was in zip(spaced.splitlines(), text.splitlines())))
            again = layout(spaced)
            self.assertEqual(again.replace(' ', ''), layout(text).replace(' ', ''), seed)
            self.assertEqual(layout(again), again, seed)
            before, after = (parse(SAMPLE, one.encode(), Problems(SAMPLE)) for one in (text, again))
            self.assertEqual(canonical.text(before, docs=True), canonical.text(after, docs=True), seed)


class Made(unittest.TestCase):
    def test_the_golden_sample(self):
        for name, text in gen.outputs(interface_of(SAMPLE)).items():
            with self.subTest(name):
                self.assertEqual(read_root(f'test/golden/{name}').splitlines(), text.splitlines(),
                                 'the output changed: if that is meant, python3 test/test_gen.py --renew')

    def test_the_normal_form_stays_itself(self):
        """The normal form is an interface too, with the same hash; comments and order do not count."""
        for path in [*OURS, SAMPLE]:
            interface = interface_of(path)
            again = Problems(path)
            normal = parse(path, canonical.text(interface, docs=True).encode(), again)
            check.check(normal, again)
            self.assertEqual(again.lines(), [])
            self.assertEqual(canonical.hash8(normal), canonical.hash8(interface))
            self.assertEqual(canonical.text(normal, docs=True), canonical.text(interface, docs=True))

    def test_the_hash_counts_what_matters(self):
        def hash_of(text):
            problems = Problems('t.iface')
            return canonical.hash8(parse('t.iface', (HEAD + text).encode(), problems))
        self.assertEqual(hash_of('struct X { 0 a:u8; 1 b:u8 }\nbytes Y[3]'),
                         hash_of('# c\nbytes Y [ 3 ]\n## d\nstruct X { 1 b:u8; 0 a:u8; }'))
        different = {hash_of(text) for text in (
            'struct X { 0 a:u8 }', 'struct X { 0 a:u8? }', 'struct X { 0 a:u8=1 }', 'struct X { 0 b:u8 }',
            'struct X { 1 a:u8 }', 'struct X { 0 a:u8<=7 }', 'struct X { 0 a:u8 secret }',
            'struct X { 0 a:u8; reserved 1 }', 'struct X { 0 a:u8=1 since 2 }', 'reserved method 3')}
        self.assertEqual(len(different), 10)

    def test_all_of_it_compiles_without_a_warning(self):
        compilers = [CC] + ([['clang', '-std=c11', '-D_GNU_SOURCE', '-O2']] if CC[0] != 'clang' and _have('clang') else [])
        with tempfile.TemporaryDirectory() as out:
            for path in [*OURS, SAMPLE]:
                folder = os.path.join(out, os.path.dirname(path))
                self.assertEqual(run_main('c', '--out', folder, path), (0, ''))
            for path in [*OURS, SAMPLE]:
                base = os.path.join(out, os.path.splitext(path)[0])
                for compiler in compilers:
                    done = subprocess.run([*compiler, *WARNINGS, f'-I{out}', f'-I{ROOT}', '-c', f'{base}.c', '-o', '/dev/null'],
                                          cwd=ROOT, capture_output=True, text=True, check=False)
                    self.assertEqual((done.returncode, done.stderr), (0, ''))
                if _have('g++'):
                    done = subprocess.run(['g++', '-Wall', '-Wextra', '-Werror', f'-I{out}', f'-I{ROOT}', '-fsyntax-only', '-x',
                                           'c++', f'{base}.h', '-Wno-pragma-once-outside-header'],
                                          cwd=ROOT, capture_output=True, text=True, check=False)
                    self.assertEqual((done.returncode, done.stderr), (0, ''))

    def test_lines_fit(self):
        for path in [*OURS, SAMPLE]:
            for name, text in gen.outputs(interface_of(path)).items():
                if name.endswith(('.c', '.h')):
                    long = [line for line in text.splitlines() if len(line) > 100 and not line.startswith('        "')]
                    self.assertEqual(long, [], name)

    def test_snake(self):
        for name, wanted in (('Hash32', 'hash32'), ('TxOut', 'tx_out'), ('HTTPServer', 'http_server'), ('U32', 'u32')):
            self.assertEqual(names.snake(name), wanted)

    def test_limits_are_those_of_the_bus(self):
        found = dict(re.findall(r'#define TROUPE_(\w+) +(\(?[0-9 *]+\)?)', read_root('bus/troupe_limits.h')))
        for name in ('FRAME_BYTES_MAX', 'EVENT_BYTES_MAX', 'ERROR_DATA_BYTES_MAX', 'REFS_MAX', 'DEPTH_MAX',
                     'ITEMS_MAX', 'LINK_BLOB_BYTES_MAX', 'DEADLINE_MS', 'DEADLINE_MS_MAX'):
            value = 1
            for factor in found[name].strip('()').split('*'):
                value *= int(factor)
            self.assertEqual(getattr(limits, name), value, name)

    def test_the_files_stay_small(self):
        folder = os.path.join(ROOT, 'interfaces/gen')
        for name in sorted(os.listdir(folder)):
            if name.endswith('.py'):
                self.assertLessEqual(len(read_root(f'interfaces/gen/{name}').splitlines()), 400, name)


class Cddl(unittest.TestCase):
    """The published contract, read by other code than ours that wrote it."""

    def test_every_contract_is_cddl(self):
        for path in [*OURS, SAMPLE]:
            interface = interface_of(path)
            schema = cddl.Schema(gen.outputs(interface)[f'{names.snake(interface.short_name)}.cddl'])
            for method in interface.methods:
                self.assertIn(f'{names.snake(interface.short_name)}-{method.name}-args'.replace('_', '-'), schema.rules)
        self.assertRaises(ValueError, cddl.Schema, 'a = -5..5 .default 3 / {')
        self.assertRaises(ValueError, cddl.Schema, 'a = b')

    def test_what_the_codec_writes_is_what_the_contract_says(self):
        """test_interfaces.c writes these bytes."""
        schema = cddl.Schema(read_root('test/golden/sample.cddl'))
        value = cddl.decode(bytes.fromhex(read_root('test/golden/everything.hex')))
        self.assertTrue(schema.matches('sample-everything', value))
        self.assertTrue(schema.matches('sample-everything', {**value, 63: [{0: None}]}))
        self.assertFalse(schema.matches('sample-everything', {**value, 'x': 0}))
        self.assertFalse(schema.matches('sample-everything', {**value, -1: 0}))
        for key in value:
            without = {one: value[one] for one in value if one != key}
            required = key < 16 or (key >= 40 and key != 46)
            self.assertEqual(schema.matches('sample-everything', without), not required, key)
            self.assertFalse(schema.matches('sample-everything', {**value, key: {}}), key)
        for key, wrong in ((1, 256), (4, -1), (5, 128), (8, 2**63), (9, 11), (10, 'ninebytes'), (10, 'éééé!'),
                           (11, b'12345'), (12, b'123'), (13, 2), (14, 2**31), (15, {0: 1}), (20, None), (32, 1), (40, [0] * 4), (40, [None]), (42, [None] * 5),
                           (43, ['abcd']), (44, [b'']), (45, [2]), (47, [10])):
            self.assertFalse(schema.matches('sample-everything', {**value, key: wrong}), (key, wrong))


class Mutations(unittest.TestCase):
    """Whatever the file holds: problems with a place, or output; never a traceback. The seed is printed by a failure."""

    def survive(self, text, note):
        with self.subTest(note):
            for line in problems_of(text, 'sample.iface'):
                self.assertRegex(line, r'^sample\.iface:(\d+:\d+)?: .|^sample\.iface: \d+ more$')

    def test_cut_off_anywhere(self):
        text = read_root(SAMPLE).encode()
        for end in range(0, len(text), 7):
            self.survive(text[:end], f'cut at {end}')

    def test_changed_bytes(self):
        text = read_root(SAMPLE).encode()
        for seed in range(300):
            chance = random.Random(seed)
            changed = bytearray(text)
            for _ in range(chance.randint(1, 6)):
                changed[chance.randrange(len(changed))] = chance.choice(b'{}()[];:,?=<>.@-#"\n 0179azAZ\xff\x00')
            self.survive(bytes(changed), f'seed {seed}')

    def test_moved_words(self):
        words = re.findall(r'\s+|[A-Za-z0-9_]+|->|<=|.', read_root(SAMPLE))
        for seed in range(300):
            chance = random.Random(seed)
            moved = list(words)
            for _ in range(chance.randint(1, 4)):
                at = chance.randrange(len(moved))
                action = chance.randrange(3)
                if action == 0:
                    del moved[at]
                elif action == 1:
                    moved.insert(at, chance.choice(words))
                else:
                    moved[at] = chance.choice(words)
            self.survive(''.join(moved), f'seed {seed}')

    def test_long_and_deep(self):
        for text in ('[' * 5000, '(' * 5000, 'struct X { 0 a:' + '[' * 5000, '9' * 9000, 'a' * 100000, '?' * 5000,
                     'struct X { 0 a:u8<=' + '9' * 5000 + ' }', 'bytes X[' + '9' * 5000 + ']', '\n' * 10000, '##\n' * 10000):
            self.survive(HEAD.replace('.T', '.Sample') + text, text[:20])


def _have(program):
    return any(os.access(os.path.join(folder, program), os.X_OK) for folder in os.environ.get('PATH', '').split(os.pathsep))


def renew():
    for name, text in gen.outputs(interface_of(SAMPLE)).items():
        with open(os.path.join(ROOT, 'test/golden', name), 'w', encoding='utf-8') as file:
            file.write(text)


if __name__ == '__main__':
    if sys.argv[1:] == ['--renew']:
        renew()
    else:
        unittest.main()
