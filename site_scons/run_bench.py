"""run_bench: runs the measurements, then shows what has a target beside what was measured.

All that is compared was measured in one run, as ratios. The last run that was kept is bench/results.jsonl (--keep writes it, the
table in bench/RESULTS.md and the plots): what is now worse than there by more than half is pointed out. It never decides a test.
"""
import argparse
import json
import os
import re
import shutil
import subprocess
import sys
import time

KEPT = 'bench/results.jsonl'
RESULTS = 'bench/RESULTS.md'
BEGIN, END = '<!-- written by scons bench keep=1 -->\n', '<!-- until here -->\n'
WORSE = 1.5
PLOTS = {
    'links': ('A message, by the number of links of one process, 16 calls in flight on each', 'links', 'us'),
    'actors': ('A message, by the number of actors in a process, 64 calls in flight over all', 'actors', 'us'),
    'callers-one-cpu': ('Sync calls of many threads over one link, one CPU', 'threads', 'calls/s'),
    'callers-free': ('Sync calls of many threads over one link, free placement', 'threads', 'calls/s'),
    'in-flight-one-cpu': ('Calls between two processes, one CPU', 'in flight', 'thousand/s'),
    'in-flight-free': ('Calls between two processes, free placement', 'in flight', 'thousand/s'),
}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--build', required=True, help='the build folder')
    parser.add_argument('--keep', default='0', help='1: this run is what later ones are compared with')
    parser.add_argument('parts', nargs='*', help='troupe-bench\'s, or program; all when none is given')
    options = parser.parse_args()
    record = os.path.join(options.build, 'bench.jsonl')
    if os.path.exists(record):
        os.unlink(record)
    started = time.monotonic()
    good = run_all(options, {**os.environ, 'TROUPE_BENCH_RECORD': os.path.abspath(record)})
    lines = read(record)
    table = table_of([line for line in lines if 'target' in line], {key(line): line for line in read(KEPT) if 'target' in line})
    print('\n' + '\n'.join(table))
    print(f'\n{time.monotonic() - started:.0f} s')
    if options.keep not in ('', '0'):
        keep(record, lines, table)
    sys.exit(0 if good else 1)


def run_all(options, environment):
    bench = [os.path.join(options.build, 'troupe-bench')]
    program = [sys.executable, '-B', 'bench/bench_program.py', os.path.join(options.build, 'troupe-bitcoin')]
    commands = [bench + [part] for part in options.parts if part != 'program'] or ([] if options.parts else [bench])
    if not options.parts or 'program' in options.parts:
        commands.append(program)
    return all([subprocess.run(command, env=environment, check=False).returncode == 0 for command in commands])


def read(path):
    if not os.path.exists(path):
        return []
    with open(path, encoding='ascii') as file:
        return [json.loads(line) for line in file]


def key(line):
    return line['target'], line['placement']


def is_met(line):
    return line['measured'] >= line['bound'] if line['least'] else line['measured'] <= line['bound']


def is_worse(line, before):
    if before is None or before['measured'] == 0 or line['measured'] == 0:
        return False
    ratio = line['measured'] / before['measured']
    return ratio * WORSE < 1 if line['least'] else ratio > WORSE


def table_of(lines, kept):
    rows = ['| what | placement | target | measured | |', '|---|---|---|---|---|']
    for line in lines:
        before = kept.get(key(line))
        words = 'met' if is_met(line) else '**missed**'
        if is_worse(line, before):
            words += f', was {before["measured"]:.3g}'
        rows.append(f'| {line["target"]} | {line["placement"] or "any"} | {">=" if line["least"] else "<="} {line["bound"]:g} {line["unit"]} '
                    f'| {line["measured"]:.3g} {line["unit"]} | {words} |')
    return rows


def keep(record, lines, table):
    """What was measured, as the last word: the record, the table in the middle of the text, a picture of each curve."""
    shutil.copyfile(record, KEPT)
    with open(RESULTS, encoding='utf-8') as file:
        text = file.read()
    plots = sorted({line['plot'] for line in lines if 'plot' in line})
    pictures = [f'![{PLOTS[name][0]}](plots/{name}.svg)' for name in plots]
    middle = '\n'.join([*table, '', *pictures]) + '\n'
    with open(RESULTS, 'w', encoding='utf-8') as file:
        file.write(re.sub(re.escape(BEGIN) + '.*?' + re.escape(END), lambda _: BEGIN + middle + END, text, flags=re.DOTALL))
    if not shutil.which('gnuplot'):
        print('bench: no plots: gnuplot is missing; run ./bootstrap bench')
        return
    os.makedirs('bench/plots', exist_ok=True)
    for name in plots:
        draw(name, [line for line in lines if line.get('plot') == name])


def draw(name, points):
    title, x, y = PLOTS[name]
    names = list(dict.fromkeys(point['line'] for point in points))
    script = [f'set terminal svg size 720,400 dynamic; set output "bench/plots/{name}.svg"', f'set title "{title}"; set key outside right',
              f'set xlabel "{x}"; set ylabel "{y}"; set logscale x; set yrange [0:*]; set grid']
    blocks = []
    for number, of in enumerate(names):
        rows = ''.join(f'{point["x"]} {point["y"]}\n' for point in points if point['line'] == of)
        blocks.append(f'$data{number} << EOD\n{rows}EOD')
    curves = ', '.join(f'$data{number} using 1:2 with linespoints title "{of}"' for number, of in enumerate(names))
    subprocess.run(['gnuplot'], input='\n'.join([*blocks, *script, f'plot {curves}', '']), text=True, check=True)


main()
