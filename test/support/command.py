"""command: the command troupe, for tests: run to its end, or watched while it goes on.

    class Some(command.Running)                  one troupe-bitcoin for all tests of the class: cls.node, a program.Node
    done = self.troupe('ps', status=0)           to its end, attached to that
    told = self.json('ps')                       what it says with --json
    watching = command.Going(test, path, 'watch', 'tip_changed')
"""
import json
import os
import re
import signal
import subprocess
import unittest

import program

TROUPE = os.path.join(program.BUILD, 'troupe')


def environment(**changes):
    """Without what may lead to a program of whoever runs the tests."""
    kept = {name: value for name, value in os.environ.items() if name not in ('TROUPE_ATTACH', 'XDG_DATA_HOME', 'XDG_RUNTIME_DIR')}
    return {**kept, 'HOME': '/nowhere', **changes}


def run(*words, status=0, env=None, stdout=subprocess.PIPE):
    """To its end, which must be with that status unless that is None; a signal never is."""
    done = subprocess.run([TROUPE, *map(str, words)], stdin=subprocess.DEVNULL, stdout=stdout, stderr=subprocess.PIPE, text=True, errors='replace',
                          timeout=program.WAIT_SECONDS, check=False, env=env or environment())
    if done.returncode < 0 or status not in (None, done.returncode):
        raise AssertionError(f'{words} ended with {done.returncode}\n{done.stdout}{done.stderr}')
    return done


class Going:
    """It goes on until the test ends it."""

    def __init__(self, test, path, *words, env=None):
        self.test, self.lines = test, []
        self.process = subprocess.Popen([TROUPE, f'--attach=unix:{path}', *map(str, words)], stdin=subprocess.DEVNULL,
                                        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=env or environment())
        test.addCleanup(self.process.stdout.close)
        test.addCleanup(self.process.stderr.close)
        test.addCleanup(program.end, self.process)

    def read_until(self, pattern):
        """The line with it; those before are kept."""
        for line in self.process.stdout:
            self.lines.append(line)
            if found := re.search(pattern, line):
                return found
        raise AssertionError(f'it ended before {pattern}:\n{"".join(self.lines)}{self.process.stderr.read()}')

    def begun(self):
        """It is seen to look at the processes: what passes from now on is shown."""
        line = self.process.stderr.readline()
        if not line.startswith('troupe: looks at '):
            raise AssertionError(f'{line}{self.process.stderr.read()}')
        return self

    def interrupt(self, number=signal.SIGINT):
        self.process.send_signal(number)
        return self.end()

    def end(self):
        """Its status, what else it printed, and what it said."""
        out = self.process.stdout.read()  # not communicate(), which passes over what was read ahead
        error = self.process.stderr.read()
        return self.process.wait(program.WAIT_SECONDS), out, error


class Owner:
    """A class of tests, for what is to be tidied up after one test."""

    def __init__(self, cls):
        self.addCleanup = cls.addClassCleanup


class Running(unittest.TestCase):
    """One program for all tests of the class: they leave it as it was, but for what has other names."""
    words = ()

    @classmethod
    def setUpClass(cls):
        cls.node = program.Node(Owner(cls), *cls.words)

    def troupe(self, *words, status=0, stdout=subprocess.PIPE):
        return run(f'--attach=unix:{self.node.datadir}', *words, status=status, stdout=stdout)

    def json(self, *words):
        return json.loads(self.troupe(*words, '--json').stdout)

    def refused(self, *words, status=2):
        """What it says instead."""
        done = self.troupe(*words, status=status)
        self.assertEqual(done.stdout, '')
        self.assertRegex(done.stderr, r'\Atroupe: .+\n')
        return done.stderr

    def going(self, *words):
        return Going(self, self.node.datadir, *words)

    def file(self, name, text):
        path = os.path.join(self.node.folder, name)
        with open(path, 'w', encoding='utf-8') as file:
            file.write(text)
        return path
