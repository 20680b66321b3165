"""--bind: a socket of its own for others of the same user, who may use what --bind-allow says and no more."""
import os
import signal
import socket
import stat
import subprocess
import sys
import unittest

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, os.path.join(ROOT, 'test', 'support'))
import program  # noqa: E402 (the path comes first)
from program import Node, Terminal, WAIT_SECONDS  # noqa: E402

TROUPE = os.path.join(program.BUILD, 'troupe')
CLIENTS_MAX, CROWD = 32, 200
NOBODY = 65534


class Bind(program.Program):
    def setUp(self):
        super().setUp()
        self.socket = os.path.join(self.folder, 'doors', 'door')
        self.attach = f'--attach=unix:{self.socket}'

    def begin(self, *words):
        self.there = Node(self, f'--bind=unix:{self.socket}', *words)
        return self.there

    def troupe(self, *words, status=0):
        done = subprocess.run([TROUPE, self.attach, *words], capture_output=True, text=True, timeout=WAIT_SECONDS, check=False)
        self.assertEqual(done.returncode, status, done.stderr)
        return done.stdout + done.stderr

    # ---- what is allowed ----

    def test_who_may_only_read_changes_nothing(self):
        self.begin('--bind-allow=node:read,wallet:read')
        self.there.run('mine', 1)
        self.assertEqual(self.ask(self.attach, 'status')['height'], 1)
        self.assertEqual(self.ask(self.attach, 'balance')['immature_sat'], 50 * program.COIN)
        self.assertEqual(len(self.ask(self.attach, 'history')), 1)
        for words in (('mine', '1'), ('address',), ('stop',), ('peer', 'add', '127.0.0.1:1'), ('words',), ('backup', f'{self.folder}/copy')):
            self.assertIn('not granted to those who come this way', self.run_program(self.attach, *words, status=1).stderr, words)
        self.assertIn('EPERM', self.troupe('monitor', status=1))
        self.assertEqual(self.there.ask('mine', 1)['height'], 2)  # the first socket has no such limit
        terminal = Terminal(self, self.attach)
        terminal.read_until('where to go next')
        self.there.run('mine', 1)
        terminal.read_until('block 3')  # events pass
        self.assertEqual(terminal.interrupt(), 0)

    def test_roles_and_methods_are_chosen(self):
        self.begin('--bind-allow=node.get_tip,node.mine')
        self.assertNotIn('wallet', self.troupe('list'))
        self.assertIn('height  0', self.troupe('call', 'node', 'get_tip'))
        self.assertIn('{height: 1,', self.troupe('call', 'node', 'mine', 'count=1', 'script=0x51'))
        self.assertIn('EPERM', self.troupe('call', 'node', 'get_info', status=1))
        self.assertIn('handled', self.troupe('tree'))
        self.assertIn('no role', self.troupe('call', 'wallet', 'list', status=3))
        self.assertIn('no node or no wallet', self.refused(self.attach, 'balance'))
        self.assertIn('not all of these roles are for those who come through this socket', self.refused(self.attach))

    def test_processes_are_looked_at_and_left_alone(self):
        self.begin('--bind-allow=launcher:read')
        self.assertIn('wallet', self.troupe('call', 'launcher', 'list_processes'))
        self.assertIn('not granted', self.troupe('kill', 'wallet', status=1))

    def test_all_is_allowed_unless_it_is_said(self):
        self.begin()
        self.assertEqual(self.ask(self.attach, 'mine', '1')['height'], 1)

    def test_list_may_be_long(self):
        self.begin('--bind-allow=' + ','.join(['node.get_tip'] * 250))
        self.assertIn('height  0', self.troupe('call', 'node', 'get_tip'))
        self.there.end()
        self.assertIn('more than 256 methods', self.refused('--bind=unix', '--bind-allow=' + ','.join(['node.get_tip'] * 257), status=2))

    def test_limit_holds_when_a_process_comes_again(self):
        self.begin('--bind-allow=node.get_tip')
        self.assertIn('EPERM', self.troupe('call', 'node', 'get_info', status=1))
        os.kill(self.there.pids()['node'], signal.SIGKILL)
        program.wait_until(lambda: 'height' in self.troupe_or_nothing(), 'the node is there again')
        self.assertIn('EPERM', self.troupe('call', 'node', 'get_info', status=1))

    def test_limit_holds_in_one_process(self):
        self.begin('--bind-allow=node.get_tip', '--split=none')
        self.assertIn('height  0', self.troupe('call', 'node', 'get_tip'))
        self.assertIn('get_info is not granted', self.troupe('call', 'node', 'get_info', status=1))

    def test_first_socket_can_be_limited(self):
        self.there = Node(self, '--bind=unix', '--bind-allow=node:read,wallet:read')
        self.assertEqual(self.there.ask('status')['height'], 0)
        self.assertIn('not granted', self.there.run('mine', 1, status=1).stderr)

    # ---- the socket ----

    def test_socket_is_for_its_owner_only(self):
        self.begin()
        self.assertEqual(stat.S_IMODE(os.stat(self.socket).st_mode), 0o600)
        self.assertEqual(stat.S_IMODE(os.stat(os.path.dirname(self.socket)).st_mode), 0o700)
        self.there.end()
        self.assertFalse(os.path.exists(self.socket))

    def test_stale_socket_is_replaced_and_a_live_one_is_not(self):
        self.begin()
        self.assertIn('a program listens there already', self.refused(f'--bind=unix:{self.socket}'))
        self.there.process.send_signal(signal.SIGKILL)
        self.there.process.wait()
        self.assertTrue(os.path.exists(self.socket))
        self.begin()
        self.assertEqual(self.ask(self.attach, 'status')['height'], 0)

    def test_places_that_will_not_do_are_said(self):
        open_folder = os.path.join(self.folder, 'open')
        os.mkdir(open_folder)
        os.chmod(open_folder, 0o755)
        plain = self.path('plain', b'')
        for path, why in ((f'{open_folder}/door', 'others may enter its directory'), (plain, 'something else is there already'),
                          (f'{self.folder}/none/at/all', 'only the last folder is made'), (f'{self.folder}/', 'ends in no name'),
                          (f'{self.folder}/{"x" * 64}', 'longer than 63 bytes')):
            self.assertIn(why, self.refused(f'--bind=unix:{path}'), path)
        long = '/'.join([self.folder, *(['x' * 30] * 8)])  # longer than the path of a socket may be
        os.makedirs(long, mode=0o700)
        self.socket = f'{long}/door'
        self.attach = f'--attach=unix:{self.socket}'
        self.begin()
        self.assertEqual(self.ask(self.attach, 'status')['height'], 0)

    def test_words_that_will_not_do_are_said(self):
        for words, why in ((['--bind=tcp:1'], 'unix:PATH or unix, not "tcp:1"'), (['--bind-allow=node'], 'give that, too'),
                           (['--bind=unix', '--bind-allow=nod'], 'did you mean node'), (['--bind=unix', '--bind-allow=node:red'], 'ROLE:read'),
                           (['--bind=unix', '--bind-allow=node.get_inf'], 'did you mean get_info'),
                           (['--bind=unix', '--bind-allow='], 'no role ""'),
                           (['--bind=unix', '--bind-allow=node,,wallet'], 'no role ""')):
            self.assertIn(why, self.run_program(*words, status=2).stderr, words)
        self.assertIn('no effect on the command', self.refused('--bind=unix', 'status', status=2))
        self.assertIn('no effect on a program that runs already', self.refused('--bind=unix', '--attach=auto', status=2))

    # ---- which program ----

    def test_another_version_is_said(self):
        self.begin()
        with open(program.PROGRAM, 'rb') as file:
            own = file.read()
        version = self.run_program('--version').stdout.split()[1]
        other = os.path.join(self.folder, 'troupe-bitcoin')
        with open(other, 'wb') as file:
            file.write(own.replace(version.encode() + b'\0', b'9' * len(version) + b'\0'))
        os.chmod(other, 0o700)
        done = subprocess.run([other, self.attach, 'balance'], capture_output=True, text=True, timeout=WAIT_SECONDS, check=False)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn(f'is version {version}, this is {"9" * len(version)}', done.stderr)

    def test_another_program_is_said(self):
        other = subprocess.Popen([os.path.join(program.BUILD, 'test', 'programs', 'trio'), f'--datadir={self.folder}'],
                                 stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        self.addCleanup(program.end, other)
        self.addCleanup(other.stdout.close)
        program.wait_until(lambda: os.path.exists(f'{self.folder}/control.sock'), 'it is there')
        for words in ((), ('balance',)):
            self.assertIn('runs there is trio', self.refused(f'--attach=unix:{self.folder}', *words))

    # ---- who comes ----

    def test_crowd_is_served_or_refused(self):
        self.begin('--bind-allow=node:read')
        crowd = []
        for _ in range(CROWD):
            client = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
            self.addCleanup(client.close)
            client.connect(self.socket)
            client.settimeout(WAIT_SECONDS)
            crowd.append(client)
        for client in crowd[CLIENTS_MAX:]:
            self.assertIn(b'as many clients as it can serve', client.recv(4096))
        self.assertEqual(self.there.ask('status')['height'], 0)  # they have no place at the other socket
        for client in crowd:
            client.close()
        program.wait_until(lambda: 'height' in self.troupe_or_nothing(), 'it serves again')

    def troupe_or_nothing(self):
        return subprocess.run([TROUPE, self.attach, 'call', 'node', 'get_tip'], capture_output=True, text=True, timeout=WAIT_SECONDS, check=False).stdout

    def test_socket_of_somebody_else_is_not_trusted(self):
        if os.geteuid() != 0:
            self.skipTest('only root can be somebody else')
        path = os.path.join(self.folder, 'theirs')
        listener = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.addCleanup(listener.close)
        os.chmod(self.folder, 0o777)
        os.seteuid(NOBODY)
        try:
            listener.bind(path)
            listener.listen(1)
        finally:
            os.seteuid(0)
        self.assertIn('belongs to another user', self.refused(f'--attach=unix:{path}'))


if __name__ == '__main__':
    unittest.main()
