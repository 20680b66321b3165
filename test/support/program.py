"""program: troupe-bitcoin with a data directory of its own, for tests that give it commands.

    class Some(program.Program)                      each test has a data directory; self.ask('status') starts the program for that
    terminal = program.Terminal(test)                runs on a terminal until the test ends
    node = program.Node(test, f'--listen={port}')    runs until the test ends; node.ask('status') is what it says
    node.wait_until(condition, what)
"""
import json
import os
import pty
import re
import select
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import unittest

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BUILD = os.environ.get('TROUPE_BUILD', os.path.join(ROOT, 'build/release'))
PROGRAM = os.path.join(BUILD, 'troupe-bitcoin')
SLOW = int(os.environ.get('TROUPE_SLOW', '1'))
SHARED = os.environ.get('TROUPE_SHARED')
WAIT_SECONDS = 60 * SLOW
COIN = 100_000_000


def free_port():
    with socket.socket() as probe:
        probe.bind(('127.0.0.1', 0))
        return probe.getsockname()[1]


def is_alive(pid):
    try:
        with open(f'/proc/{pid}/stat', encoding='ascii', errors='replace') as file:
            return file.read().rpartition(')')[2].split()[0] not in 'ZX'
    except OSError:
        return False


def wait_until(condition, what, pause=0.05):
    end = time.monotonic() + WAIT_SECONDS
    while not (found := condition()):
        if time.monotonic() >= end:
            raise AssertionError(f'waited in vain: {what}')
        time.sleep(pause)
    return found


def shared(name):
    path = SHARED and os.path.join(SHARED, 'data', name)
    if not path or not os.path.exists(path):
        raise unittest.SkipTest(f'no data/{name}: TROUPE_SHARED {"names a folder without it" if SHARED else "is not set"}')
    return path


def arguments_of(datadir, words):
    return [PROGRAM, f'--datadir={datadir}', *map(str, words)]


def end(process):
    """In order if it can; nothing if it has ended."""
    process.terminate()
    try:
        process.wait(WAIT_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def run(datadir, *words, status=0, given=''):
    """A command to its end, which must be with that status unless that is None."""
    done = subprocess.run(arguments_of(datadir, words), input=given, capture_output=True, text=True, timeout=WAIT_SECONDS, check=False)
    if status is not None and done.returncode != status:
        raise AssertionError(f'{words} ended with {done.returncode}\n{done.stdout}{done.stderr}')
    return done


class Node:
    """The program, running, with its node reachable at a port. The folder of its data is made if none is given."""

    def __init__(self, test, *words, datadir=None, begin=True):
        self.folder = tempfile.mkdtemp(prefix='troupe-test-')
        test.addCleanup(shutil.rmtree, self.folder, ignore_errors=True)
        self.datadir = datadir or os.path.join(self.folder, 'data')
        self.words = words
        self.p2p = free_port()
        self.out = self.process = None
        if begin:
            self.begin()
        test.addCleanup(self.end)

    def spawn(self):
        """Without waiting until it is up."""
        self.out = open(os.path.join(self.folder, 'out'), 'wb')  # noqa: SIM115 (closed in close_all)
        self.process = subprocess.Popen(arguments_of(self.datadir, (f'--listen={self.p2p}', *self.words)),
                                        stdin=subprocess.PIPE, stdout=self.out, stderr=self.out)

    def begin(self):
        self.spawn()
        # a command that comes before it would be a program of its own
        wait_until(lambda: 'wallet  process' in self.said() or self.process.poll() is not None, 'the program is up')
        wait_until(lambda: 'height' in self.status() or self.process.poll() is not None, 'it answers')
        if self.process.poll() is not None:
            raise AssertionError(f'it ended: {self.said()}')

    def said(self):
        """Since it began."""
        with open(self.out.name, encoding='utf-8', errors='replace') as file:
            return file.read()

    def close_all(self):
        self.process.stdin.close()
        self.out.close()

    def pids(self):
        """Of its processes, as it named them last; those that it did not come to are missing."""
        named = re.findall(r'(?m)^(?:ui +process )?(node|wallet) .*process (\d+)', self.said())
        return {'launcher': self.process.pid, **{who: int(pid) for who, pid in named}}

    def discard(self):
        """Ends it, and its data go now, not when the test ends."""
        self.end()
        shutil.rmtree(self.folder, ignore_errors=True)

    def end(self):
        end(self.process)
        self.close_all()

    def kill(self):
        """All of its processes at once, as when the power fails."""
        status = self.status()
        pids = [self.process.pid, *(status[key] for key in ('node_pid', 'wallet_pid') if key in status)]
        for pid in pids:
            os.kill(pid, signal.SIGKILL)
        self.process.wait()
        self.close_all()
        for pid in pids:
            wait_until(lambda pid=pid: not is_alive(pid), f'process {pid} is to be gone')

    def run(self, *words, status=0):
        return run(self.datadir, *words, '--json', status=status)

    def ask(self, *words):
        return json.loads(self.run(*words).stdout)

    def status(self):
        """Nothing while its node is away."""
        try:
            return json.loads(self.run('status', status=None).stdout)
        except ValueError:
            return {}

    def rss_bytes(self):
        """What its node's process takes of the memory."""
        with open(f'/proc/{self.status()["node_pid"]}/status', encoding='ascii', errors='replace') as file:
            return next(int(line.split()[1]) * 1024 for line in file if line.startswith('VmRSS'))


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

    def run_program(self, *words, status=0, datadir=None, given=''):
        return run(datadir or self.datadir, *words, status=status, given=given)

    def ask(self, *words, given=''):
        return json.loads(self.run_program(*words, '--json', given=given).stdout)

    def refused(self, *words, status=1, datadir=None):
        """The one line that says why."""
        error = self.run_program(*words, status=status, datadir=datadir).stderr
        self.assertRegex(error, r'\Atroupe-bitcoin: .+\n\Z')
        return error

    @staticmethod
    def wait_until(condition, what):
        return wait_until(condition, what, 0.002)

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
        test.addCleanup(end, self.process)

    def forget(self):
        """What it has said: a terminal has room for some only."""
        while select.select([self.master], [], [], 0)[0]:
            try:
                os.read(self.master, 65536)
            except OSError:  # it has ended
                return

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
