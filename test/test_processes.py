"""The processes of a program, seen and moved from outside: troupe.Launcher of a real troupe-bitcoin, and the verbs kill and restart."""
import json
import os
import select
import sys
import unittest

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, os.path.join(ROOT, 'test', 'support'))
import command  # noqa: E402 (the path comes first)
import program  # noqa: E402


class Moved(unittest.TestCase):
    """Each test has a program of its own, which it may end."""

    def begin(self, *lines):
        """With these settings of the wallet's process."""
        words = ()
        if lines:
            folder = self.enterContext(program.tempfile.TemporaryDirectory(prefix='troupe-test-'))
            path = os.path.join(folder, 'composition.ini')
            with open(path, 'w', encoding='utf-8') as file:
                file.write('\n'.join(['[process ui]', 'roles = ui', '[process node]', 'roles = node', '[process wallet]', 'roles = wallet', *lines, '']))
            words = (f'--compose={path}',)
        self.node = program.Node(self, *words)

    def troupe(self, *words, status=0):
        return command.run(f'--attach=unix:{self.node.datadir}', *words, status=status)

    def json(self, *words):
        return json.loads(self.troupe(*words, '--json').stdout)

    def processes(self):
        return {one['name']: one for one in self.json('call', 'launcher', 'list_processes')['processes']}

    def refused(self, *words):
        return self.troupe(*words, status=1).stderr

    def running(self, name, restarts):
        """Once it is."""
        def found():
            process = self.processes()[name]
            return process if (process['state'], process['restarts']) == ('running', restarts) else None
        return program.wait_until(found, f'{name} runs, started again {restarts} times')

    def test_lists_processes_and_roles(self):
        self.begin()
        told = self.json('call', 'launcher', 'list_processes')
        self.assertEqual([(one['name'], one['pid'], one['state'], one['restarts'], one['ended'], one['policy'], one['sandboxed'], one['own'])
                          for one in told['processes']],
                         [('ui', self.node.process.pid, 'running', 0, '', 'never', False, True),
                          ('node', self.node.pids()['node'], 'running', 0, '', 'on_failure', True, False),
                          ('wallet', self.node.pids()['wallet'], 'running', 0, '', 'on_failure', True, False)])
        self.assertEqual([(role['name'], role['process'], role['ready']) for role in told['roles']],
                         [('node', 'node', True), ('wallet', 'wallet', True), ('ui', 'ui', True), ('launcher', 'ui', True)])

    def test_killed_process_dies_by_force_and_comes_back(self):
        self.begin()
        before = self.processes()['node']
        with open(os.pidfd_open(before['pid']), 'rb', buffering=0) as pidfd:
            self.assertEqual(self.json('kill', 'node'), {'process': 'node', 'pid': before['pid']})
            self.assertTrue(select.select([pidfd], [], [], program.WAIT_SECONDS)[0], 'it is to be dead')
        after = self.running('node', 1)
        self.assertNotEqual(after['pid'], before['pid'])
        self.assertRegex(after['ended'], 'killed by signal 9')
        self.assertEqual(self.processes()['wallet']['restarts'], 0)
        self.assertEqual(self.json('call', 'node', 'get_info')['tip']['height'], 0)

    def test_restarted_process_ends_in_order_and_is_ready_when_that_is_said(self):
        self.begin()
        before = self.processes()['wallet']
        after = self.json('restart', 'wallet')['process']
        self.assertEqual((after['state'], after['restarts'], after['ended']), ('running', 1, 'exited with status 0'))
        self.assertFalse(program.is_alive(before['pid']))
        self.assertTrue(program.is_alive(after['pid']))
        self.assertIn('balance', self.json('call', 'wallet/default', 'get_balance'))

    def test_what_was_begun_is_done_before_it_ends(self):
        self.begin()
        script = '0014' + '00' * 20
        mining = command.Going(self, self.node.datadir, 'call', 'node', 'mine', 'count=300', f'script=0x{script}')
        mining.read_until('height: 1')
        self.assertEqual(self.json('restart', 'node')['process']['ended'], 'exited with status 0')
        status, out, error = mining.end()
        self.assertEqual((status, error), (0, ''))
        self.assertNotIn('BYE', self.node.said())  # who watches its actors, or is watched by it, does not keep it
        self.assertIn('height: 300', out)
        self.assertEqual(self.json('call', 'node', 'get_info')['tip']['height'], 300)

    def test_who_has_no_process_or_the_launchers_is_refused(self):
        self.begin()
        for verb in ('kill', 'restart'):
            self.assertRegex(self.refused(verb, 'wallat'), 'no process or role "wallat": list_processes has them')
            for name in ('ui', 'launcher'):
                self.assertRegex(self.refused(verb, name), "process ui is the launcher's own: end the program instead")
            self.assertRegex(self.troupe(verb, 'x' * 65, status=2).stderr, 'at most 64 bytes')
        self.assertEqual({one['restarts'] for one in self.processes().values()}, {0})

    def test_restarts_that_were_asked_for_are_no_crashes(self):
        self.begin('intensity = 1 in 3600 s')
        for count in (1, 2, 3):
            self.assertEqual(self.json('restart', 'wallet')['process']['restarts'], count)
        self.json('kill', 'wallet')
        self.running('wallet', 4)
        self.json('kill', 'wallet')
        self.assertEqual(self.node.process.wait(program.WAIT_SECONDS), 1)
        self.assertRegex(self.node.said(), 'process wallet was killed by signal 9 .*, after 1 restarts within 3600 s: the program ends')

    def test_where_nothing_is_restarted_it_is_when_that_is_asked_for_and_a_kill_ends_the_program(self):
        self.begin('restart = never')
        self.assertEqual(self.processes()['wallet']['policy'], 'never')
        self.assertEqual(self.json('restart', 'wallet')['process']['state'], 'running')
        self.json('kill', 'wallet')
        self.assertEqual(self.node.process.wait(program.WAIT_SECONDS), 1)

    def test_one_that_waits_can_only_be_started(self):
        self.begin('backoff = 10000 ms', 'intensity = 100 in 3600 s')
        program.wait_until(lambda: 'process wallet is dead, and about to be started: try again when it runs'
                           in self.troupe('kill', 'wallet', status=None).stderr, 'it waits, and is told so')
        self.assertEqual(self.json('restart', 'wallet')['process']['state'], 'running')

    def test_each_change_is_told(self):
        self.begin()
        watching = command.Going(self, self.node.datadir, 'watch', 'launcher.processes_changed', '--json')
        first = json.loads(watching.read_until('changes')[0] and watching.lines[-1])['fields']['changes']
        self.json('restart', 'wallet')
        changes = first
        while changes < self.json('call', 'launcher', 'list_processes')['changes']:
            watching.read_until('changes')
            later = json.loads(watching.lines[-1])['fields']['changes']
            self.assertGreater(later, changes)
            changes = later
        self.assertGreaterEqual(changes, first + 5)  # ending, waiting, opening, starting, running


if __name__ == '__main__':
    unittest.main()
