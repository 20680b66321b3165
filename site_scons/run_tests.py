"""run_tests: runs test programs, two a core, those that put the machine under load alone, and counts what they counted.

One line per program, the whole output of one that failed, the reasons of what was skipped, and last
"N passed, N failed, N skipped" over every single test. Programs are of three kinds: cmocka's (named test_*), examples
(any other: exit status 0 is one test passed) and Python's unittest (*.py). A program that crashes, hangs, leaves a process
behind, runs no test, or of which a checker (valgrind, a sanitizer) reports anything, in whatever process, has failed.

With --stress they run one by one, for as long as they take, and what they print is shown as it comes.
"""
import argparse
import concurrent.futures
import dataclasses
import glob
import os
import re
import shutil
import signal
import subprocess
import sys
import time

LIMIT_SECONDS = {'plain': 480, 'valgrind': 900}
JOBS_PER_CORE = {'plain': 2, 'valgrind': 1} # who waits for other processes leaves its core to others, but not under valgrind
# What a checked build does unless others are asked for by name; all of it runs in release. Under valgrind, which is there for memory that
# was never written: what reads, writes and keeps bytes. Not under the sanitizers: what says nothing of how the code was built, holds its
# results against another program's, or starts whole programs whose parts have tests of their own. Not under ThreadSanitizer: what has one
# thread, and the commands, whose processes wait for each other.
IN_VALGRIND = ('test_actor', 'test_bitcoin', 'test_book_blocks', 'test_cbor', 'test_chain_rules', 'test_chain_store', 'test_command_idl',
               'test_curve', 'test_descriptor', 'test_frame', 'test_golden', 'test_import', 'test_interfaces', 'test_keys', 'test_link_event',
               'test_message', 'test_p2p_wire', 'test_psbt', 'test_schedule', 'test_sign', 'test_values', 'test_verify', 'test_vintage',
               'tour_')
NOT_IN_SANITIZERS = ('test_gen', 'test_lock', 'test_tree', 'test_readme', 'test_install', 'test_bitcoind_', 'test_p2p_bitcoind',
                     'test_mempool_bitcoind', 'test_p2p_program', 'test_pool_commands', 'test_kill_program', 'test_wallet_program',
                     'test_bitcoin_attach', 'test_bitcoin_branches', 'test_bitcoin_program', 'test_command_words', 'test_monitor',
                     'test_book_mortal', 'test_book_endurance', 'test_browser', 'test_js', 'test_bitcoin_bind', 'test_bitcoin_import',
                     'test_command.', 'test_sandbox')
NOT_IN_ASAN = ('test_processes', 'test_restart')  # races are what can go wrong there
NOT_IN_TSAN = ('test_bitcoin_', 'test_hostile', 'test_wallet_files', 'test_launcher_attach', 'test_launcher_end', 'test_fault_book',
               'test_fault_chain', 'test_fault_spend', 'test_book_', 'test_psbt', 'test_vectors', 'test_descriptor', 'test_keys', 'test_verify',
               'test_chain_', 'test_interleavings')
VALGRIND = ['valgrind', '--leak-check=full', '--errors-for-leak-kinds=definite,possible', '--num-callers=30', '--fair-sched=yes',
            f'--suppressions={os.path.dirname(os.path.abspath(__file__))}/valgrind.supp',
            '--trace-children=yes', '--trace-children-skip=/bin/*,/usr/bin/*']
SANITIZERS = {
    'asan': {
        'ASAN_OPTIONS': 'detect_leaks=1:detect_stack_use_after_return=1:strict_string_checks=1:check_initialization_order=1',
        'UBSAN_OPTIONS': 'print_stacktrace=1',
        'LSAN_OPTIONS': f'print_suppressions=0:suppressions={os.path.dirname(os.path.abspath(__file__))}/lsan.supp',
    },
    'tsan': {'TSAN_OPTIONS': f'second_deadlock_stack=1:history_size=4:atexit_sleep_ms=0:suppressions={os.path.dirname(os.path.abspath(__file__))}/tsan.supp'},
}


@dataclasses.dataclass
class Outcome:
    passed: int = 0
    failed: int = 0
    skipped: int = 0
    reasons: list = dataclasses.field(default_factory=list)  # why it failed
    notes: list = dataclasses.field(default_factory=list)  # why tests were skipped


VALGRIND_OFF = ('', '0')


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--build', required=True, help='the build folder')
    parser.add_argument('--variant', default='release')
    parser.add_argument('--valgrind', default='0', help='1: under memcheck')
    parser.add_argument('--only', default='', help='what the programs were chosen by')
    parser.add_argument('--stress', help='this many minutes for what can be long (TROUPE_STRESS)')
    parser.add_argument('--cc', default='cc', help='the compiler with its options, for tests that compile')
    parser.add_argument('programs', nargs='*')
    options = parser.parse_args()
    options.valgrind = options.valgrind not in VALGRIND_OFF
    if options.valgrind and not shutil.which('valgrind'):
        sys.exit('scons test: valgrind=1 needs valgrind: apt-get install valgrind')
    programs = [path for path in options.programs if suits(path, options.variant, options.valgrind, options.only)]
    if not programs:
        sys.exit('scons test: no test program has such a name')

    # The sanitizers' fixed shadow memory and a kernel that places programs anywhere collide; some containers forbid the cure.
    fixed = ['setarch', '--addr-no-randomize']
    works = subprocess.run([*fixed, 'true'], stderr=subprocess.DEVNULL, check=False).returncode == 0
    options.fixed_addresses = fixed if works else []
    options.reports = os.path.abspath(os.path.join(options.build, 'reports'))
    shutil.rmtree(options.reports, ignore_errors=True)
    os.makedirs(options.reports)
    total, options.sessions = Outcome(), set()
    try:
        for outcome in outcomes(programs, options):
            total.passed += outcome.passed
            total.failed += outcome.failed
            total.skipped += outcome.skipped
    except KeyboardInterrupt:
        for session in list(options.sessions):
            kill_session(session, 0)
        os._exit(130)
    print(f'{total.passed} passed, {total.failed} failed, {total.skipped} skipped', flush=True)
    sys.exit(1 if total.failed or not total.passed else 0)


def suits(path, variant, valgrind, only):
    """Whether it is run, and so built, too."""
    name = os.path.basename(path)
    if valgrind:
        return not path.endswith('.py') and (bool(only) or name.startswith(IN_VALGRIND))
    left_out = NOT_IN_SANITIZERS if variant in SANITIZERS else ()
    left_out += {'asan': NOT_IN_ASAN, 'tsan': NOT_IN_TSAN}.get(variant, ())
    return bool(only) or not name.startswith(left_out)


def outcomes(programs, options):
    alone = [path for path in programs if options.stress or os.path.basename(path).startswith('test_stress')]
    others = [path for path in programs if path not in alone]
    others.sort(key=lambda path: not path.endswith('.py')) # the longest first
    for jobs, paths in ((max(1, int(JOBS_PER_CORE['valgrind' if options.valgrind else 'plain'] * len(os.sched_getaffinity(0)))), others), (1, alone)):
        with concurrent.futures.ThreadPoolExecutor(jobs) as pool:
            yield from pool.map(lambda path: run(path, options), paths)


def run(path, options):
    """Runs one program to its end, or to the time limit, and says how it went."""
    name = os.path.splitext(os.path.basename(path))[0]
    limit_seconds = LIMIT_SECONDS['valgrind' if options.valgrind else 'plain']
    log = os.path.join(options.reports, name + '.log')
    started = time.monotonic()
    with open(log, 'wb') as out:
        process = subprocess.Popen(command(path, name, options), stdin=subprocess.DEVNULL, stdout=out, stderr=out,
                                   start_new_session=True, env=environment(name, options))
        options.sessions.add(process.pid)
        try:
            status = watch(process, log) if options.stress else process.wait(limit_seconds)
        except subprocess.TimeoutExpired:
            status = None
        left = kill_session(process.pid, 0 if status is None else 1)
        process.wait()
        options.sessions.discard(process.pid)
    with open(log, encoding='utf-8', errors='replace') as file:
        text = file.read()

    outcome = read_unittest(text) if path.endswith('.py') else read_cmocka(text) if name.startswith('test_') else Outcome(int(status == 0))
    if status is None:
        outcome.reasons.append(f'still running after {limit_seconds} s')
    elif status < 0:
        outcome.reasons.append(f'killed by {signal.Signals(-status).name}')
    elif status > 0 and not outcome.failed:
        outcome.reasons.append(f'exit status {status}')
    if status is not None and left:
        outcome.reasons.append(f'left {left} processes behind')
    for report in sorted(glob.glob(f'{glob.escape(options.reports)}/{name}.[0-9]*')):
        with open(report, encoding='utf-8', errors='replace') as file:
            words = file.read()
        if not options.valgrind or 'ERROR SUMMARY: 0 errors' not in words and 'ERROR SUMMARY' in words:
            outcome.reasons.append('the checker reported')
            text += f'\n{words}'
    if not outcome.passed + outcome.failed + outcome.skipped and not outcome.reasons:
        outcome.reasons.append('ran no test')
    if outcome.reasons and not outcome.failed:
        outcome.failed = 1
    show(name, outcome, text, time.monotonic() - started)
    return outcome


def watch(process, log):
    """Waits for its end, and shows meanwhile what it prints."""
    with open(log, encoding='utf-8', errors='replace') as file:
        while True:
            status = process.poll()
            print(file.read(), end='', flush=True)
            if status is not None:
                return status
            time.sleep(0.5)


def command(path, name, options):
    if path.endswith('.py'):
        return [sys.executable, '-m', 'unittest', 'discover', '-v', '-s', os.path.dirname(path), '-p', os.path.basename(path)]
    if options.valgrind:
        return [*VALGRIND, f'--log-file={options.reports}/{name}.%p', path]
    if options.variant in SANITIZERS:
        return [*options.fixed_addresses, path]
    return [path]


def environment(name, options):
    env = {key: value for key, value in os.environ.items() if key not in ('TROUPE_SHARED', 'TROUPE_STRESS')}
    env.update(TROUPE_BUILD=os.path.abspath(options.build), TROUPE_CC=options.cc, TROUPE_SLOW=str(slow(options)),
               PYTHONPATH=os.getcwd(), PYTHONDONTWRITEBYTECODE='1', LC_ALL='C.UTF-8')
    if options.stress:
        env['TROUPE_STRESS'] = options.stress
    if os.path.isdir('../shared'):
        env['TROUPE_SHARED'] = os.path.abspath('../shared')
    for key, value in SANITIZERS.get(options.variant, {}).items():
        env[key] = f'{value}:log_path={options.reports}/{name}'
    return env


def slow(options):
    """How many times longer a test may wait than on the plain build."""
    return 20 if options.valgrind else 5 if options.variant in SANITIZERS else 1


def kill_session(session, grace_seconds):
    """Kills what is left of a test's session, whatever its process group; returns how many were there after the grace."""
    deadline = time.monotonic() + grace_seconds
    while (members := session_members(session)) and time.monotonic() < deadline:
        time.sleep(0.01)
    for pid in members:
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
    return len(members)


def session_members(session):
    members = []
    for path in glob.glob('/proc/[0-9]*/stat'):
        try:
            with open(path, encoding='ascii', errors='replace') as file:
                state, _, _, its_session = file.read().rpartition(')')[2].split()[:4]
        except OSError:
            continue
        if int(its_session) == session and state not in 'ZX':
            members.append(int(path.split('/')[2]))
    return members


def read_cmocka(text):
    """Counts from cmocka's own lines. A test that began and did not end has failed."""
    outcome, running = Outcome(), None
    for line in text.splitlines():
        if match := re.search(r'\[ RUN      \] (\w+)', line):
            running = match[1]
        elif running and (match := re.search(r'\[(       OK |  FAILED  |  SKIPPED )\] ' + running, line)):
            verdict = match[1].strip()
            outcome.passed += verdict == 'OK'
            outcome.failed += verdict == 'FAILED'
            outcome.skipped += verdict == 'SKIPPED'
            running = None
        elif line.startswith('skip: '):
            outcome.notes.append(line[len('skip: '):])
    if running:
        outcome.failed += 1
        outcome.reasons.append(f'ended inside {running}')
    declared = sum(map(int, re.findall(r'^\[=+\].* Running (\d+) test', text, re.MULTILINE)))
    if declared > outcome.passed + outcome.failed + outcome.skipped:
        outcome.reasons.append(f'{declared} tests were to run')
    return outcome


def read_unittest(text):
    ran = re.search(r'^Ran (\d+) test', text, re.MULTILINE)
    counts = {key: int(value) for key, value in re.findall(r'(failures|errors|skipped)=(\d+)', text.rpartition('\nRan ')[2])}
    failed = counts.get('failures', 0) + counts.get('errors', 0)
    skipped = counts.get('skipped', 0)
    passed = max(0, int(ran[1]) - failed - skipped) if ran else 0
    return Outcome(passed, failed, skipped, notes=re.findall(r"\.\.\. skipped ['\"](.*)['\"]", text))


def show(name, outcome, text, seconds):
    counts = ', '.join(f'{n} {word}' for n, word in
                       ((outcome.passed, 'passed'), (outcome.failed, 'failed'), (outcome.skipped, 'skipped')) if n)
    words = '; '.join(filter(None, [counts, *dict.fromkeys(outcome.reasons)]))
    lines = [f'{"FAIL" if outcome.failed else "ok  "}  {name:<24} {words}  ({seconds:.1f} s)']
    lines += [f'      skipped: {note}' for note in dict.fromkeys(outcome.notes)]
    if outcome.failed:
        lines += [f'      | {line}' for line in text.splitlines()]
    print('\n'.join(lines), flush=True)


if __name__ == '__main__':
    main()
