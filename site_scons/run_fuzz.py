"""run_fuzz: runs fuzzers, two at a time, each for some seconds, on top of the corpus that the repository keeps.

A fuzzer is a libFuzzer program or a Python program with the same options. What it finds new stays under the build folder,
CORPUS/NAME, and is the seed of the next run; an input that breaks something is written there too, and fails this run. To
keep a corpus small: build/fuzz/test/fuzz/NAME -merge=1 test/fuzz/corpus/NAME build/fuzz/corpus/NAME.
"""
import argparse
import concurrent.futures
import os
import re
import subprocess
import sys
import time

JOBS_MAX = 2
KEPT = 'test/fuzz/corpus'


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--build', required=True, help='the build folder')
    parser.add_argument('--seconds', default='30', help='for each')
    parser.add_argument('--seed', default='0', help='0: another one each time')
    parser.add_argument('fuzzers', nargs='+')
    options = parser.parse_args()
    with concurrent.futures.ThreadPoolExecutor(min(JOBS_MAX, os.cpu_count() or 1)) as pool:
        good = list(pool.map(lambda path: run(path, options), options.fuzzers))
    sys.exit(0 if all(good) else 1)


def run(path, options):
    """Says how it went in one line, and all that a fuzzer said that found something."""
    name = os.path.splitext(os.path.basename(path))[0]
    found = os.path.join(options.build, 'corpus', name)
    os.makedirs(found, exist_ok=True)
    command = [sys.executable, '-B', path] if path.endswith('.py') else [path]
    # What this process keeps from one input to the next is no leak: leaks are looked for at the end.
    command += [f'-max_total_time={options.seconds}', f'-seed={options.seed}', f'-artifact_prefix={found}.', '-verbosity=0', '-print_final_stats=1',
                '-detect_leaks=0', '-timeout=20', found, f'{KEPT}/{name}']
    started = time.monotonic()
    done = subprocess.run([part for part in command if part != f'{KEPT}/{name}' or os.path.isdir(part)], stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False, env={**os.environ, 'PYTHONPATH': '.'})
    text = done.stdout.decode(errors='replace')
    counts = re.findall(r'number_of_executed_units: (\d+)', text) or ['no']
    frames = re.findall(rf'^{name}: (\d+ frames)', text, re.MULTILINE)
    words = ', '.join([f'{counts[-1]} inputs', *frames])
    print(f'{"FAIL" if done.returncode else "ok":5} {name:16} {words}  ({time.monotonic() - started:.1f} s)', flush=True)
    if done.returncode:
        print('\n'.join('      | ' + line for line in text.splitlines() if 'NEW_FUNC' not in line), flush=True)
    return done.returncode == 0


main()
