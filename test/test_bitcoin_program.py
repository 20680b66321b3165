"""The whole of troupe-bitcoin, with real processes: its main job, its commands, imports, bad input, and kill -9 in the middle."""
import contextlib
import fcntl
import json
import os
import pty
import re
import select
import shutil
import signal
import sqlite3
import stat
import subprocess
import sys
import tempfile
import time
import unittest

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, os.path.join(ROOT, 'test', 'support'))
import regtest  # noqa: E402 (the path comes first)

BUILD = os.environ.get('TROUPE_BUILD', os.path.join(ROOT, 'build/release'))
PROGRAM = os.path.join(BUILD, 'troupe-bitcoin')
ASKS = os.path.join(BUILD, 'test/programs/asks')
SHARED = os.environ.get('TROUPE_SHARED')
WAIT_SECONDS = 30 * int(os.environ.get('TROUPE_SLOW', '1'))
KILLS_MAX = 60  # attempts to hit the middle of an import
BEGUN_BYTES = 50_000  # what a process has written when some blocks are in

KEY_OF_BLOCK_9 = ('0411db93e1dcdb8a016b49840f8c53bc1eb68a382e97b1482ecad7b148a6909a5c'
                  'b2e0eaddfb84ccf9744464f82e160bfa9b8b64f9d4c03f999b8643f656b412a3')
COIN = 100_000_000


def shared(name):
    path = SHARED and os.path.join(SHARED, 'data', name)
    if not path or not os.path.exists(path):
        raise unittest.SkipTest(f'no data/{name}: TROUPE_SHARED {"names a folder without it" if SHARED else "is not set"}')
    return path


def arguments_of(datadir, words):
    return [PROGRAM, f'--datadir={datadir}', *words]


def is_alive(pid):
    try:
        with open(f'/proc/{pid}/stat', encoding='ascii', errors='replace') as file:
            return file.read().rpartition(')')[2].split()[0] not in 'ZX'
    except OSError:
        return False


class Program(unittest.TestCase):
    """What the tests share: a data directory of their own and ways to run the program on it."""

    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix='troupe-test-')
        self.addCleanup(shutil.rmtree, self.folder)
        self.datadir = os.path.join(self.folder, 'data')

    def path(self, name, content):
        path = os.path.join(self.folder, name)
        with open(path, 'wb') as file:
            file.write(content)
        return path

    def run_program(self, *words, status=0, datadir=None):
        done = subprocess.run(arguments_of(datadir or self.datadir, words), stdin=subprocess.DEVNULL, capture_output=True, text=True,
                              timeout=WAIT_SECONDS, check=False)
        self.assertEqual(done.returncode, status, f'{words}\n{done.stdout}{done.stderr}')
        return done

    def ask(self, *words):
        return json.loads(self.run_program(*words, '--json').stdout)

    def refused(self, *words, status=1, datadir=None):
        """The one line that says why."""
        error = self.run_program(*words, status=status, datadir=datadir).stderr
        self.assertRegex(error, r'\Atroupe-bitcoin: .+\n\Z')
        return error

    def wait_until(self, condition, what):
        end = time.monotonic() + WAIT_SECONDS
        while not condition():
            self.assertLess(time.monotonic(), end, f'waited in vain: {what}')
            time.sleep(0.002)

    def assert_gone(self, pids):
        for pid in pids:
            self.wait_until(lambda pid=pid: not is_alive(pid), f'process {pid} is to be gone')


class Terminal:
    """The program with a terminal of its own: it stays until it is ended."""

    def __init__(self, test, *words, program=PROGRAM):
        self.test, self.text = test, ''
        self.master, slave = pty.openpty()
        self.process = subprocess.Popen([program, *arguments_of(test.datadir, words)[1:]], stdin=slave, stdout=slave, stderr=slave)
        os.close(slave)
        test.addCleanup(os.close, self.master)
        test.addCleanup(self.process.kill)

    def read_until(self, pattern):
        def found():
            if select.select([self.master], [], [], 0.01)[0]:
                try:
                    self.text += os.read(self.master, 65536).decode()
                except OSError:
                    self.test.fail(f'it ended:\n{self.text}')
            return re.search(pattern, self.text)
        self.test.wait_until(found, f'{pattern} in\n{self.text}')
        return re.search(pattern, self.text)

    def pids(self):
        self.read_until('wallet +process')
        return [int(self.read_until(rf'{who} +process (\d+)')[1]) for who in ('ui', 'node', 'wallet')]

    def type(self, line):
        os.write(self.master, f'{line}\n'.encode())

    def interrupt(self):
        self.process.send_signal(signal.SIGINT)
        return self.process.wait(WAIT_SECONDS)


class MainJob(Program):
    def test_first_run_mines_to_the_wallet_in_three_processes(self):
        text = self.run_program().stdout
        pids = re.findall(r'^(\w+) +process (\d+)', text, re.MULTILINE)
        self.assertEqual([who for who, _ in pids], ['ui', 'node', 'wallet'])
        self.assertEqual(len({pid for _, pid in pids}), 3)
        self.assertIn('101 blocks, 101 transactions', text)
        self.assertIn('balance 50.00000000 BTC at block 101', text)
        self.assertIn('and 5000.00000000 BTC, mined', text)
        self.assertIn('where to go next', text)
        self.assert_gone(int(pid) for _, pid in pids)

        again = self.run_program().stdout
        self.assertNotIn('mine', again.partition('where to go next')[0].replace('mined', ''))
        self.assertIn('balance 50.00000000 BTC at block 101', again)

    def test_one_process_does_the_same(self):
        text = self.run_program('--split=none').stdout
        self.assertEqual(len(set(re.findall(r'process (\d+)', text))), 1)
        self.assertIn('balance 50.00000000 BTC at block 101', text)

    def test_data_is_for_its_owner_only(self):
        self.run_program('address')
        self.assertEqual(stat.S_IMODE(os.stat(self.datadir).st_mode), 0o700)
        self.assertEqual(stat.S_IMODE(os.stat(f'{self.datadir}/regtest/wallet/wallet.sqlite').st_mode) & 0o077, 0)

    def test_preset_data_directory_follows_xdg(self):
        env = {**os.environ, 'XDG_DATA_HOME': self.folder}
        done = subprocess.run([PROGRAM, 'status'], env=env, capture_output=True, text=True, timeout=WAIT_SECONDS, check=True)
        self.assertIn(f'{self.folder}/troupe-bitcoin/regtest/node', done.stdout)

    def test_terminal_idles_and_shows_what_commands_do(self):
        terminal = Terminal(self)
        pids = terminal.pids()
        terminal.read_until('Ctrl-C ends')
        status = self.ask('status')
        self.assertEqual([terminal.process.pid, status['node_pid'], status['wallet_pid']], pids)
        self.assertEqual(self.ask('mine', '2')['height'], 103)
        terminal.read_until('blocks 102 to 103 connected|block 103 connected')
        terminal.read_until('balance 150.00000000 BTC')
        self.run_program('network', 'off')
        terminal.read_until('node +the network is off')
        self.run_program('network', 'on')
        terminal.read_until('node +0 peers now')
        subprocess.run(arguments_of(self.datadir, ['passphrase']), input=b'sesame\n', capture_output=True, timeout=WAIT_SECONDS, check=True)
        terminal.read_until('wallet +locked')
        self.assertEqual(terminal.interrupt(), 0)
        self.assert_gone(pids)

    def test_node_and_wallet_come_back_while_it_idles(self):
        terminal = Terminal(self)
        pids = dict(zip(('ui', 'node', 'wallet'), terminal.pids()))
        terminal.read_until('Ctrl-C ends')
        for height, who in ((102, 'node'), (103, 'wallet')):
            os.kill(pids[who], signal.SIGKILL)
            terminal.read_until(f'ui +attention: process {who} was killed by signal 9')
            pids[who] = int(terminal.read_until(rf'ui +process {who} runs again .process (\d+)')[1])
            self.assertEqual(self.ask('mine', '1')['height'], height)
            terminal.read_until(f'block {height} connected')
            terminal.read_until(f'balance {(height - 100) * 50}.00000000 BTC')
        status = self.ask('status')
        self.assertEqual([terminal.process.pid, status['node_pid'], status['wallet_pid']], list(pids.values()))
        self.assertEqual((status['wallet_height'], status['unspent']), (103, 103))
        self.assertEqual(terminal.interrupt(), 0)
        self.assert_gone(pids.values())

    def test_first_blocks_are_completed_after_the_node_died(self):
        process = subprocess.Popen(arguments_of(self.datadir, []), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        self.addCleanup(process.kill)
        text, node = '', None
        while 'ui      mine 101' not in text:
            text += (line := process.stdout.readline())
            self.assertTrue(line, text)
            if node is None and (found := re.search(r'node +process (\d+)', text)):
                node = int(found[1])
                os.kill(node, signal.SIGSTOP)  # not to be done too soon
        os.kill(node, signal.SIGKILL)
        out, error = process.communicate(timeout=WAIT_SECONDS)
        self.assertEqual(process.returncode, 0, error)
        self.assertIn('mining: interrupted, goes on when the process is back', out)
        self.assertIn('101 blocks, 101 transactions', out)


class Questions(Program):
    """A fourth role asks a person through the UI, tells what it heard and ends the program."""

    def setUp(self):
        super().setUp()
        os.makedirs(f'{self.datadir}/regtest')

    def heard(self, terminal):
        words = terminal.read_until(r'attention: heard (.*?)\r')[1]
        terminal.read_until('ends: all heard')
        self.assertEqual(terminal.process.wait(WAIT_SECONDS), 0)
        return words

    def test_person_answers(self):
        terminal = Terminal(self, program=ASKS)
        terminal.read_until('coffee  .or Return.')
        self.assertNotIn('\x1b[2J', terminal.read_until('3  water.*')[0])
        terminal.type('7')
        terminal.read_until('a number from 1 to 3')
        terminal.type('three')
        terminal.type('3')
        self.assertEqual(self.heard(terminal), '3, from a person')

    def test_return_is_the_default_of_a_person(self):
        terminal = Terminal(self, program=ASKS)
        terminal.read_until('3  water')
        terminal.type('')
        self.assertEqual(self.heard(terminal), '2, from a person')

    def test_nobody_answers_in_time(self):
        terminal = Terminal(self, '--wait=1', program=ASKS)
        self.assertEqual(self.heard(terminal), '2, the default')

    def test_nobody_is_there(self):
        done = subprocess.run([ASKS, f'--datadir={self.datadir}'], stdin=subprocess.DEVNULL, capture_output=True, text=True,
                              timeout=WAIT_SECONDS, check=True)
        self.assertIn('heard 2, the default', done.stdout)


class Commands(Program):
    def test_they_start_the_program_for_their_length(self):
        mined = self.ask('mine', '102')
        self.assertEqual((mined['blocks'], mined['height']), (102, 102))
        self.assertEqual(self.ask('balance'), {'confirmed_sat': 100 * COIN, 'immature_sat': 5000 * COIN, 'pending_sat': 0,
                                               'watch_only_sat': 0, 'height': 102})
        history = self.ask('history')
        self.assertEqual([entry['height'] for entry in history], list(range(102, 0, -1)))
        self.assertTrue(all(entry['is_coinbase'] and entry['net_sat'] == 50 * COIN for entry in history))
        status = self.ask('status')
        self.assertEqual((status['network'], status['height'], status['wallet_height'], status['unspent']), ('regtest', 102, 102, 102))
        self.assert_gone([status['node_pid'], status['wallet_pid']])
        self.assertIn('200.00000000 BTC', self.run_program('mine', '2').stdout + self.run_program('balance').stdout)

    def test_addresses_are_fresh_and_labelled(self):
        first, second = self.ask('address', 'shop'), self.ask('address')
        self.assertEqual((first['label'], second['label']), ('shop', ''))
        self.assertNotEqual(first['address'], second['address'])
        self.assertTrue(first['address'].startswith('bcrt1q'))

    def test_history_goes_over_pages(self):
        self.ask('mine', '450')
        self.assertEqual([entry['height'] for entry in self.ask('history')], list(range(450, 0, -1)))

    def test_empty_wallet(self):
        self.assertEqual(self.ask('history'), [])
        self.assertIn('nothing yet', self.run_program('history').stdout)
        self.assertEqual(self.ask('balance')['confirmed_sat'], 0)

    def test_what_they_refuse(self):
        self.assertIn('from 1 to', self.refused('mine', 'many'))
        self.assertIn('regtest', self.refused('--network=main', 'mine', '1'))
        self.assertIn('neither hex nor an address', self.refused('watch', 'zz'))
        self.assertIn('not one of network regtest', self.refused('watch', '12cbQLTFMXRnSzktFkuoG3eHoMeFtpTu3S'))
        self.assertIn('label', self.refused('address', 'x' * 101))
        self.assertIn('one line', self.refused('address', 'red\x1b[31m'))

    def test_mining_that_is_cut_short_says_how_far_it_came_and_fails(self):
        with subprocess.Popen(arguments_of(self.datadir, ('mine', '900000')), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, text=True) as process:
            self.wait_until(lambda: self.mined_so_far() > 0, 'a block')
            process.send_signal(signal.SIGINT)
            error = process.communicate(timeout=WAIT_SECONDS)[1]
        self.assertEqual(process.returncode, 1, error)
        self.assertRegex(error, r'of 900000 blocks [1-9][0-9]* were mined')

    def mined_so_far(self):
        file = f'file:{self.datadir}/regtest/node/chain.sqlite?mode=ro'
        with contextlib.suppress(sqlite3.OperationalError), contextlib.closing(sqlite3.connect(file, uri=True)) as store:
            return store.execute('SELECT max(height) FROM active').fetchone()[0] or 0
        return 0


class BadInput(Program):
    """Each refusal is one line, and what came before it stays."""

    def setUp(self):
        super().setUp()
        self.blocks = regtest.blocks(20)

    def import_refused(self, name, content):
        error = self.refused(f'--import={self.path(name, content)}')
        return error, self.ask('status')['height']

    def test_block_file_cut_off(self):
        error, height = self.import_refused('cut.dat', regtest.framed(self.blocks)[:-30])
        self.assertRegex(error, r'cut off: the block at offset \d+ needs')
        self.assertEqual(height, 19)
        self.run_program(f'--import={self.path("whole.dat", regtest.framed(self.blocks))}')
        self.assertEqual(self.ask('status')['height'], 20)

    def test_block_with_a_flipped_bit(self):
        bad = bytearray(self.blocks[9])
        bad[-10] ^= 1  # in the transaction: the merkle root is another one now
        error, height = self.import_refused('bad.dat', regtest.framed([*self.blocks[:9], bytes(bad), *self.blocks[10:]]))
        self.assertRegex(error, r'block 10 \([0-9a-f]{64}\): .*merkle')
        self.assertEqual(height, 9)
        self.run_program(f'--import={self.path("good.dat", regtest.framed(self.blocks))}')
        self.assertEqual(self.ask('status')['height'], 20)

    def test_frame_that_is_none(self):
        content = regtest.framed(self.blocks[:5]) + b'not a frame' + regtest.framed(self.blocks[5:])
        error, height = self.import_refused('frame.dat', content)
        self.assertRegex(error, r'damaged at offset \d+')
        self.assertEqual(height, 5)

    def test_block_without_its_parent(self):
        error, height = self.import_refused('orphan.dat', regtest.framed(self.blocks[3:]))
        self.assertIn('import the blocks before it first', error)
        self.assertEqual(height, 0)

    def test_files_that_are_none(self):
        self.assertIn('is empty', self.import_refused('empty.dat', b'')[0])
        self.assertIn('neither a block file nor a header file', self.import_refused('text.dat', b'Dear reader,\n' * 100)[0])
        self.assertIn('--network=main', self.import_refused('main.dat', bytes.fromhex('f9beb4d9') + bytes(100))[0])
        self.assertIn('No such file', self.refused(f'--import={self.folder}/nothing'))
        self.assertIn('holds no blk*.dat', self.refused(f'--import={self.folder}'))
        self.assertIn('not a regular file', self.refused('--import=/dev/null'))

    def test_command_line(self):
        self.assertIn('--nope', self.refused('--nope', status=2))
        self.assertIn('fly', self.refused('fly', status=2))
        self.assertIn('there is no network "moon"', self.refused('--network=moon'))

    def test_data_directory_in_use(self):
        terminal = Terminal(self)
        terminal.read_until('Ctrl-C ends')
        self.assertIn(f'running on {self.datadir}/regtest', self.refused())
        self.assertEqual(self.ask('status')['height'], 101)
        self.assertEqual(terminal.interrupt(), 0)

    def test_chain_locked_by_another_program(self):
        self.run_program('status')
        holder = open(f'{self.datadir}/regtest/node/lock', 'r+', encoding='utf-8')
        self.addCleanup(holder.close)
        fcntl.flock(holder, fcntl.LOCK_EX)
        error = self.run_program('status', status=1).stderr
        self.assertIn('in use by another process', error)
        self.assertIn('another directory', error)

    def test_data_directory_that_cannot_be_written(self):
        blocked = self.path('file', b'')
        self.assertIn('choose another place', self.refused('status', datadir=f'{blocked}/data'))
        os.makedirs(self.datadir)
        os.symlink('/proc/self/fdinfo', f'{self.datadir}/regtest')  # not even root can make files there
        self.refused('status')

    def test_store_that_cannot_be_made(self):
        for role in ('node', 'wallet'):
            os.makedirs(f'{self.datadir}/regtest', exist_ok=True)
            blocked = f'{self.datadir}/regtest/{role}'
            shutil.rmtree(blocked, ignore_errors=True)
            with open(blocked, 'wb'):
                pass
            error = self.run_program('status', status=1).stderr
            self.assertRegex(error, rf'(?m)^{role}: .*{blocked}.*Not a directory; choose a --datadir')
            self.assertIn(f'role {role} could not start', error)
            os.remove(blocked)
        self.run_program('status')

    def test_store_that_is_damaged(self):
        os.makedirs(f'{self.datadir}/regtest/node')
        with open(f'{self.datadir}/regtest/node/chain.sqlite', 'wb') as file:
            file.write(b'not a database' * 1000)
        self.assertRegex(self.run_program('status', status=1).stderr, 'chain.sqlite is damaged')

    def test_failed_start_says_it_once_and_leaves_nothing(self):
        self.path('data', b'')
        before = set(os.listdir(self.folder))
        self.refused('status')
        self.assertEqual(set(os.listdir(self.folder)), before)


class Branches(Program):
    """The wallet follows the node to another branch, and back to where it can."""

    def setUp(self):
        super().setUp()
        self.trunk = regtest.blocks(10)
        self.short = self.path('short.dat', regtest.framed(self.trunk + regtest.blocks(10, self.trunk)))
        self.long = self.path('long.dat', regtest.framed(self.trunk + regtest.blocks(12, self.trunk, b'other')))
        self.watch = f'--watch={regtest.SCRIPT.hex()}'

    def assert_level(self, height):
        balance, status = self.ask('balance'), self.ask('status')  # in this order: the first waits for the wallet
        self.assertEqual((status['height'], status['wallet_height'], status['unspent']), (height, height, height))
        self.assertEqual((balance['immature_sat'], balance['height']), (height * 50 * COIN, height))
        history = self.ask('history')
        self.assertEqual([entry['height'] for entry in history], list(range(height, 0, -1)))
        return {entry['txid'] for entry in history}

    def test_branch_with_more_work(self):
        self.run_program(self.watch, f'--import={self.short}')
        before = self.assert_level(20)
        text = self.run_program(f'--import={self.long}').stdout
        self.assertIn('block 20 taken back', text)
        self.assertIn('left the history', text)
        after = self.assert_level(22)
        self.assertEqual(len(before & after), 10)
        self.run_program(f'--import={self.short}')  # known, and less work
        self.assertEqual(self.assert_level(22), after)

    def test_branch_that_came_while_the_wallet_was_away(self):
        self.run_program(self.watch, f'--import={self.short}')
        kept = f'{self.folder}/wallet'
        shutil.copytree(f'{self.datadir}/regtest/wallet', kept)
        self.run_program(f'--import={self.long}')
        after = self.assert_level(22)
        shutil.rmtree(f'{self.datadir}/regtest/wallet')
        shutil.move(kept, f'{self.datadir}/regtest/wallet')
        self.assertEqual(self.assert_level(22), after)

    def test_node_that_begins_anew(self):
        self.run_program(self.watch, f'--import={self.long}')
        before = self.assert_level(22)
        shutil.rmtree(f'{self.datadir}/regtest/node')
        self.assertEqual(self.ask('balance')['height'], 0)
        self.run_program(f'--import={self.long}')
        self.assertEqual(self.assert_level(22), before)


class Upkeep(Program):
    def test_store_is_checked_and_compacted_when_asked_for(self):
        self.run_program(f'--import={self.path("blocks.dat", regtest.framed(regtest.blocks(20)))}')
        error = self.run_program('--check', '--compact', f'--import={self.folder}/blocks.dat').stderr
        self.assertIn('the store is sound', error)
        self.assertRegex(error, r'the store was compacted from \d+ to \d+ KiB')
        with contextlib.closing(sqlite3.connect(f'{self.datadir}/regtest/node/chain.sqlite')) as store, store:
            store.execute('UPDATE coins SET amount = amount + 1 WHERE height = 7')
        self.assertEqual(self.ask('status')['height'], 20)
        error = self.run_program('--check', f'--import={self.folder}/blocks.dat', status=1).stderr
        self.assertIn('the coins are not those that were counted', error)
        self.assertIn('move it away and import again', error)


class DeepBranches(Program):
    """A person is asked before a branch takes back more than a few blocks."""

    def setUp(self):
        super().setUp()
        trunk = regtest.blocks(10)
        self.long = self.path('long.dat', regtest.framed(trunk + regtest.blocks(12, trunk, b'other')))
        self.run_program(f'--import={self.path("short.dat", regtest.framed(trunk + regtest.blocks(10, trunk)))}')

    def asked(self, *words):
        terminal = Terminal(self, '--ask-reorg=9', f'--import={self.long}', *words)
        terminal.read_until('would take back 10: all above block 10')
        terminal.read_until('2  stay')
        terminal.read_until('Ctrl-C ends')  # the import has ended
        self.assertEqual(self.ask('status')['height'], 20)
        return terminal

    def follow(self, *words):
        terminal = self.asked(*words)
        terminal.type('1')
        terminal.read_until('is followed, up to block 22')
        self.assertEqual(self.ask('status')['height'], 22)
        self.assertIn('it ends', self.run_program('stop').stdout)
        terminal.read_until('ends: stopped by a command')
        self.assertEqual(terminal.process.wait(WAIT_SECONDS), 0)

    def test_person_follows(self):
        self.follow()

    def test_person_follows_in_one_process(self):
        self.follow('--split=none')

    def test_person_stays_until_the_next_start(self):
        terminal = self.asked()
        terminal.type('2')
        terminal.read_until('is not followed, as was answered')
        self.assertEqual(self.ask('status')['height'], 20)
        self.run_program('stop')
        self.assertEqual(terminal.process.wait(WAIT_SECONDS), 0)
        self.assertEqual(self.ask('status')['height'], 22)

    def test_program_dies_while_asked(self):
        terminal = self.asked()
        pids = terminal.pids()
        terminal.process.kill()
        terminal.process.wait()
        self.assert_gone(pids)
        self.assertEqual(self.ask('status')['height'], 22)

    def test_nobody_is_there(self):
        self.run_program('--ask-reorg=1', f'--import={self.long}')
        self.assertEqual(self.ask('status')['height'], 22)
        self.assertIn('from 0 (never ask)', self.run_program('--ask-reorg=many', status=1).stderr)

    def test_node_that_came_again_can_be_stopped(self):
        terminal = Terminal(self)
        node = terminal.pids()[1]
        terminal.read_until('Ctrl-C ends')
        os.kill(node, signal.SIGKILL)
        self.assert_gone([node])
        self.wait_until(lambda: subprocess.run(arguments_of(self.datadir, ['stop']), capture_output=True, timeout=WAIT_SECONDS,
                                               check=False).returncode == 0, 'the new node is to know whom to tell')
        self.assertEqual(terminal.process.wait(WAIT_SECONDS), 0)
        self.assertIn('no program runs', self.refused('stop'))

    def test_scan(self):
        """The address of the script that the test's blocks pay to."""
        address, height = 'mfWxJ45yp2SFn7UciZyNpvDKrzbhyfKrY8', 20
        found = self.ask('scan', address)
        self.assertEqual((len(found['outputs']), found['unspent'], found['unspent_sat'], found['height']), (20, 20, 20 * 50 * COIN, height))
        self.assertEqual([output['height'] for output in self.ask('scan', address, '5', '7')['outputs']], [5, 6, 7])
        self.assertIn('3 outputs up to block 7', self.run_program('scan', address, '5', '7').stdout)
        self.assertIn('heights of blocks', self.refused('scan', address, 'x'))
        self.assertIn('before it begins', self.refused('scan', address, '5', '3'))
        self.assertTrue(self.refused('scan', address[:-1] + ('q' if address[-1] != 'q' else 'p')))
        self.assertIn('not one of network regtest', self.refused('scan', '12cbQLTFMXRnSzktFkuoG3eHoMeFtpTu3S'))


class Mainnet(Program):
    """The first 255 blocks, with the key that was paid in block 9."""

    def assert_figures(self, *words):
        self.run_program('--network=main', *words, f'--watch={KEY_OF_BLOCK_9}')
        status = self.ask('--network=main', 'status')
        self.assertEqual((status['blocks'], status['txs'], status['signatures'], status['partial_blocks']), (255, 262, 7, 0))
        self.assertEqual((status['unspent'], status['unspent_sat'], status['wallet_height']), (260, 12750 * COIN, 255))
        balance = self.ask('--network=main', 'balance')
        self.assertEqual((balance['confirmed_sat'], balance['watch_only_sat'], balance['height']), (18 * COIN, 18 * COIN, 255))
        history = self.ask('--network=main', 'history')
        self.assertEqual([(entry['height'], entry['net_sat'] // COIN) for entry in history],
                         [(248, -10), (183, -1), (182, -1), (181, -10), (170, -10), (9, 50)])

    def test_import_in_three_processes_and_again_without(self):
        self.assert_figures(f'--import={shared("mainnet-blocks-1-255.dat")}')
        self.assert_figures()  # from disk: after a restart, without the file

    def test_import_in_one_process(self):
        self.assert_figures('--split=none', f'--import={shared("mainnet-blocks-1-255.dat")}')

    def test_watch_command_looks_at_all_blocks_again(self):
        self.run_program('--network=main', f'--import={shared("mainnet-blocks-1-255.dat")}')
        self.assertEqual(self.ask('--network=main', 'balance')['confirmed_sat'], 0)
        self.assertEqual(self.ask('--network=main', 'watch', KEY_OF_BLOCK_9)['confirmed_sat'], 18 * COIN)
        self.assert_figures()

    def test_headers(self):
        path = shared('mainnet-headers-0-10236.bin')
        self.run_program('--network=main', f'--import-headers={path}')
        self.assertEqual(self.ask('--network=main', 'status')['header_height'], 10236)

    def test_header_with_a_flipped_bit(self):
        with open(shared('mainnet-headers-0-10236.bin'), 'rb') as file:
            content = bytearray(file.read())
        content[80 * 5000 + 40] ^= 1
        error = self.refused('--network=main', f'--import-headers={self.path("flipped.bin", content)}')
        self.assertRegex(error, 'header 5000: proof of work')
        self.assertEqual(self.ask('--network=main', 'status')['header_height'], 4999)


class KilledInTheMiddle(Program):
    """kill -9 of a process in the middle of an import. It comes back and the import goes on; or, where the composition says
    never, the program ends in order, and goes on when it is started again."""

    def blocks_in(self, victim):
        """How many its store holds, now that nobody has it open."""
        file, table = {'node': ('node/chain.sqlite', 'blocks'), 'wallet': ('wallet/wallet.sqlite', 'block')}[victim]
        database = sqlite3.connect(f'{self.network_folder}/{file}')
        try:
            return database.execute(f'SELECT count(*) FROM {table}').fetchone()[0]
        finally:
            database.close()

    @staticmethod
    def written_bytes(pid):
        try:
            with open(f'/proc/{pid}/io', encoding='ascii') as file:
                return int(re.search(r'wchar: (\d+)', file.read())[1])
        except OSError:
            return 0

    def never(self):
        text = '[process ui]\nroles = ui\n' + ''.join(f'[process {who}]\nroles = {who}\nrestart = never\n' for who in ('node', 'wallet'))
        return f'--compose={self.path("never.ini", text.encode())}'

    def kill_when_begun(self, victim, words):
        """Lets the victim run for moments only, to look in between whether it has begun. The ended program, what it said."""
        process = subprocess.Popen(arguments_of(self.datadir, words), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                   stderr=subprocess.PIPE, text=True)
        pids = {}
        try:
            while 'wallet' not in pids:
                who, pid = re.match(r'(\w+) +(?:process (\d+))?', process.stdout.readline()).groups()
                if pid:
                    pids[who] = int(pid)
                if who == victim and pid:
                    os.kill(pids[victim], signal.SIGSTOP)
            before = self.written_bytes(pids[victim])
            end = time.monotonic() + WAIT_SECONDS
            while self.written_bytes(pids[victim]) <= before + BEGUN_BYTES and is_alive(pids[victim]) and time.monotonic() < end:
                os.kill(pids[victim], signal.SIGCONT)
                time.sleep(0.001)
                os.kill(pids[victim], signal.SIGSTOP)
            os.kill(pids[victim], signal.SIGKILL)
            out, error = process.communicate(timeout=WAIT_SECONDS)
        except ProcessLookupError:  # it had ended before
            out, error = process.communicate(timeout=WAIT_SECONDS)
        finally:
            process.kill()
        self.assert_gone(pids.values())
        return process, out, error

    def kill_in_the_middle(self, victim, count, words):
        """True: hit."""
        process, _, error = self.kill_when_begun(victim, [*words, self.never()])
        is_hit = 1 < self.blocks_in(victim) < count
        if is_hit:
            self.assertEqual(process.returncode, 1, error)
            self.assertRegex(error, rf'{victim}.*(killed|signal|SIGKILL)')
        return is_hit

    def hit(self, victim, count, words):
        for _ in range(KILLS_MAX):
            shutil.rmtree(self.datadir, ignore_errors=True)
            if self.kill_in_the_middle(victim, count, words):
                return
        self.fail(f'the import was never hit in the middle, in {KILLS_MAX} attempts')

    def assert_resumes(self, victim):
        self.network_folder = f'{self.datadir}/regtest'
        path = self.path('blocks.dat', regtest.framed(regtest.blocks(400)))
        self.hit(victim, 400, [f'--import={path}'])
        self.run_program(f'--import={path}')
        status = self.ask('status')
        self.assertEqual((status['height'], status['wallet_height'], status['unspent']), (400, 400, 400))

    def assert_goes_on(self, victim, said):
        """Until it was hit while the import, or the wallet's reading of it, had not ended."""
        path = self.path('blocks.dat', regtest.framed(regtest.blocks(400)))
        for _ in range(KILLS_MAX):
            shutil.rmtree(self.datadir, ignore_errors=True)
            process, out, error = self.kill_when_begun(victim, [f'--import={path}'])
            self.assertEqual(process.returncode, 0, f'{out}{error}')
            status = self.ask('status')
            self.assertEqual((status['height'], status['wallet_height'], status['unspent']), (400, 400, 400))
            if re.search(said, out):
                self.assertIn(f'process {victim} was killed by signal 9 (Killed): it is started again', error)
                return
        self.fail(f'never hit in the middle, in {KILLS_MAX} attempts')

    def test_import_goes_on_when_the_node_is_back(self):
        self.assert_goes_on('node', '--import: interrupted, goes on when the process is back')

    def test_import_goes_on_when_the_wallet_is_back(self):
        self.assert_goes_on('wallet', 'process wallet was killed by signal 9')

    def test_node_killed(self):
        self.assert_resumes('node')

    def test_wallet_killed(self):
        self.assert_resumes('wallet')

    def test_both_killed_on_mainnet(self):
        self.network_folder = f'{self.datadir}/main'
        words = ['--network=main', f'--import={shared("mainnet-blocks-1-255.dat")}', f'--watch={KEY_OF_BLOCK_9}']
        self.hit('node', 255, words)
        self.kill_in_the_middle('wallet', 255, words)  # wherever it is by now
        Mainnet.assert_figures(self, words[1])
        Mainnet.assert_figures(self)


if __name__ == '__main__':
    unittest.main()
