"""bitcoind: a real one on regtest, for tests that need a peer. It is fetched once into the build folder; where it can't be had, tests skip.

    bitcoind.require()               raises unittest.SkipTest with the reason
    with bitcoind.Bitcoind() as peer:
        peer.cli('getblockcount')    the parsed answer; peer.p2p is the port that it listens on
"""
import contextlib
import fcntl
import json
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import unittest

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BUILD = os.environ.get('TROUPE_BUILD', os.path.join(ROOT, 'build/release'))
SHARED = os.environ.get('TROUPE_SHARED')
FETCH_SECONDS = 100
CALL_SECONDS = 60
TRIES_MAX = 3  # to start: somebody else may take a port between its choice and its use


def folder():
    """Where the unpacked one lies. One process fetches, the others wait for it. What failed is not tried again for this build folder
    within an hour."""
    fetch = SHARED and os.path.join(SHARED, 'peer', 'fetch-bitcoind.sh')
    if not fetch or not os.path.exists(fetch):
        raise unittest.SkipTest(f'no bitcoind: TROUPE_SHARED {"names a folder without peer/fetch-bitcoind.sh" if SHARED else "is not set"}')
    os.makedirs(BUILD, exist_ok=True)
    path, failed = os.path.abspath(os.path.join(BUILD, 'bitcoind')), os.path.join(BUILD, 'bitcoind.failed')
    with open(os.path.join(BUILD, 'bitcoind.lock'), 'w', encoding='utf-8') as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if os.path.exists(os.path.join(path, 'start.sh')):
            return path
        if os.path.exists(failed) and time.time() - os.path.getmtime(failed) < 3600:
            raise unittest.SkipTest(f'no bitcoind: fetching it failed a short while ago; remove {failed} to try again')
        shutil.rmtree(path, ignore_errors=True)
        try:
            done = subprocess.run(['timeout', str(FETCH_SECONDS), 'bash', fetch, path], stdin=subprocess.DEVNULL, capture_output=True, text=True,
                                  check=False)
            why = (done.stderr.strip() or done.stdout.strip() or f'exit status {done.returncode}').splitlines()[-1] if done.returncode else ''
        except OSError as error:
            why = str(error)
        if why:
            shutil.rmtree(path, ignore_errors=True)
            with open(failed, 'w', encoding='utf-8') as file:
                file.write(why + '\n')
            raise unittest.SkipTest(f'no bitcoind: fetching it failed: {why}')
        return path


require = folder


def free_port():
    with socket.socket() as probe:
        probe.bind(('127.0.0.1', 0))
        return probe.getsockname()[1]


class Refused(Exception):
    """bitcoin-cli said no: the text is what it said."""


class Bitcoind:
    """One bitcoind with a data directory of its own, started when made. close(), or `with`, ends it."""

    def __init__(self, *arguments):
        self.home = folder()
        self.datadir = tempfile.mkdtemp(prefix='troupe-bitcoind-')
        self.arguments, self.pid, said = arguments, None, ''
        for _ in range(TRIES_MAX):
            self.rpc, self.p2p = free_port(), free_port()
            said = self.start()
            if self.pid:
                return
        shutil.rmtree(self.datadir, ignore_errors=True)
        raise unittest.SkipTest(f'no bitcoind: it does not start: {said.strip()}')

    def start(self, *arguments):
        """Starts it, again after stop(), on its data directory and ports; with more arguments if given. Returns what it said."""
        done = subprocess.run([os.path.join(self.home, 'start.sh'), self.datadir, str(self.rpc), str(self.p2p), *self.arguments, *arguments],
                              stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=CALL_SECONDS, check=False)
        self.pid = int(done.stdout) if done.returncode == 0 else None
        if not self.pid:
            with contextlib.suppress(OSError, ValueError), open(os.path.join(self.datadir, 'pid'), encoding='ascii') as file:
                self.kill(int(file.read()))
        return done.stderr

    def cli(self, *words, wallet=None):
        """The answer, parsed where it is JSON; Refused with what it said otherwise."""
        command = [os.path.join(self.home, 'bin', 'bitcoin-cli'), '-regtest', f'-datadir={self.datadir}', f'-rpcport={self.rpc}',
                   *([f'-rpcwallet={wallet}'] if wallet is not None else []), *map(str, words)]
        done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=CALL_SECONDS, check=False)
        if done.returncode:
            raise Refused(done.stderr.strip())
        try:
            return json.loads(done.stdout)
        except ValueError:
            return done.stdout.strip()

    @staticmethod
    def kill(pid):
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)

    def is_alive(self):
        try:
            with open(f'/proc/{self.pid}/stat', encoding='ascii', errors='replace') as file:
                return file.read().rpartition(')')[2].split()[0] not in 'ZX'
        except OSError:
            return False

    def stop(self):
        """Ends it in order; kills it where that takes too long."""
        if not self.pid:
            return
        with contextlib.suppress(Refused, subprocess.TimeoutExpired):
            self.cli('stop')
        end = time.monotonic() + CALL_SECONDS
        while self.is_alive() and time.monotonic() < end:
            time.sleep(0.05)
        self.kill(self.pid)
        self.pid = None

    def close(self):
        self.stop()
        shutil.rmtree(self.datadir, ignore_errors=True)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()
