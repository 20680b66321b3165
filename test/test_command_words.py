"""The command line of troupe-bitcoin: what can't be right or has no effect is refused before anything is started, and `help`."""
import os
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
import unittest

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, os.path.join(ROOT, 'test', 'support'))
import program  # noqa: E402 (the path comes first)

TXID, ADDRESS = 'ab' * 32, 'bcrt1qft732hkzzpzjf7gq27eazfzlcqvl9k28rwk9ce'
MAIN_ADDRESS = '12cbQLTFMXRnSzktFkuoG3eHoMeFtpTu3S'
NOWHERE = '/dev/null/x'  # no data directory can be there: what is refused as it stands never comes so far

# Of each command, words that are wrong by themselves, and what is said.
WRONG = {
    'status': [('x', 'other arguments')],
    'balance': [('x', 'other arguments'), ('--fee-rate=1', 'no effect on the command balance')],
    'history': [('x', 'other arguments')],
    'payment': [('', 'other arguments'), ('x', '64 hexadecimal')],
    'address': [('a b', 'other arguments'), ('x' * 101, '100 bytes'), ('"\x1b"', 'one line'), ('--kind=p2sh', '--kind is p2wpkh or p2tr')],
    'watch': [('', 'other arguments'), (f'{ADDRESS} {"x" * 101}', '100 bytes')],
    'addresses': [('x', 'other arguments')],
    'label': [(ADDRESS, 'other arguments'), (f'{ADDRESS} {"x" * 101}', '100 bytes')],
    'coins': [('x', 'other arguments')],
    'lock-coins': [('', 'other arguments'), (f'{TXID}', 'TXID:INDEX')],
    'unlock-coins': [('', 'other arguments'), (f'{TXID}:4294967296', 'TXID:INDEX')],
    'draft': [(ADDRESS, 'other arguments'), (f'{ADDRESS} 1 {ADDRESS}', 'ADDRESS AMOUNT'), (f'{ADDRESS} 1,5', 'no amount'),
              (f'{ADDRESS} 0.000000001', 'no amount'), (f'{ADDRESS}x 1', 'address'), (f'{MAIN_ADDRESS} 1', 'not one of network regtest'),
              (f'--network=main {ADDRESS} 1', 'one of network regtest, this is main'), (f'{ADDRESS} 1 --fee-rate=many', '--fee-rate is in satoshi'),
              (f'{ADDRESS} 1 --fee-rate=0', '--fee-rate'), (f'{ADDRESS} 1 --fee-rate=10000.001', 'up to 10000'),
              (f'{ADDRESS} 1 --fee-max=0', '--fee-max is in BTC'), (f'{ADDRESS} 1 --coins=x', '--coins is .*TXID:INDEX'),
              (f'{ADDRESS} 1 --change=p2sh', '--change is p2wpkh'), (f'{ADDRESS} 1 --preview', '--preview has no effect')],
    'drafts': [('some', '`all`')],
    'drop': [('', 'other arguments'), ('0', 'number of a draft')],
    'sign': [('x', 'number of a draft'), ('3 --fee-rate=2', '--fee-rate has no effect')],
    'send': [('x', 'number of a draft'), ('3 --fee-rate=2', 'give these options to `draft`'), (f'{ADDRESS} x', 'no amount'), (f'{MAIN_ADDRESS} 1', 'not one of network regtest')],
    'bump': [('x', '64 hexadecimal'), (f'{TXID} --coins={TXID}:0', '--coins has no effect')],
    'psbt': [('create', 'other arguments'), ('create x', 'psbt create 3'), ('burn 1', 'psbt create DRAFT'), ('combine A', 'two at least'),
             ('sign A A', 'only psbt combine')],
    'unlock': [('0', '1 to 86400'), ('86401', '1 to 86400'), ('1 2', 'other arguments')],
    'lock': [('x', 'other arguments')],
    'passphrase': [('x', 'other arguments')],
    'words': [('x', 'other arguments')],
    'descriptors': [('x', 'other arguments')],
    'sign-message': [('x', 'other arguments'), ('x y', 'address')],
    'verify-message': [('x y', 'other arguments'), ('x y z', 'address')],
    'backup': [('', 'other arguments')],
    'restore': [('', 'other arguments'), ('--wallet=X f', '--wallet is a wallet\'s name, 1 to 32')],
    'rescan': [('-- -1', 'from which block'), ('x', 'from which block')],
    'wallets': [('x', 'other arguments')],
    'create': [('', 'other arguments'), ('../x', '1 to 32'), ('x' * 33, '1 to 32')],
    'open': [('', 'other arguments'), ('../x', '1 to 32'), ('x --encrypt', '--encrypt has no effect')],
    'close': [('', 'other arguments'), ('X', '1 to 32')],
    'scan': [('', 'other arguments'), (f'{ADDRESS} x', 'heights of blocks'), (f'{ADDRESS} 5 3', 'before it begins'),
             (MAIN_ADDRESS, 'not one of network regtest')],
    'stop': [('x', 'other arguments')],
    'peers': [('x', 'other arguments')],
    'peer': [('add', 'other arguments'), ('greet 1.2.3.4', 'peer add ADDRESS'), ('add 1.2.3.4 5', 'for `peer ban` only'),
             ('ban 1.2.3.4 31536001', '31536000')],
    'network': [('', 'other arguments'), ('maybe', 'network on')],
    'mine': [('', 'other arguments'), ('many', '1 to 1000000'), ('1000001', '1 to 1000000'), ('--network=main 1', 'regtest only')],
    'mempool': [('0', '1 to 1000'), ('1001', '1 to 1000')],
    'tx': [('', 'other arguments'), ('abc', '64 hexadecimal'), (f'{TXID} +5', '64 hexadecimal')],
    'block': [('', 'other arguments'), ('x', 'or its height'), ('+1', 'or its height')],
    'headers': [('0', '1 the first'), ('1 2001', '1 to 2000')],
    'coin': [('', 'other arguments'), (f'{TXID}:', 'TXID:INDEX')],
    'submit-block': [('', 'other arguments'), ('abc', 'pairs of hexadecimal digits')],
    'send-raw': [('xyz', 'hexadecimal'), ('abc', 'hexadecimal')],
    'test-raw': [('', 'other arguments'), ('ab xyz', 'hexadecimal')],
    'fee': [('0', '1 to 1008'), ('soon', '1 to 1008')],
}

# Without a command, or before it.
WRONG_ALONE = [('fly', 'unknown command fly'), ('balanse', 'did you mean balance'), ('--nope', '--nope'), ('--netwrok=main', 'did you mean --network'),
               ('--network=moon', '--network is main, signet or regtest, not "moon"'), ('--wallet=../x', '1 to 32'),
               ('--ask-reorg=many', 'from 0 \\(never ask\\)'), ('--ask-reorg=1001', 'to 1000'),
               ('--fee-rate=1', 'no effect without a command'), ('--import=x status', 'give it without a command'),
               ('--import-headers=x status', 'give it without a command'), ('--watch=x balance', 'give it without a command'),
               ('help fly', 'unknown command fly'), ('help balanse', 'did you mean balance'), ('fly --help', 'unknown command fly')]


def run(words, datadir=NOWHERE):
    return subprocess.run([program.PROGRAM, f'--datadir={datadir}', *words], stdin=subprocess.DEVNULL, capture_output=True, text=True,
                          timeout=program.WAIT_SECONDS, check=False)


def commands():
    listed = re.search(r'\nCommands,.*?\n.*?:\n((?:  .*\n)+)', run(['--help']).stdout)[1]
    return [line.split()[0] for line in listed.splitlines() if line.split()[0] != 'help']


class Words(unittest.TestCase):
    def test_words_that_are_wrong_end_with_2_before_anything_is_started(self):
        self.assertEqual(sorted(commands()), sorted(WRONG))
        rows = [(f'{command} {words}', why) for command, some in WRONG.items() for words, why in some]
        for words, why in rows + WRONG_ALONE:
            with self.subTest(words):
                done = run(shlex.split(words))
                self.assertEqual((done.returncode, done.stdout), (2, ''), done.stderr)
                self.assertRegex(done.stderr, rf'\Atroupe-bitcoin: .*{why}.*\n\Z')

    def test_help_of_each_command_has_an_example_that_can_be_run(self):
        for command in commands():
            with self.subTest(command):
                done = run(['help', command])
                self.assertEqual((done.returncode, done.stderr), (0, ''))
                self.assertRegex(done.stdout, rf'\Atroupe-bitcoin {command}: ')
                self.assertRegex(done.stdout, rf'\nUsage: troupe-bitcoin \[OPTIONS\] {command}\b')
                self.assertRegex(done.stdout, r'\nOptions:\n(.|\n)*--network(.|\n)*\nExit status: ')
                self.assertEqual(run([command, '--help']).stdout, done.stdout)
                example = shlex.split(re.search(r'\nExample:\n  troupe-bitcoin (.*)\n', done.stdout)[1])
                self.assertIn(command, example)
                tried = run(example)
                self.assertEqual(tried.returncode, 1, tried.stderr)
                self.assertIn('choose another place', tried.stderr)

    def test_help_of_a_command_has_the_options_that_it_takes_and_no_others(self):
        told = run(['help', 'bump']).stdout
        self.assertRegex(told, r'--fee-rate=SAT +.*satoshi')
        self.assertIn('--preview', told)
        self.assertNotIn('--kind', told)


class Attached(unittest.TestCase):
    def test_options_of_a_start_are_refused_where_a_program_runs_and_nothing_else_is(self):
        node = program.Node(self)
        for option in ('--split=none', '--sandbox=off', '--check', '--compact', '--ask-reorg=3', '--connect=127.0.0.1:1', '--listen=1'):
            with self.subTest(option):
                done = run([option, 'status'], node.datadir)
                self.assertEqual((done.returncode, done.stdout), (2, ''), done.stderr)
                self.assertRegex(done.stderr, rf'\A.*{option.split("=")[0]} has no effect on the program that runs already on .*end that program')
        self.assertEqual(node.ask('status')['height'], 0)

    def test_output_that_can_not_be_written_is_a_failure(self):
        node, alone = program.Node(self), tempfile.mkdtemp(prefix='troupe-test-')
        self.addCleanup(shutil.rmtree, alone)
        for words, datadir in ((['status'], node.datadir), (['status'], alone), (['--help'], alone), (['help', 'status'], alone)):
            with self.subTest((words, datadir)), open('/dev/full', 'w', encoding='ascii') as full:
                done = subprocess.run([program.PROGRAM, f'--datadir={datadir}', *words], stdin=subprocess.DEVNULL, stdout=full,
                                      stderr=subprocess.PIPE, text=True, timeout=program.WAIT_SECONDS, check=False)
                self.assertEqual(done.returncode, 1)
                self.assertIn('standard output could not be written', done.stderr)


if __name__ == '__main__':
    unittest.main()
