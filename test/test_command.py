"""The command troupe, held to a real troupe-bitcoin in three processes: what each verb shows to people and to programs, what it refuses
and how, and how it ends. What passes on the bus is in test_monitor."""
import json
import os
import random
import re
import signal
import subprocess
import sys
import unittest

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, os.path.join(ROOT, 'test', 'support'))
import command  # noqa: E402 (the path comes first)
import program  # noqa: E402

WORDS = 'abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon about'
PASSPHRASE = 'correct horse battery'
COUNTERS = ['actors', 'links', 'messages_sent', 'messages_handled', 'messages_waiting', 'asks_open', 'asks_completed', 'replies_late',
            'dead_letters', 'events_published', 'events_delivered', 'events_lost', 'refused_busy', 'frames_in', 'frames_out', 'batches_in',
            'batches_out', 'bytes_in', 'bytes_out', 'links_refused']


def numbered(text):
    """As it is but for numbers, and for the space that they take."""
    return re.sub(r' +', ' ', re.sub(r'\d+', 'N', text))


class Look(command.Running):
    def test_ps(self):
        self.assertEqual(numbered(self.troupe('ps').stdout),
                         'PROCESS PID ROLES RESTARTS ACTORS WAITING HANDLED ASKS OPEN DEAD LETTERS LINKS\n'
                         'node N node N N N N N N N\nwallet N wallet N N N N N N N\nui N ui,launcher N N N N N N N\n')
        told = self.json('ps')
        self.assertEqual([list(row) for row in told],
                         [['process', 'pid', 'roles', 'restarts', 'actors', 'waiting', 'handled', 'asks_open', 'dead_letters', 'links']] * 3)
        self.assertEqual({row['process']: row['pid'] for row in told},
                         {'ui': self.node.process.pid, 'node': self.node.pids()['node'], 'wallet': self.node.pids()['wallet']})

    def test_tree(self):
        self.assertEqual(re.sub(r'N.N.N', 'VERSION', numbered(self.troupe('tree').stdout)),
                         'troupe-bitcoin VERSION\n'
                         '├─ node pid N\n│ ├─ bus #N waiting N handled N\n│ └─ node #N role node waiting N handled N\n'
                         '├─ wallet pid N\n│ ├─ bus #N waiting N handled N\n│ ├─ wallet #N role wallet waiting N handled N\n'
                         '│ └─ wallet #N waiting N handled N\n'
                         '└─ ui pid N\n ├─ bus #N waiting N handled N\n ├─ ui #N role ui waiting N handled N\n'
                         ' └─ launcher #N role launcher waiting N handled N\n')
        told = self.json('tree')
        self.assertEqual((list(told), told['program']), (['program', 'version', 'processes'], 'troupe-bitcoin'))
        self.assertEqual([list(row) for row in told['processes']], [['process', 'pid', 'actors']] * 3)
        self.assertEqual(list(told['processes'][0]['actors'][0]), ['id', 'name', 'role', 'waiting', 'handled', 'interfaces', 'waiting_ms', 'asks_open'])

    def test_list(self):
        self.assertEqual(numbered(self.troupe('list').stdout),
                         'ROLE PROCESS STATE INTERFACE VERSION WHAT IT IS\nnode node ready troupe.Node N A Bitcoin node\n'
                         'node node ready troupe.PNp N Inside the node: what its network thread tells the actor\n'
                         'wallet wallet ready troupe.Wallets N The wallets there are\nui ui ready troupe.Ui N What a person sees and does\n'
                         'launcher ui ready troupe.Launcher N The processes of a program, seen and moved from outside\n')
        told = self.json('list')
        self.assertEqual(list(told[0]), ['role', 'process', 'state', 'interface', 'version', 'what_it_is'])
        self.assertIs(type(told[0]['version']), int)

    def test_stats(self):
        said = self.troupe('stats').stdout.splitlines()
        self.assertEqual([line.split()[0] for line in said], ['COUNTER', *COUNTERS])
        self.assertEqual(said[0].split()[1:], ['node', 'wallet', 'ui'])
        self.assertEqual({name: list(row) for name, row in self.json('stats').items()},
                         {'node': COUNTERS, 'wallet': COUNTERS, 'ui': COUNTERS})

    def test_stats_as_openmetrics_are_of_one_type_each_and_end(self):
        lines = self.troupe('stats', '--openmetrics').stdout.splitlines()
        self.assertEqual(lines.pop(), '# EOF')
        types = {}
        for line in lines:
            if found := re.fullmatch(r'# TYPE (troupe_\w+) (counter|gauge)', line):
                self.assertNotIn(found[1], types)
                types[found[1]] = found[2]
            elif not line.startswith('# HELP '):
                name, process, _ = re.fullmatch(r'(troupe_\w+)\{process="(\w+)"\} (\d+)', line).groups()
                self.assertIn(process, ('node', 'wallet', 'ui'))
                self.assertEqual(types.get(name.removesuffix('_total')), 'counter' if name.endswith('_total') else 'gauge')
        self.assertEqual(sorted(types), sorted(f'troupe_{name}' for name in COUNTERS))

    def test_top(self):
        said = numbered(self.troupe('top', '--count=1').stdout)
        self.assertRegex(said, r'\APROCESS ACTORS WAITING ASKS OPEN HANDLED/S FRAMES/S KIB/S\nnode( N){5} N\.N\nwallet( N){5} N\.N\nui')
        first, second = map(json.loads, self.troupe('top', '--count=2', '--json').stdout.splitlines())
        self.assertEqual(first[0]['handled/s'], 0)
        self.assertGreater(second[0]['handled/s'], 0)  # itself

    def test_introspect(self):
        said = self.troupe('introspect').stdout
        self.assertEqual(re.findall(r'^(troupe\.\w+) +@\d+ ', said, re.MULTILINE),
                         ['troupe.Bus', 'troupe.Node', 'troupe.P2p', 'troupe.Wallets', 'troupe.Wallet', 'troupe.Ui', 'troupe.Launcher'])
        said = self.troupe('introspect', 'wallet').stdout
        self.assertIn('  method create(name:text<=32; words:text<=256="" secret; passphrase:text<=1024="" secret) -> '
                      '(wallet:ref<troupe.Wallet>)\n      Makes a wallet and opens it.\n', said)
        said = self.troupe('introspect', 'node.get_tip').stdout
        self.assertRegex(said, r'\Amethod get_tip @2 \(\) -> \(\n  0 tip:Tip;\n\) idempotent\n(.|\n)*struct Tip \{\n(.|\n)*bytes Hash32\[32\]\n\Z')
        for word in ('troupe.Node.get_tip', 'Node.get_tip'):
            self.assertEqual(self.troupe('introspect', word).stdout, said)
        self.assertEqual(self.json('introspect', 'node.get_tip'), {'interface': 'troupe.Node', 'name': 'get_tip', 'text': said})
        self.assertEqual([list(one) for one in self.json('introspect', 'node')], [['name', 'id', 'version', 'methods', 'events', 'text']] * 2)
        self.assertEqual(len(self.json('introspect')), 7)
        self.assertIn('method open', self.troupe('introspect', 'Wallets').stdout)
        self.assertIn('struct Passed', self.troupe('introspect', 'ui.bus.observe').stdout)
        self.assertIn('there is no "fly": troupe introspect node shows', self.refused('introspect', 'node.fly', status=1))

    def test_what_a_process_says_it_serves_is_its_interface_file(self):
        """Text and all: the reader at run time and the generator read the same."""
        with open(os.path.join(ROOT, 'interfaces/wallet.iface'), encoding='utf-8') as file:
            methods = re.findall(r'^method (\w+)', file.read(), re.MULTILINE)
        self.assertEqual(sorted(self.json('introspect', 'troupe.Wallet')[0]['methods']), sorted(methods))


class Call(command.Running):
    def test_an_answer_is_shown_to_people_and_to_programs(self):
        said = self.troupe('call', 'node', 'get_tip').stdout
        self.assertRegex(said, r'\Atip\n  hash    0x[0-9a-f]{64}\n  height  0\n  time_s  1296688602\n\Z')
        told = self.json('call', 'node', 'get_tip')
        self.assertEqual((list(told), list(told['tip']), told['tip']['height']), (['tip'], ['hash', 'height', 'time_s'], 0))
        self.assertEqual(self.json('call', 'node', 'get_block_hash', 'height=0'), {'hash': told['tip']['hash']})
        self.assertEqual(self.json('call', 'node', 'get_block_hash', '{"height": 0}'), {'hash': told['tip']['hash']})
        self.assertEqual(self.json('call', 'wallet/default', 'get_balance')['balance']['confirmed_sat'], 0)
        self.assertEqual(self.json('call', 'node.bus', 'get_stats')['name'], 'node')
        self.assertEqual(self.json('call', 'node', 'find_fork', f'locator=[{told["tip"]["hash"]}]')['height'], 0)

    def test_a_stream_is_a_line_for_each_item(self):
        lines = self.troupe('call', 'node', 'get_blocks', 'from=0', 'to=0', '--json').stdout.splitlines()
        self.assertEqual([list(json.loads(line)) for line in lines], [['height', 'hash', 'prev_hash', 'block']])
        self.assertRegex(self.troupe('call', 'node', 'get_blocks', 'from=0', 'to=0').stdout, r'\A\{height: 0, hash: 0x[0-9a-f]{64}, .*\}\n\Z')

    def test_what_is_printed_in_one_line_can_be_given_again(self):
        coin = '{txid: 0x' + '11' * 32 + ', index: 7}'
        said = self.troupe('call', 'node', 'get_coins', '{outpoints: [' + coin + ', ' + coin + ']}', status=None)
        self.assertIn(said.returncode, (0, 1))
        self.assertNotIn('expected', said.stderr)

    def test_a_declared_error_is_told_by_its_name(self):
        done = self.troupe('call', 'node', 'get_block_hash', 'height=99', status=1)
        self.assertEqual(done.stderr, 'troupe: node get_block_hash: NotFound: the chain has no block of that height yet\n')
        done = self.troupe('call', 'node', 'get_block_hash', 'height=99', '--json', status=1)
        self.assertEqual(json.loads(done.stdout), {'error': {'name': 'NotFound', 'code': 101, 'text': 'the chain has no block of that height yet',
                                                             'fields': {}}})

    def test_arguments_that_are_wrong_are_shown_where(self):
        for words, why, under in (
                (['get_block_hash', 'height=x'], 'expected a whole number from 0 to 4294967295, found x', 'x'),
                (['get_block_hash', 'height=-1'], 'found -1', '-1'),
                (['get_block_hash', 'height=4294967296'], 'found 4294967296', '4294967296'),
                (['get_block_hash', 'hight=1'], 'no such field; there is height', 'hight'),
                (['get_block_hash', 'height=1', 'height=2'], 'height is given twice', 'height'),
                (['get_block_hash', '5'], r'expected NAME=VALUE or \{NAME: VALUE, \.\.\.\}', '5'),
                (['get_blocks', '{from: 0, to: }'], 'expected a whole number', '}'),
                (['get_blocks', '{from: 0 to: 1}'], "expected ',' or '}', found to", 'to'),
                (['get_blocks', '{from: 0, to: 1} x'], 'expected the end, found x', 'x'),
                (['get_blocks', '{from: 0}'], 'to:u32 is missing', '}'),
                (['get_tip', 'x=1'], 'no fields are taken here', 'x'),
                (['find_fork', 'locator=[0x00]'], 'expected 32 bytes, found 1', '0x00'),
                (['find_fork', 'locator=[0x0g]'], 'expected a hex digit', 'g'),
                (['find_fork', 'locator=0x00'], r'expected a list: \[ITEM, ITEM \.\.\.\]', '0x00'),
                (['find_fork', 'locator=[@/none]'], '/none: No such file or directory', '@/none')):
            with self.subTest(words):
                said = self.refused('call', 'node', *words).splitlines()
                self.assertRegex(said[0], why)
                line, mark = said[1], said[2]
                self.assertRegex(mark, r'\A +\^~*\Z')
                self.assertEqual(line[mark.index('^'):len(mark)], under)

    def test_what_is_missing_is_said_with_where_to_look(self):
        said = self.refused('call', 'node', 'get_block_hash')
        self.assertEqual(said, 'troupe: height:u32 is missing\n  troupe introspect node.get_block_hash shows what it takes\n')

    def test_what_was_probably_meant(self):
        for words, status, why in ((('call', 'node', 'get_tipp'), 2, 'node has no method "get_tipp"; did you mean get_tip?'),
                                   (('call', 'node', 'fly'), 2, 'troupe introspect node shows them'),
                                   (('call', 'nod', 'get_tip'), 3, 'has no role "nod"; did you mean node?'),
                                   (('call', 'kitchen', 'cook'), 3, 'it has node, wallet, ui'),
                                   (('call', 'wallet/none', 'get_info'), 1, 'NotFound: there is no wallet "none"'),
                                   (('call', 'node/x', 'get_tip'), 3, 'leave "/x" away'),
                                   (('watch', 'tip_chnaged'), 2, 'did you mean tip_changed?'),
                                   (('watch', 'node.tip_chnaged'), 2, 'did you mean tip_changed?'),
                                   (('watch', 'node.fly'), 2, 'troupe introspect node shows them'),
                                   (('wait', 'wallett'), 3, 'did you mean wallet?'),
                                   (('introspect', 'walet'), 3, 'did you mean wallet?'),
                                   (('watc',), 2, 'unknown verb watc; did you mean watch?'), (('fly',), 2, 'troupe --help lists them'),
                                   (('ps', '--jsn'), 2, 'did you mean --json?'), (('ps', 'x'), 2, 'ps takes no arguments'),
                                   (('call', 'node'), 2, r'troupe call ROLE METHOD \[ARGUMENTS\]'), ((), 2, 'say what to do'),
                                   (('ps', '--count=3'), 2, '--count has no effect on the verb ps'),
                                   (('list', '--openmetrics'), 2, '--openmetrics has no effect on the verb list'),
                                   (('watch', 'x', '--count=0'), 2, 'no number from 1 on'), (('ps', '--timeout=9y'), 2, '500ms, 10s, 2m or 1h')):
            with self.subTest(words):
                self.assertRegex(self.refused(*words, status=status), why)


class Secrets(command.Running):
    def test_they_are_never_shown(self):
        said = []
        passphrase, words = self.file('passphrase', PASSPHRASE + '\n'), self.file('words', WORDS)
        made = ('call', 'wallet', 'create', 'name=deep', f'words=@{words}', f'passphrase=@{passphrase}')
        said.append(self.troupe(*made))
        self.assertEqual(said[-1].stderr, '')
        again = ('call', 'wallet', 'create', 'name=deep', f'words={WORDS}', f'passphrase={PASSPHRASE}')
        said.append(self.troupe(*again, status=1))
        self.assertIn('passphrase is on the command line, where others can see it: passphrase=@FILE', said[-1].stderr)
        for wrong in ('passphrase=' + PASSPHRASE * 60, 'passphrase="' + PASSPHRASE + '\\q"', '{passphrase: ' + PASSPHRASE + '}',
                      '{passphrase: "' + PASSPHRASE + '", name: 5}', '{words: "' + WORDS + '", fly: 1}', f'words={WORDS}x{WORDS}x{WORDS}x{WORDS}'):
            said.append(self.troupe('call', 'wallet', 'create', wrong, status=2))
        for more in ([], ['--json']):
            said.append(self.troupe('call', 'wallet/default', 'get_words', *more))
            said.append(self.troupe('call', 'wallet/deep', 'unlock', 'seconds=60', f'passphrase=@{passphrase}', *more, status=None))
            said.append(self.troupe('call', 'wallet/deep', 'get_words', *more))
        self.assertEqual(said[-1].stdout, '{"words": "***"}\n')
        self.assertEqual(self.troupe('call', 'wallet/deep', 'get_words').stdout, 'words  ***\n')
        for done in said:
            for part in ('horse', 'abandon'):
                self.assertNotIn(part, done.stdout + done.stderr, done.args)


class Ends(program.Program):
    def troupe(self, *words, status=0, **more):
        return command.run(*words, status=status, **more)

    def test_nobody_runs(self):
        self.assertIn('no program runs in a usual place (a folder or two below ~/.local/share): start one, or',
                      self.troupe('ps', status=3).stderr)
        self.assertIn('nobody runs there: /none', self.troupe('ps', '--attach=unix:/none', status=3).stderr)
        self.assertIn('named by unix:PATH', self.troupe('ps', '--attach=tcp:1', status=2).stderr)
        self.assertIn('nobody runs there', self.troupe('wait', 'node', '--timeout=100ms', f'--attach=unix:{self.folder}', status=4).stderr)

    def test_two_programs_run_and_one_must_be_chosen(self):
        env = command.environment(XDG_DATA_HOME=self.folder)
        one = program.Node(self, datadir=os.path.join(self.folder, 'one'))
        self.assertIn('node', self.troupe('ps', env=env).stdout)
        program.Node(self, datadir=os.path.join(self.folder, 'other'))
        done = self.troupe('ps', status=3, env=env)
        self.assertRegex(done.stderr, r'\Atroupe: 2 programs run: choose one\n(  --attach=unix:/.*/control\.sock\n){2}\Z')
        pids = set()
        for option in done.stderr.split()[-2:]:
            pids |= {row['pid'] for row in json.loads(self.troupe('ps', '--json', option, env=env).stdout)}
        self.assertEqual(len(pids), 6)
        self.assertIn('2 programs run', self.troupe('ps', f'--attach=unix:{self.folder}', status=3).stderr)
        attached = command.environment(TROUPE_ATTACH=f'unix:{one.datadir}')
        self.assertEqual({row['pid'] for row in json.loads(self.troupe('ps', '--json', env=attached).stdout)}, set(one.pids().values()))

    def test_wait_waits_for_a_program_that_is_yet_to_start(self):
        waiting = command.Going(self, self.datadir, 'wait', 'node', 'wallet')
        node = program.Node(self, datadir=self.datadir, begin=False)
        node.spawn()
        self.assertEqual(waiting.end(), (0, '', ''))
        self.assertIn('height', self.troupe('call', 'node', 'get_tip', f'--attach=unix:{self.datadir}').stdout)

    def test_a_process_that_dies_ends_what_looks_at_it(self):
        node = program.Node(self)
        watching = command.Going(self, node.datadir, 'watch', 'node.tip_changed')
        calling = command.Going(self, node.datadir, 'call', 'node.bus', 'observe')
        watching.read_until('tip_changed')
        calling.read_until('missed')
        os.kill(node.pids()['node'], signal.SIGKILL)
        self.assertEqual(watching.end(), (3, '', 'troupe: the process node ended\n'))
        status, _, error = calling.end()
        self.assertEqual(status, 1)
        self.assertRegex(error, r'\Atroupe: node\.bus observe: E(LOST|DOWN): ')
        self.assertIn('height', self.troupe('wait', 'node', f'--attach=unix:{node.datadir}').stdout
                      + self.troupe('call', 'node', 'get_tip', f'--attach=unix:{node.datadir}').stdout)

    def test_output_that_nobody_takes_is_a_failure(self):
        node = program.Node(self)
        at = f'--attach=unix:{node.datadir}'
        for words in (('ps', at), ('--help',), ('help', 'call'), ('--version',), ('call', 'node', 'get_tip', at), ('watch', 'node', at)):
            with self.subTest(words), open('/dev/full', 'w', encoding='ascii') as full:
                self.troupe(*words, status=1, stdout=full)


class Waits(command.Running):
    def test_events_come_and_count_ends_it(self):
        watching = self.going('watch', 'node.tip_changed', 'wallet/default.balance_changed', '--json')
        watching.read_until('"node.tip_changed"')
        self.node.ask('mine', '1')
        seen = watching.read_until(r'.*"node.tip_changed".*"height": 1.*')[0]
        self.assertEqual(list(json.loads(seen)), ['event', 'epoch', 'sequence', 'fields'])
        self.assertEqual(watching.interrupt()[0], 0)  # it goes on until it is cut: that is how it ends
        done = self.troupe('watch', 'tip_changed', '--count=1')
        self.assertRegex(done.stdout, r'\Anode\.tip_changed #\d+ \{tip: \{hash: 0x[0-9a-f]{64}, height: \d+, time_s: \d+\}, header_height: \d+\}\n\Z')
        self.assertEqual(self.troupe('watch', 'tip_changed', '--timeout=100ms').stderr, '')
        self.troupe('watch', 'tip_changed', '--count=99', '--timeout=100ms', status=4)

    def test_interrupted_before_it_was_done(self):
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            counting = self.going('watch', 'node.tip_changed', '--count=99')
            calling = self.going('call', 'node.bus', 'observe')
            counting.read_until('tip_changed')
            calling.read_until('missed')
            self.assertEqual((counting.interrupt(number), calling.interrupt(number)[0]), ((130, '', ''), 130))

    def test_a_call_that_takes_longer_than_it_may(self):
        done = self.troupe('call', 'node.bus', 'observe', '--timeout=100ms', status=4)
        self.assertIn('ETIMEOUT', done.stderr)
        self.assertIn('--timeout=60s gives it longer', done.stderr)

    def test_a_second_signal_ends_it_at_once(self):
        """Also where whoever should read what it prints does not."""
        calling = self.going('call', 'node', 'get_blocks', 'from=0', 'to=0')
        stuck = self.going('watch', 'node.tip_changed')
        calling.read_until('height')
        stuck.read_until('tip_changed')
        os.kill(stuck.process.pid, signal.SIGSTOP)
        for _ in range(2):
            stuck.process.send_signal(signal.SIGINT)
            stuck.process.send_signal(signal.SIGTERM)
        os.kill(stuck.process.pid, signal.SIGCONT)
        self.assertEqual((calling.end()[0], stuck.end()[0]), (0, 130))


class Help(unittest.TestCase):
    def test_idl_runs_the_interface_compiler(self):
        path = f'{ROOT}/interfaces/wallets.iface'
        self.assertEqual(command.run('idl', 'check', path).returncode, 0)
        self.assertIn('Wallets', command.run('idl', 'cddl', path).stdout)
        self.assertIn('none.iface', command.run('idl', 'check', 'none.iface', status=1).stderr)

    def test_each_verb_has_help_with_an_example(self):
        listed = re.search(r'\nVerbs:\n((?:  .*\n)+)', command.run('--help').stdout)[1]
        verbs = [line.split()[0] for line in listed.splitlines()]
        self.assertGreaterEqual(len(verbs), 11)
        for verb in verbs:
            with self.subTest(verb):
                said = command.run('help', verb).stdout
                self.assertEqual(command.run(verb, '--help').stdout if verb not in ('idl', 'complete') else said, said)
                self.assertRegex(said, rf'\Atroupe {verb}: .+\n\nUsage: troupe {verb}\b')
                self.assertIn('\nExit status: 0 done; ', said)
                self.assertTrue(verb == 'complete' or re.search(rf'\n  troupe {verb}\b', said))
                self.assertLessEqual(max(map(len, said.splitlines())), 100)
        self.assertEqual(command.run('help').stdout, command.run('--help').stdout)
        self.assertRegex(command.run('--version').stdout, r'\Atroupe \d+\.\d+\.\d+\n\Z')
        self.assertIn('did you mean call?', command.run('help', 'cal', status=2).stderr)


class Complete(command.Running):
    def offered(self, *words):
        return self.troupe('complete', *words).stdout.split()

    def test_words_that_may_stand_there(self):
        self.assertEqual(command.run('complete', 'wa').stdout.split(), ['watch', 'wait'])
        self.assertIn('--attach=', command.run('complete', '--').stdout.split())
        self.assertEqual(command.run('complete', 'help', 'li').stdout.split(), ['list'])
        at = f'--attach=unix:{self.node.datadir}'
        for words, want in ((['call', ''], ['node', 'wallet', 'ui', 'launcher']), (['call', 'node', 'get_ti'], ['get_tip']),
                            (['call', 'node', 'get_blocks', ''], ['from=', 'to=']), (['call', 'wallet/default', 'get_bal'], ['get_balance']),
                            (['call', 'node', 'set_network_active', 'is_active='], ['is_active=true', 'is_active=false']),
                            (['watch', 'node.tip'], ['node.tip_changed']), (['introspect', 'node.get_ti'], ['node.get_tip']),
                            (['kill', 'w'], ['wallet']), (['restart', 'w'], ['wallet']), (['wait', 'w'], ['wallet']), (['call', 'fly', ''], []), (['idl', 'd'], ['diff', 'doc'])):
            with self.subTest(words):
                self.assertEqual(command.run('complete', at, *words).stdout.split(), want)
                self.assertEqual(command.run('complete', *at.split('=', 1), *words).stdout.split(), want)
        done = command.run('complete', 'call', '')
        self.assertEqual((done.stdout, done.stderr), ('', ''))  # nobody runs there

    def test_bash(self):
        script = ('. "$1"; COMP_LINE=$2 COMP_POINT=${#2} COMP_WORDS=("${@:3}") COMP_CWORD=$(($# - 3)); _troupe; printf "%s\\n" "${COMPREPLY[@]}"')
        env = command.environment(TROUPE_ATTACH=f'unix:{self.node.datadir}', PATH=f'{program.BUILD}:{os.environ["PATH"]}')
        for line, words, want in (('troupe wat', ['troupe', 'wat'], ['watch']), ('troupe call node get_ti', ['troupe', 'call', 'node', 'get_ti'], ['get_tip']),
                                  ('troupe call node get_block_hash ', ['troupe', 'call', 'node', 'get_block_hash', ''], ['height=']),
                                  ('troupe call node set_network_active is_active=t', ['troupe', 'call', 'node', 'set_network_active', 'is_active', '=', 't'], ['true']),
                                  ('troupe call node set_network_active is_active=', ['troupe', 'call', 'node', 'set_network_active', 'is_active', '='],
                                   ['true', 'false'])):
            with self.subTest(line):
                done = subprocess.run(['bash', '-c', script, 'bash', os.path.join(ROOT, 'command/troupe.bash'), line, *words],
                                      env=env, capture_output=True, text=True, timeout=program.WAIT_SECONDS, check=False)
                self.assertEqual((done.stdout.split(), done.stderr), (want, ''))


class AnyWords(command.Running):
    def test_what_a_terminal_would_obey_is_not_said(self):
        for words in (('call', '\x1b[2J', 'get_tip'), ('call', 'node', '\x1b[2J'), ('watch', '\x1b[2J'), ('introspect', '\x1b[2J'), ('\x1b[2J',),
                      ('call', 'node', 'get_block_hash', 'height=\x1b[2J'), ('--\x1b[2J',), ('--attach=\x1b[2J', 'ps')):
            with self.subTest(words):
                done = self.troupe(*words, status=None)
                self.assertRegex(done.stderr, r'\Atroupe: .*\?\[2J')
                self.assertNotIn('\x1b', done.stderr)

    def test_none_crashes_it(self):
        """Words that mean something and words that do not, in any order; a failure names its seed."""
        pieces = ['ps', 'tree', 'list', 'introspect', 'call', 'stats', 'complete', 'help', 'node', 'wallet', 'wallet/default', 'node.bus',
                  'get_tip', 'get_block_hash', 'find_fork', 'get_coins', 'height=', '0', '-1', '{', '}', '[', ']', ',', ':', '"', '\\', '\\u12', '0x', '0xff',
                  '@', '@/dev/null', '=', 'null', 'locator=[', 'outpoints=[{', '--json', '--', '-', '--timeout=1s', '--openmetrics', '.', '/', '%s%n',
                  '\x1b[2J', '\udcff', 'ä', '9' * 40, 'x' * 5000, '{' * 200, '[' * 200, '']
        runs = 120
        for seed in range(runs):
            dice = random.Random(seed)
            words = [''.join(dice.choices(pieces, k=dice.choice((1, 1, 1, 2, 4)))) for _ in range(dice.randrange(7))]
            if dice.randrange(2):
                words = ['call', 'node', dice.choice(('get_block_hash', 'find_fork', 'get_coins')), *words[:3]]
            with self.subTest(seed=seed, words=words):
                done = command.run(f'--attach=unix:{self.node.datadir}', *words, status=None)
                self.assertIn(done.returncode, (0, 1, 2, 3, 4))
                self.assertNotIn('\x1b', done.stdout + done.stderr)
                self.assertTrue(done.returncode == 0 or done.stderr or 'complete' in words)


if __name__ == '__main__':
    unittest.main()
