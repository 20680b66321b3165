"""program: troupe-bitcoin, running with a data directory of its own, for tests that give it commands.

    node = program.Node(test, f'--listen={port}')    runs until the test ends; node.ask('status') is what it says
    node.wait_until(condition, what)
"""
import json
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BUILD = os.environ.get('TROUPE_BUILD', os.path.join(ROOT, 'build/release'))
PROGRAM = os.path.join(BUILD, 'troupe-bitcoin')
SLOW = int(os.environ.get('TROUPE_SLOW', '1'))
WAIT_SECONDS = 30 * SLOW
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


class Node:
    """The program, running, with its node reachable at a port. The folder of its data is made if none is given."""

    def __init__(self, test, *words, datadir=None):
        self.folder = tempfile.mkdtemp(prefix='troupe-test-')
        test.addCleanup(shutil.rmtree, self.folder)
        self.datadir = datadir or os.path.join(self.folder, 'data')
        self.words = words
        self.p2p = free_port()
        self.begin()
        test.addCleanup(self.end)

    def begin(self):
        self.out = open(os.path.join(self.folder, 'out'), 'wb')  # noqa: SIM115 (closed in close_all)
        self.process = subprocess.Popen([PROGRAM, f'--datadir={self.datadir}', f'--listen={self.p2p}', *self.words],
                                        stdin=subprocess.PIPE, stdout=self.out, stderr=self.out)
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

    def end(self):
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(WAIT_SECONDS)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
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
        done = subprocess.run([PROGRAM, f'--datadir={self.datadir}', *map(str, words), '--json'], stdin=subprocess.DEVNULL, capture_output=True,
                              text=True, timeout=WAIT_SECONDS, check=False)
        if status is not None and done.returncode != status:
            raise AssertionError(f'{words} ended with {done.returncode}\n{done.stdout}{done.stderr}')
        return done

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
