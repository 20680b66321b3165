"""Branches of the chain in troupe-bitcoin: the wallet follows, a person is asked; and the upkeep of the store."""
import contextlib
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import unittest

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, os.path.join(ROOT, 'test', 'support'))
import program  # noqa: E402 (the path comes first)
import regtest  # noqa: E402
from program import COIN, Terminal, WAIT_SECONDS, arguments_of  # noqa: E402


class Branches(program.Program):
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
        self.assertRegex(text, r'blocks 20 to \d+ taken back')
        self.assertRegex(text, r'\d+ transactions? left the history')
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

    def test_payment_whose_coin_went_with_its_block(self):
        """It does not count, is not built on, and is given up when a person says so."""
        there = self.ask('address')['address']
        self.run_program('mine', 105)
        draft = self.ask('send', there, 1)['draft']
        self.run_program(f'--import={self.path("other.dat", regtest.framed(regtest.blocks(130)))}')
        self.ask('mine', 101)
        balance = self.ask('balance')
        self.assertEqual((balance['confirmed_sat'], balance['pending_sat']), (50 * COIN, 0))
        self.assertEqual(self.ask('draft', there, 'all')['inputs'], 1)
        self.run_program('drop', draft)
        self.assertFalse(any(entry['is_pending'] for entry in self.ask('history')))
        self.assertIn('gave way', self.run_program('drafts', 'all').stdout)

    def test_node_that_begins_anew(self):
        self.run_program(self.watch, f'--import={self.long}')
        before = self.assert_level(22)
        shutil.rmtree(f'{self.datadir}/regtest/node')
        self.assertEqual(self.ask('balance')['height'], 0)
        self.run_program(f'--import={self.long}')
        self.assertEqual(self.assert_level(22), before)


class Upkeep(program.Program):
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


class DeepBranches(program.Program):
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
        self.assertIn('from 0 (never ask)', self.run_program('--ask-reorg=many', status=2).stderr)

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
        self.assertIn('heights of blocks', self.refused('scan', address, 'x', status=2))
        self.assertIn('before it begins', self.refused('scan', address, '5', '3', status=2))
        self.assertTrue(self.refused('scan', address[:-1] + ('q' if address[-1] != 'q' else 'p'), status=2))
        self.assertIn('not one of network regtest', self.refused('scan', '12cbQLTFMXRnSzktFkuoG3eHoMeFtpTu3S', status=2))


if __name__ == '__main__':
    unittest.main()
