"""Imports into troupe-bitcoin: real blocks, bad input, and kill -9 in the middle."""
import fcntl
import os
import re
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
import unittest

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, os.path.join(ROOT, 'test', 'support'))
import program  # noqa: E402 (the path comes first)
import regtest  # noqa: E402
from program import COIN, Terminal, WAIT_SECONDS, arguments_of, is_alive, shared  # noqa: E402

KILLS_MAX = 60  # attempts to hit the middle of an import
BEGUN_BYTES = 50_000  # what a process has written when some blocks are in
KEY_OF_BLOCK_9 = ('0411db93e1dcdb8a016b49840f8c53bc1eb68a382e97b1482ecad7b148a6909a5c'
                  'b2e0eaddfb84ccf9744464f82e160bfa9b8b64f9d4c03f999b8643f656b412a3')


class BadInput(program.Program):
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
        self.assertIn('not "moon"', self.refused('--network=moon', status=2))

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
            self.assertEqual(error.count('\n'), 1, error)
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


class Mainnet(program.Program):
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


class KilledInTheMiddle(program.Program):
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
