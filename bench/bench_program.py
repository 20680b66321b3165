"""bench_program: troupe-bitcoin as a user runs it: its start, its memory, its rest, an import split and whole, a balance, being looked at.

    bench_program.py PROGRAM

Appends its figures to the file that TROUPE_BENCH_RECORD names, as troupe-bench does.
"""
import json
import os
import pty
import re
import shutil
import signal
import socket
import statistics
import struct
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), 'test', 'support'))
import regtest  # noqa: E402 (the path comes first)

ROUNDS = 7
IDLE_SECONDS = 10
IMPORT_BLOCKS, IMPORT_OUTPUTS = 800, 400
BALANCE_COUNTS = (10, 100_000)
BALANCE_BLOCK = 2000  # transactions in a block
LOOKED_ROUNDS, LOOKED_BLOCKS = 9, 300
ANYONE = b'\x51'  # OP_TRUE


def say_target(what, measured, bound, unit='x', least=False):
    met = measured >= bound if least else measured <= bound
    print(f'  {"met" if met else "MISSED":6} {what:58} {measured:10.3g} {unit:6} (target {">=" if least else "<="} {bound:g})', flush=True)
    path = os.environ.get('TROUPE_BENCH_RECORD')
    if path:
        with open(path, 'a', encoding='ascii') as file:
            print(json.dumps({'target': what, 'placement': '', 'unit': unit, 'measured': measured, 'bound': bound, 'least': least}), file=file)


class Bench:
    def __init__(self, program, folder):
        self.program, self.folder = program, folder

    def run(self, datadir, *words):
        """Runs it to its end; returns seconds and what it said."""
        started = time.monotonic()
        done = subprocess.run([self.program, f'--datadir={datadir}', *words], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, check=False)
        if done.returncode != 0:
            sys.exit(f'bench: {self.program} {" ".join(words)} ended with {done.returncode}:\n{done.stdout.decode(errors="replace")}')
        return time.monotonic() - started, done.stdout.decode()

    def stay(self, datadir, *names):
        """Starts it on a terminal, where it stays; returns once those processes have said that they are there."""
        pid, terminal = pty.fork()
        if pid == 0:
            os.execv(self.program, [self.program, f'--datadir={datadir}'])
        seen = b''
        while not all(re.search(name + rb' +process \d+', seen) for name in names):
            seen += os.read(terminal, 4096)
        return pid, terminal

    def fresh(self, name, under=None):
        path = os.path.join(under or self.folder, name)
        shutil.rmtree(path, ignore_errors=True)
        return path

    def file(self, name, blocks):
        path = os.path.join(self.folder, name)
        with open(path, 'wb') as file:
            file.write(regtest.framed(blocks))
        return path


def end(pid, terminal):
    os.kill(pid, signal.SIGTERM)
    try:
        while os.read(terminal, 4096):
            pass
    except OSError:  # its last process is gone
        pass
    os.waitpid(pid, 0)
    os.close(terminal)


# ---- start, memory, rest ---------------------------------------------------------------------------------------------------------


def processes_of(pid):
    """A process and its children."""
    with open(f'/proc/{pid}/task/{pid}/children', encoding='ascii') as file:
        return [pid, *map(int, file.read().split())]


def pss_kib(pid):
    with open(f'/proc/{pid}/smaps_rollup', encoding='ascii') as file:
        return int(re.search(r'^Pss:\s+(\d+)', file.read(), re.MULTILINE)[1])


def waits(pid):
    """How often its threads have gone to sleep: as often they were woken."""
    total = 0
    for task in os.listdir(f'/proc/{pid}/task'):
        with open(f'/proc/{pid}/task/{task}/status', encoding='ascii') as file:
            total += int(re.search(r'^voluntary_ctxt_switches:\s+(\d+)', file.read(), re.MULTILINE)[1])
    return total


def measure_rest(bench):
    """On a terminal, where it stays: until all three say that they are there, and then for a while."""
    datadir = bench.fresh('rest')
    bench.run(datadir)
    starts = []
    for i in range(ROUNDS):
        started = time.monotonic()
        pid, terminal = bench.stay(datadir, b'ui', b'node', b'wallet')
        starts.append((time.monotonic() - started) * 1000)
        if i == ROUNDS - 1:
            time.sleep(2)
            pids = processes_of(pid)
            before = sum(map(waits, pids))
            time.sleep(IDLE_SECONDS)
            woken = (sum(map(waits, pids)) - before) / IDLE_SECONDS
            memory = sum(map(pss_kib, pids)) / 1024
        end(pid, terminal)
    print(f'\ntroupe-bitcoin in three processes ({ROUNDS} starts, then {IDLE_SECONDS} s of rest)')
    say_target('three processes ready', statistics.median(starts), 150, 'ms')
    say_target('three idle processes, PSS', memory, 40, 'MiB')
    say_target('wake-ups of three idle processes', woken, 12, '/s')


# ---- an import -------------------------------------------------------------------------------------------------------------------


def measure_import(bench):
    """The same blocks by three processes and by one, on disk and in memory."""
    path = bench.file('import.dat', regtest.blocks(IMPORT_BLOCKS, outputs=IMPORT_OUTPUTS))
    print(f'\nAn import of {IMPORT_BLOCKS} blocks, {os.path.getsize(path) / 1e6:.1f} MB ({ROUNDS} rounds)')
    for where, under, bound in (('on disk', None, 1.1), ('in memory', '/dev/shm', 1.5)):
        if under and not os.access(under, os.W_OK):
            print(f'  {under} is not there: not measured in memory')
            continue
        ratios, split, whole = [], [], []
        for _ in range(ROUNDS):
            for took, mode in ((split, 'all'), (whole, 'none')):
                datadir = bench.fresh(f'troupe-bench-import-{os.getpid()}', under)
                took.append(bench.run(datadir, f'--split={mode}', f'--import={path}')[0])
                shutil.rmtree(datadir)
            ratios.append(split[-1] / whole[-1])
        print(f'  {where}: three processes {statistics.median(split):.2f} s, one {statistics.median(whole):.2f} s')
        say_target(f'import {where}, three processes to one', statistics.median(ratios), bound)


# ---- a balance -------------------------------------------------------------------------------------------------------------------


def payments(count):
    """Blocks with `count` transactions that pay regtest.SCRIPT, of coins that anyone can spend."""
    coins = -(-count // BALANCE_BLOCK)
    made = regtest.blocks(coins, outputs=min(count, BALANCE_BLOCK), script=ANYONE)
    funding = list(made)
    made += regtest.blocks(100, below=made, script=ANYONE)
    left, amount = count, 5_000_000_000 // min(count, BALANCE_BLOCK)
    for block in funding:
        coin = regtest.sha256d(block[81:])  # its only transaction
        number = min(left, BALANCE_BLOCK)
        txs = [struct.pack('<iB', 2, 1) + coin + struct.pack('<IBIB', i, 0, 0xffffffff, 1) + struct.pack('<qB', amount, len(regtest.SCRIPT))
               + regtest.SCRIPT + bytes(4) for i in range(number)]
        made += regtest.blocks(1, below=made, script=ANYONE, txs=txs)
        left -= number
    return made


def measure_balance(bench):
    """The command, on a running program: the wallet answers from what it knows."""
    running, took = [], {count: [] for count in BALANCE_COUNTS}
    for count in BALANCE_COUNTS:
        path = bench.file(f'{count}.dat', payments(count))
        datadir = bench.fresh(f'balance-{count}')
        bench.run(datadir, f'--watch={regtest.SCRIPT.hex()}', f'--import={path}')
        running.append(bench.stay(datadir, b'wallet'))
        balance = json.loads(bench.run(datadir, '--json', 'balance')[1])
        if balance['confirmed_sat'] != count * (5_000_000_000 // min(count, BALANCE_BLOCK)):
            sys.exit(f'bench: the wallet has counted something else: {balance}')
    for _ in range(ROUNDS * 3):
        for count in BALANCE_COUNTS:
            took[count].append(bench.run(os.path.join(bench.folder, f'balance-{count}'), 'balance')[0])
    for pid, terminal in running:
        end(pid, terminal)
    few, many = (statistics.median(took[count]) for count in BALANCE_COUNTS)
    print(f'\nA balance, wallet in its own process: {few * 1e3:.1f} ms with {BALANCE_COUNTS[0]} transactions, {many * 1e3:.1f} ms with {BALANCE_COUNTS[1]}')
    say_target('balance with 100,000 transactions, to one with 10', statistics.median(b / a for a, b in zip(took[BALANCE_COUNTS[0]], took[BALANCE_COUNTS[1]])), 1.2)


# ---- being looked at -------------------------------------------------------------------------------------------------------------


def measure_looking(bench):
    """Blocks mined, each of which node, wallet and view tell each other of, while somebody looks at all that passes."""
    troupe = os.path.join(os.path.dirname(bench.program), 'troupe')
    datadir = bench.fresh('looking')
    with socket.create_server(('127.0.0.1', 0)) as found:
        port = found.getsockname()[1]
    running = subprocess.Popen([bench.program, f'--datadir={datadir}', f'--listen={port}'], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                               stderr=subprocess.DEVNULL)
    subprocess.run([troupe, f'--attach=unix:{datadir}/regtest', 'wait', 'wallet', '--timeout=30s'], check=True, stdout=subprocess.DEVNULL)
    capture = os.path.join(bench.folder, 'capture')
    ways = {'nobody': None, 'monitor': ['monitor'], 'capture': ['capture', capture, '--contents=4096']}
    took = {way: [] for way in ways}
    for _ in range(LOOKED_ROUNDS):
        for way, words in ways.items():
            looker = words and subprocess.Popen([troupe, f'--attach=unix:{datadir}/regtest', *words], stdin=subprocess.DEVNULL,
                                                stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
            while looker and b'looks at' not in looker.stderr.readline():
                if looker.poll() is not None:
                    sys.exit(f'bench: troupe {words[0]} ended with {looker.returncode}')
            took[way].append(bench.run(datadir, 'mine', str(LOOKED_BLOCKS))[0])
            if looker:
                looker.send_signal(signal.SIGINT)
                looker.communicate()
            if os.path.exists(capture):
                os.unlink(capture)
    running.terminate()
    running.wait()
    print(f'\nBeing looked at: {LOOKED_BLOCKS} blocks mined in {statistics.median(took["nobody"]):.2f} s; with capture of all contents '
          f'{statistics.median(b / a for a, b in zip(took["nobody"], took["capture"])):.2f} times that')
    say_target('mining while troupe monitor looks, to nobody looking', statistics.median(b / a for a, b in zip(took['nobody'], took['monitor'])), 1.05)


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    folder = tempfile.mkdtemp(prefix='troupe-bench-')
    try:
        bench = Bench(os.path.abspath(sys.argv[1]), folder)
        measure_rest(bench)
        measure_import(bench)
        measure_balance(bench)
        measure_looking(bench)
    finally:
        shutil.rmtree(folder)


main()
