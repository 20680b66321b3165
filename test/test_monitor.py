"""What passes on the bus of a running troupe-bitcoin, as the command troupe shows it live, writes it to a file, and reads it from there."""
import itertools
import json
import os
import random
import re
import signal
import subprocess
import sys
import unittest

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, os.path.join(ROOT, 'test', 'support'))
import cddl  # noqa: E402 (the path comes first)
import command  # noqa: E402
import program  # noqa: E402

STEPS = ['send', 'handle', 'answer', 'done', 'publish']
KEYS = ['time_ns', 'process', 'step', 'trace', 'actor', 'to', 'interface', 'member', 'code', 'error', 'size_bytes', 'contents']
PASSPHRASE = 'correct horse battery'


class Looking(command.Running):
    def looking(self, *words):
        """It goes on, and sees what passes from now on."""
        return self.going(*words).begun()

    def rows(self, going):
        """All that it has shown, ended by Ctrl-C, and what it said of it."""
        status, out, error = going.interrupt()
        self.assertEqual(status, 0)
        lines = [*going.lines, *out.splitlines(keepends=True)]
        self.assertRegex(error, rf'\Atroupe: {len(lines)} messages?, 0 missed\n\Z')
        return [json.loads(line) for line in lines]


class Monitor(Looking):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.node.ask('mine', '101')

    def test_a_request_is_followed_through_the_processes(self):
        going = self.looking('monitor', '--json')
        address = self.node.ask('address')['address']
        self.node.ask('draft', address, '0.1')
        rows = self.rows(going)
        self.assertEqual([list(row) for row in rows], [KEYS] * len(rows))
        self.assertEqual([row['time_ns'] for row in rows], sorted(row['time_ns'] for row in rows))
        drafted = next(row for row in rows if row['member'] == 'draft')
        followed = [row for row in rows if row['trace'] == drafted['trace']]
        self.assertEqual({(row['step'], row['process'], row['interface'], row['member'], row['to']) for row in followed},
                         {('handle', 'wallet', 'troupe.Wallet', 'draft', None), ('send', 'wallet', 'troupe.Node', 'estimate_fee', 'node'),
                          ('handle', 'node', 'troupe.Node', 'estimate_fee', None), ('answer', 'node', 'troupe.Node', 'estimate_fee', None),
                          ('done', 'wallet', 'troupe.Node', 'estimate_fee', None), ('answer', 'wallet', 'troupe.Wallet', 'draft', None)})
        at = {(row['step'], row['process'], row['member']): row['time_ns'] for row in followed}
        times = [at[step] for step in (('handle', 'wallet', 'draft'), ('send', 'wallet', 'estimate_fee'), ('handle', 'node', 'estimate_fee'),
                                       ('answer', 'node', 'estimate_fee'), ('done', 'wallet', 'estimate_fee'), ('answer', 'wallet', 'draft'))]
        self.assertEqual(times, sorted(times))
        self.assertEqual([row['contents'] for row in rows if row['contents']], [])

    def test_people_see_a_line_each(self):
        going = self.looking('monitor', '--contents=300', 'node.get_block_hash', 'get_tip')
        self.troupe('call', 'node', 'get_block_hash', 'height=0')
        self.troupe('call', 'node', 'get_block_hash', 'height=9999', status=1)
        going.read_until('NotFound')
        said = [line for line in going.lines if 'get_block_hash' in line]
        head = r'\d\d:\d\d:\d\d\.\d{6}  node     '
        for line, want in zip(said, (r'handle   node +Node\.get_block_hash +3 B  [0-9a-f]+  \{height: 0\}', r'answer +node .* \{hash: 0x[0-9a-f]{64}\}',
                                     r'handle .*\{height: 9999\}', r'answer .*  NotFound')):
            self.assertRegex(line, rf'\A{head}{want}')
        self.assertEqual(len(said), 4)

    def test_only_what_is_asked_for_is_shown(self):
        want = {('node',): lambda row: row['process'] == 'node', ('Node',): lambda row: row['interface'] == 'troupe.Node',
                ('troupe.Node.get_tip',): lambda row: (row['interface'], row['member']) == ('troupe.Node', 'get_tip'),
                ('node.tip_changed', 'get_tip'): lambda row: row['member'] in ('tip_changed', 'get_tip'), (): lambda row: row['interface'] != 'troupe.Bus'}
        going = {words: self.looking('monitor', '--json', *words) for words in want}
        self.node.ask('mine', '1')
        for words, is_wanted in want.items():
            with self.subTest(words):
                rows = self.rows(going[words])
                self.assertEqual([row for row in rows if not is_wanted(row)], [])
        going = self.looking('monitor', '--bus', '--json')
        self.troupe('ps')
        self.assertIn(('troupe.Bus', 'get_stats'), {(row['interface'], row['member']) for row in self.rows(going)})

    def test_what_passed_until_ctrl_c_is_shown(self):
        """A process is asked what is new every 50 ms: whoever did not wait for it would miss what was last."""
        for _ in range(8):
            going, other = self.looking('monitor', 'get_tip', '--json'), self.going('call', 'node', 'get_tip')
            other.process.stdout.readline()
            self.assertEqual([row['step'] for row in self.rows(going)], ['handle', 'answer'])

    def test_count_and_timeout_end_it(self):
        going = self.looking('monitor', '--count=3', '--json')
        for _ in range(3):
            self.troupe('call', 'node', 'get_tip')
        status, out, error = going.end()
        self.assertEqual((status, len(out.splitlines()), error), (0, 3, 'troupe: 3 messages, 0 missed\n'))
        self.assertRegex(self.troupe('monitor', '--timeout=100ms').stderr, r'\Atroupe: looks at node, wallet, ui\ntroupe: \d+ messages?, 0 missed\n\Z')
        self.troupe('monitor', '--count=100000', '--timeout=100ms', status=4)

    def test_words_that_mean_nothing_there(self):
        for words, why in ((('walet',), 'has no role, interface, method or event "walet"; did you mean wallet?'), (('node.get_tpi',), 'did you mean get_tip?'),
                           (('kitchen.xyzzy',), 'troupe introspect shows them'), (('ui.get_tip.x',), 'has no role'), (('--contents=4097',), 'up to 4096')):
            with self.subTest(words):
                self.assertIn(why, self.refused('monitor', *words))

    def test_who_shows_too_slowly_is_told_what_is_missing(self):
        going = self.looking('monitor', '--json')
        os.kill(going.process.pid, signal.SIGSTOP)
        self.node.ask('mine', '6000')
        os.kill(going.process.pid, signal.SIGCONT)
        try:
            told = json.loads(going.read_until('.*"missed": .*')[0])
        except AssertionError as ended:  # where mining took longer than an agent waits for room
            self.assertRegex(str(ended), r'troupe: \w+ gave up: nothing of it was read for too long\n')
            self.assertEqual(going.process.wait(program.WAIT_SECONDS), 4)
            return
        self.assertEqual(list(told), ['time_ns', 'process', 'missed'])
        self.assertGreater(told['missed'], 0)
        status, out, error = going.interrupt()
        rows = [json.loads(line) for line in [*going.lines, *out.splitlines()]]
        missed = sum(row.get('missed', 0) for row in rows)
        self.assertEqual((status, error), (0, f'troupe: {sum("missed" not in row for row in rows)} messages, {missed} missed\n'))

    def test_a_process_that_dies_ends_it(self):
        node = program.Node(self)
        going = command.Going(self, node.datadir, 'monitor', '--json').begun()
        os.kill(node.pids()['wallet'], signal.SIGKILL)
        status, _, error = going.end()
        self.assertEqual(status, 3)
        self.assertRegex(error, r'\Atroupe: the process wallet ended\ntroupe: \d+ messages?, 0 missed\n\Z')


def schemas():
    made = {}
    for name in ('bus', 'node', 'wallet', 'wallets', 'ui', 'p2p'):
        done = subprocess.run([sys.executable, '-B', 'interfaces/troupe-idl', 'cddl', f'interfaces/{name}.iface'], cwd=ROOT, capture_output=True,
                              text=True, check=True)
        made[name] = cddl.Schema(done.stdout)
    return made


class Capture(Looking):
    """A payment from draft to block, in a file; read by the command, and by a reader of CBOR that knows nothing of it."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.node.ask('mine', '101')
        cls.path = os.path.join(cls.node.folder, 'payment.cbor')
        going = command.Going(command.Owner(cls), cls.node.datadir, 'capture', cls.path, '--contents=4096').begun()
        address = cls.node.ask('address')['address']
        draft = cls.node.ask('draft', address, '0.5')
        cls.node.ask('send', str(draft['draft']))
        cls.node.ask('mine', '1')
        cls.status, _, cls.error = going.interrupt()

    def read(self, *words, status=0):
        return command.run('read', self.path, *words, status=status)

    def test_the_command_and_another_reader_see_the_same(self):
        with open(self.path, 'rb') as file:
            items = cddl.sequence(file.read())
        self.assertEqual((self.status, os.stat(self.path).st_mode & 0o777), (0, 0o600))
        self.assertEqual(items[0][:4], [0, 'troupe capture', 1, 'troupe-bitcoin'])
        names = [item[1] for item in items if item[0] == 2]
        self.assertEqual(names, ['node', 'wallet', 'ui'])
        self.assertEqual({item[4] for item in items if item[0] == 3}, {'node', 'wallet', 'ui', 'launcher', ''})
        passed = [item for item in items if item[0] == 4]
        self.assertEqual(items[-1], [6, len(passed), 0])
        self.assertEqual(self.error, f'troupe: {len(passed)} messages in {self.path}, 0 missed\n')
        rows = [json.loads(line) for line in self.read('--json').stdout.splitlines()]
        self.assertEqual(len(rows), len(passed))
        offset = items[0][5] - items[0][6]
        known = schemas()
        for row, (_, process, message) in zip(rows, passed):
            self.assertTrue(known['bus'].matches('bus-passed', message), message)
            self.assertEqual((row['process'], row['time_ns'], row['step'], int(row['trace'], 16), row['code'], row['size_bytes']),
                             (names[process], message[0] + offset, STEPS[message[1]], message[2], message.get(6, 0), message[7]))
            if 11 in message:
                self.assertEqual(len(message[11]), message[7])
                self.is_what_the_interface_says(known, row, cddl.decode(message[11]))

    def is_what_the_interface_says(self, known, row, contents):
        name = row['interface'].rpartition('.')[2].lower()
        member = row['member'].replace('_', '-')
        part = {'send': '-args', 'handle': '-args', 'publish': ''}.get(row['step'], '-results')
        if row['code'] == 0 and f'{name}-{member}-item' not in known[name].rules:
            self.assertTrue(known[name].matches(f'{name}-{member}{part}', contents), (row, contents))
            self.assertIsInstance(row['contents'], dict, row)

    def test_all_of_the_payment_is_there(self):
        rows = [json.loads(line) for line in self.read('--json').stdout.splitlines()]
        seen = [(row['step'], row['process'], row['member']) for row in rows]
        at = [seen.index(step) for step in (('handle', 'wallet', 'draft'), ('answer', 'wallet', 'draft'), ('handle', 'wallet', 'send'),
                                            ('send', 'wallet', 'submit_tx'), ('handle', 'node', 'submit_tx'), ('publish', 'node', 'tx_added'),
                                            ('answer', 'wallet', 'send'), ('handle', 'node', 'mine'), ('publish', 'node', 'block_connected'))]
        self.assertEqual(at, sorted(at))
        self.assertEqual(rows[at[0]]['contents']['recipients'][0]['amount_sat'], program.COIN // 2)
        added = rows[at[5]]['contents']['txid']
        self.assertTrue(any(row['member'] == 'tx_removed' and row['contents']['txid'] == added for row in rows))

    def test_filters_and_count(self):
        rows = [json.loads(line) for line in self.read('--json', 'wallet', 'tip_changed').stdout.splitlines()]
        self.assertEqual({row['process'] for row in rows if row['member'] != 'tip_changed'}, {'wallet'})
        self.assertIn('tip_changed', {row['member'] for row in rows})
        self.assertEqual(len(self.read('--count=2').stdout.splitlines()), 2)
        self.assertIn('did you mean wallet?', self.read('walet', status=2).stderr)

    def test_what_is_no_capture_or_only_a_part_is_said(self):
        with open(self.path, 'rb') as file:
            whole = file.read()
        part = os.path.join(self.node.folder, 'part')
        for size in (0, 3, 4, 5, 40, 3000, len(whole) // 2, len(whole) - 1, whole.rindex(b'\x83\x06')):
            with open(part, 'wb') as file:
                file.write(whole[:size])
            self.assertRegex(command.run('read', part, status=1).stderr, r'\Atroupe: .*/part: (it is no capture|at byte \d+: it was cut)')
        self.assertIn('No such file', command.run('read', '/none', status=1).stderr)
        self.assertIn('File exists', self.troupe('capture', self.path, '--timeout=1s', status=1).stderr)
        self.assertIn('No such file', self.troupe('capture', '/none/x', '--timeout=1s', status=1).stderr)

    def test_bytes_that_are_wrong_harm_nothing(self):
        with open(self.path, 'rb') as file:
            whole = file.read()
        part = os.path.join(self.node.folder, 'wrong')
        for seed in range(60):
            dice = random.Random(seed)
            wrong = bytearray(whole)
            for _ in range(dice.choice((1, 3, 50))):
                wrong[dice.randrange(dice.choice((100, len(wrong))))] = dice.randrange(256)
            with self.subTest(seed=seed), open(part, 'wb') as file:
                file.write(wrong)
                file.flush()
                done = command.run('read', part, '--json', status=None)
                self.assertIn(done.returncode, (0, 1))
                for line in itertools.islice(done.stdout.splitlines(), 5):
                    json.loads(line)


class Secret(Looking):
    def test_no_secret_passes_out(self):
        path = os.path.join(self.node.folder, 'secret.cbor')
        secret, words = self.file('secret', PASSPHRASE), self.file('words', 'abandon ' * 11 + 'about')
        shown = self.looking('monitor', '--contents=4096')
        told = self.looking('monitor', '--contents=4096', '--json')
        kept = self.looking('capture', path, '--contents=4096')
        self.troupe('call', 'wallet', 'create', 'name=deep', f'words=@{words}', f'passphrase=@{secret}')
        self.troupe('call', 'wallet/deep', 'unlock', f'passphrase=@{secret}')
        self.troupe('call', 'wallet/deep', 'get_words')
        shown.read_until('get_words')
        told.read_until('get_words')
        outputs = [going.interrupt() for going in (shown, told, kept)]
        with open(path, 'rb') as file:
            everything = file.read().decode(errors='replace') + ''.join(map(str, [outputs, shown.lines, told.lines]))
        self.assertRegex(everything, 'unlock')
        for part in ('horse', 'abandon abandon'):
            self.assertNotIn(part, everything)


if __name__ == '__main__':
    unittest.main()
