"""--attach: a view, or a command, at a program that somebody else started, which neither notices nor needs it."""
import os
import signal
import subprocess
import sys
import unittest

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, os.path.join(ROOT, 'test', 'support'))
import program  # noqa: E402 (the path comes first)
from program import Node, Terminal, WAIT_SECONDS, wait_until  # noqa: E402

CROWD = 60 // program.SLOW  # commands at once: more than it has places for clients


class Guests(program.Program):
    """self.there runs; this test's own data directory stays empty."""

    def setUp(self):
        super().setUp()
        self.there = Node(self)
        self.attach = f'--attach=unix:{self.there.datadir}/regtest'

    def view(self):
        terminal = Terminal(self, self.attach)
        terminal.read_until('where to go next')
        return terminal

    def mine(self, terminal):
        height = self.there.ask('mine', 1)['height']
        terminal.read_until(rf'node +block {height} |blocks \d+ to {height} connected|block {height}\b')

    def test_view_follows_and_dies_unnoticed(self):
        height = self.there.status()['height']
        first, second = self.view(), self.view()
        self.assertIn(f'at block {height}', first.text)
        self.assertIn(f'in unix:{self.there.datadir}', first.text)
        self.assertIn(f'{self.attach} balance', first.text)
        for terminal in (first, second):
            self.mine(terminal)
        first.process.send_signal(signal.SIGKILL)
        first.process.wait()
        self.mine(second)
        self.assertEqual(second.interrupt(), 0)
        self.assertEqual(self.there.status()['height'], height + 3)
        self.assertNotIn('restart', self.there.said())
        self.assertNotIn('lost', self.there.said())
        self.assertFalse(os.path.exists(self.datadir))

    def test_process_that_is_started_again_is_found_again(self):
        terminal = self.view()
        for who in ('node', 'wallet', 'node'):
            pid = self.there.status()[f'{who}_pid']
            os.kill(pid, signal.SIGKILL)
            terminal.read_until(f'link to process {who} is gone')
            wait_until(lambda who=who, pid=pid: self.there.status().get(f'{who}_pid', pid) != pid, f'{who} is there again')
            self.mine(terminal)
            terminal.text = ''
        self.assertEqual(terminal.interrupt(), 0)

    def test_view_ends_with_the_program(self):
        terminal = self.view()
        self.there.kill()
        terminal.read_until('the program that ran on .* has ended')
        self.assertEqual(terminal.process.wait(WAIT_SECONDS), 1)
        self.there.begin()
        terminal = self.view()
        self.there.run('stop')
        terminal.read_until('ends: stopped by a command')
        self.assertEqual(terminal.process.wait(WAIT_SECONDS), 0)
        self.there.process.wait(WAIT_SECONDS)
        self.assertRegex(self.refused(self.attach), 'no program runs on .*/regtest: start it without --attach')
        self.assertRegex(self.refused(self.attach, 'status'), 'no program runs on .*/regtest: start it without --attach')

    def test_commands_go_there(self):
        height = self.there.status()['height']
        for where in (self.attach, f'{self.attach}/control.sock'):
            self.assertEqual(self.ask(where, 'status')['height'], height)
        self.assertEqual(self.run_program('--attach=unix', 'status', datadir=self.there.datadir).returncode, 0)
        self.assertEqual(self.run_program('--attach=auto', 'status', datadir=self.there.datadir).returncode, 0)
        self.assertIn('no program runs on', self.refused('--attach=unix', 'status'))
        self.assertIn('no program runs on', self.refused(f'--attach=unix:{self.folder}/none', 'status'))

    def test_auto_is_whichever_there_is(self):
        there = self.run_program('--attach=auto', datadir=self.there.datadir)
        self.assertIn(f'process {self.there.status()["node_pid"]}', there.stdout)
        own = self.run_program('--attach=auto')
        self.assertIn('101 blocks', own.stdout)
        self.assertNotIn(f'process {self.there.status()["node_pid"]}', own.stdout)

    def test_what_it_refuses(self):
        self.assertIn('unix:PATH, unix or auto, not "tcp:1"', self.refused('--attach=tcp:1', status=2))
        self.assertIn('not "unix:"', self.refused('--attach=unix:', status=2))
        for option in ('--split=none', '--sandbox=off', '--listen=1'):
            self.assertIn('no effect on the program that runs already', self.refused(self.attach, option, status=2))
        path = self.path('plain', b'')
        self.assertIn('no program runs on', self.refused(f'--attach=unix:{path}'))

    def test_crowd_is_served_or_refused(self):
        crowd = [subprocess.Popen([program.PROGRAM, self.attach, 'status', '--json'], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                  stderr=subprocess.PIPE, text=True) for _ in range(CROWD)]
        served = 0
        for process in crowd:
            out, error = process.communicate(timeout=2 * WAIT_SECONDS)
            served += process.returncode == 0
            if process.returncode != 0:
                self.assertIn('as many clients as it can serve', error)
            else:
                self.assertIn('"height":', out)
        self.assertGreaterEqual(served, 1)
        self.assertTrue(self.there.status())


if __name__ == '__main__':
    unittest.main()
