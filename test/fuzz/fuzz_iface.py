"""fuzz_iface: interface files of the repository, damaged, through the generator.

What must hold: a file is turned into C, or refused with lines that say where and why; nothing else happens. Takes the
options of a libFuzzer program that it has a use for: -max_total_time=N, -artifact_prefix=PATH, -seed=N and folders or
files with more seeds.
"""
import glob
import os
import random
import re
import sys
import tempfile
import time
import traceback

from interfaces.gen.__main__ import outputs, read

TOKENS = [b'interface', b'struct', b'enum', b'bytes', b'error', b'method', b'event', b'reserved', b'closed', b'stream', b'oneway', b'throws',
          b'deadline', b'idempotent', b'overflow', b'gap', b'latest', b'since', b'secret', b'version', b'->', b'..', b'@1', b'@0', b'{', b'}',
          b'(', b')', b'[', b']', b'<', b'>', b'<=', b'=', b'?', b':', b';', b'.', b',', b'##', b'#', b'u8', b'u64', b'i32', b'bool', b'text', b'blob',
          b'text<=255', b'blob<=4MiB', b'ref<Probe>', b'[u8]<=3', b'0', b'1', b'-1', b'18446744073709551616', b'99999999999999999999999', b'"',
          b'\\', b'\n', b'\t', b'\r', b'\0', b'\xff', '\u00e9'.encode(), '\u202e'.encode(), b'[' * 50, b'interface test.Other @7 version 1', b'_', b'A', b'a']
LINE = re.compile(r'.*:\d+:\d+: .')


def options_of(arguments):
    options, seeds = {'max_total_time': '30', 'artifact_prefix': '', 'seed': ''}, []
    for one in arguments:
        match = re.fullmatch(r'-(\w+)=(.*)', one)
        if match:
            options[match[1]] = match[2]
        else:
            seeds += [path for path in glob.glob(f'{one}/*') if os.path.isfile(path)] if os.path.isdir(one) else [one]
    return options, seeds


def damaged(seeds, chance):
    """One of the seeds with some changes."""
    data = chance.choice(seeds)
    for _ in range(chance.choice((0, 1, 1, 2, 3, 8))):
        at, end = sorted((chance.randrange(len(data) + 1), chance.randrange(len(data) + 1)))
        end = min(end, at + chance.choice((1, 4, 40, 400)))
        other = chance.choice(seeds)
        piece = chance.randrange(len(other) + 1)
        data = chance.choice((
            lambda: data[:at] + data[end:],
            lambda: data[:at] + data[at:end] * 2 + data[end:],
            lambda: data[:at] + chance.choice(TOKENS) + data[at:],
            lambda: data[:at] + b' ' + chance.choice(TOKENS) + b' ' + data[end:],
            lambda: data[:at] + bytes([chance.randrange(256)]) + data[at + 1:],
            lambda: data[:at] + other[piece:piece + end - at] + data[at:],
            lambda: re.sub(rb'\b\d+\b', lambda _: b'%d' % chance.choice((0, 1, 2, 255, 256, 65536, 1 << 31, 1 << 32, (1 << 64) - 1)),
                           data[:at + 200], count=chance.choice((1, 5))) + data[at + 200:],
        ))()
    return data


def try_one(path, data):
    """Why the generator's behaviour is wrong; '' if it is not."""
    with open(path, 'wb') as file:
        file.write(data)
    try:
        interface, problems = read(path)
        lines = problems.lines()
        if not lines:
            outputs(interface)
        return '\n'.join(line for line in lines if not LINE.match(line) and not line.endswith(' more'))
    except Exception:  # pylint: disable=broad-except
        return traceback.format_exc()


def main():
    options, more = options_of(sys.argv[1:])
    seed = int(options['seed'] or time.time_ns() % (1 << 32))
    chance = random.Random(seed)
    seeds = []
    for path in [*glob.glob('**/*.iface', recursive=True), *more]:
        with open(path, 'rb') as file:
            seeds.append(file.read())
    seeds = [data for data in seeds if data]
    due = time.monotonic() + float(options['max_total_time'])
    count = 0
    with tempfile.TemporaryDirectory() as folder:
        while time.monotonic() < due:
            data = seeds[count] if count < len(seeds) else damaged(seeds, chance)
            count += 1
            wrong = try_one(os.path.join(folder, 'fuzzed.iface'), data)
            if wrong:
                artifact = options['artifact_prefix'] + 'crash.iface'
                with open(artifact, 'wb') as file:
                    file.write(data)
                print(f'{wrong}\nseed {seed}, input {count}, written to {artifact}')
                sys.exit(1)
    print(f'stat::number_of_executed_units: {count}')


main()
