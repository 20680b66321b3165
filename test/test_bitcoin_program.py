"""The whole of troupe-bitcoin, with real processes: its main job, the questions that it asks, and its commands."""
import contextlib
import os
import re
import signal
import sqlite3
import stat
import subprocess
import sys
import unittest

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, os.path.join(ROOT, 'test', 'support'))
import program  # noqa: E402 (the path comes first)
from program import COIN, PROGRAM, Terminal, WAIT_SECONDS, arguments_of  # noqa: E402

ASKS = os.path.join(program.BUILD, 'test/programs/asks')


class MainJob(program.Program):
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


class Questions(program.Program):
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


class Commands(program.Program):
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

    def test_payment_that_was_sent_is_in_the_next_block(self):
        """Though the node of each command is another one, which knows it only once the wallet has given it again."""
        self.run_program('mine', 101)
        for _ in range(3):
            sent = self.ask('send', 'bcrt1qw508d6qejxtdg4y5r3zarvary0c5xw7kygt080', 1)['txid']
            self.run_program('mine', 1)
            self.assertFalse(next(entry for entry in self.ask('history') if entry['txid'] == sent)['is_pending'])

    def test_what_ends_with_a_program_needs_one_that_runs(self):
        for words in (('unlock', '5'), ('lock',), ('open', 'x'), ('close', 'x'), ('network', 'off'), ('peer', 'ban', '9.9.9.9'), ('stop',)):
            with self.subTest(words):
                self.assertIn('start it first', self.refused(*words))

    def test_what_they_refuse(self):
        self.assertIn('from 1 to', self.refused('mine', 'many', status=2))
        self.assertIn('regtest', self.refused('--network=main', 'mine', '1', status=2))
        self.assertIn('neither hex nor an address', self.refused('watch', 'zz'))
        self.assertIn('not one of network regtest', self.refused('watch', '12cbQLTFMXRnSzktFkuoG3eHoMeFtpTu3S'))
        self.assertIn('label', self.refused('address', 'x' * 101, status=2))
        self.assertIn('one line', self.refused('address', 'red\x1b[31m', status=2))

    def test_mining_that_is_cut_short_says_how_far_it_came_and_fails(self):
        with subprocess.Popen(arguments_of(self.datadir, ('mine', '900000')), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, text=True) as process:
            self.wait_until(lambda: self.mined_so_far() > 0 or process.poll() is not None, 'a block')
            process.send_signal(signal.SIGINT)
            error = process.communicate(timeout=WAIT_SECONDS)[1]
        self.assertEqual(process.returncode, 1, error)
        self.assertRegex(error, r'of 900000 blocks [1-9][0-9]* were mined')

    def mined_so_far(self):
        """Who looks before the store has its log would be in the way of who makes it."""
        if not os.path.exists(f'{self.datadir}/regtest/node/chain.sqlite-wal'):
            return 0
        file = f'file:{self.datadir}/regtest/node/chain.sqlite?mode=ro'
        with contextlib.suppress(sqlite3.OperationalError), contextlib.closing(sqlite3.connect(file, uri=True)) as store:
            return store.execute('SELECT max(height) FROM active').fetchone()[0] or 0
        return 0


if __name__ == '__main__':
    unittest.main()
