"""What the templates accept and refuse, held against the vectors of Bitcoin Core and the BIPs: nothing is wrongly accepted, nothing wrongly refused."""
import collections
import csv
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import unittest

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, os.path.join(ROOT, 'test', 'support'))
import scripts  # noqa: E402 (the path comes first)

BUILD = os.environ.get('TROUPE_BUILD', os.path.join(ROOT, 'build/release'))
SHARED = os.environ.get('TROUPE_SHARED')
ALL = scripts.DER | scripts.WITNESS | scripts.P2SH | scripts.TAPROOT | scripts.NULL_DUMMY
COIN = 100_000_000

# Names of flags in Core's files. What only a node's own policy asks for is not checked here; those that are opcodes are not templates.
FLAGS = {'P2SH': scripts.P2SH, 'DERSIG': scripts.DER, 'STRICTENC': scripts.DER, 'LOW_S': scripts.DER, 'WITNESS': scripts.WITNESS,
         'TAPROOT': scripts.TAPROOT, 'NULLDUMMY': scripts.NULL_DUMMY}
POLICY = {'SIG_HIGH_S': 'LOW_S', 'SIG_HASHTYPE': 'STRICTENC', 'PUBKEYTYPE': 'STRICTENC', 'WITNESS_PUBKEYTYPE': 'WITNESS_PUBKEYTYPE',
          'CLEANSTACK': 'CLEANSTACK', 'MINIMALDATA': 'MINIMALDATA', 'UNKNOWN_ERROR': 'MINIMALDATA', 'SIG_PUSHONLY': 'SIGPUSHONLY',
          'NULLFAIL': 'NULLFAIL', 'MINIMALIF': 'MINIMALIF', 'DISCOURAGE_UPGRADABLE_NOPS': 'DISCOURAGE_UPGRADABLE_NOPS',
          'DISCOURAGE_UPGRADABLE_WITNESS_PROGRAM': 'DISCOURAGE_UPGRADABLE_WITNESS_PROGRAM'}


def shared(name):
    path = SHARED and os.path.join(SHARED, 'data', name)
    if not path or not os.path.exists(path):
        raise unittest.SkipTest(f'no data/{name}: TROUPE_SHARED {"names a folder without it" if SHARED else "is not set"}')
    return path


def read_json(name):
    with open(shared(name), encoding='utf-8') as file:
        return json.load(file)


def flags_of(names):
    """Core's flags, as far as they are the network's rules."""
    flags = 0
    for name in names:
        flags |= FLAGS.get(name, 0)
    return flags


class Vectors(unittest.TestCase):
    def setUp(self):
        self.verifier = scripts.Verifier(BUILD)

    def test_script_tests_are_never_judged_otherwise_than_core_does(self):
        due = []
        tally = collections.Counter()
        for vector in read_json('core/script_tests.json'):
            if len(vector) < 4:
                continue
            *witness, amount = vector.pop(0) if isinstance(vector[0], list) else [0]
            script_sig, script_pub, names, result = vector[:4]
            if '#' in script_pub:  # the file leaves the output key of a script path to be computed
                tally['script path of P2TR'] += 1
                continue
            names = set(names.split(','))
            if POLICY.get(result, '-') in names:
                tally['policy'] += 1
                continue
            amount = round(amount * COIN)
            script_pub = scripts.assemble(script_pub)
            credit = scripts.tx(bytes(32), 0xffffffff, b'\0\0', amount, script_pub)
            spend = scripts.tx(scripts.txid(credit), 0, scripts.assemble(script_sig), amount, b'', [bytes.fromhex(item) for item in witness])
            self.verifier.ask_spending(['verify', flags_of(names)], spend, [(amount, script_pub)])
            due.append((result, vector))
        for answer, (result, vector) in zip(self.verifier.answers(), due):
            verdict = answer.partition(':')[0]
            wrong = 'ok' if result != 'OK' else 'invalid'
            self.assertIn(verdict, {'ok', 'invalid', 'outside'} - {wrong}, (answer, vector))
            tally[f'{"valid" if result == "OK" else "invalid"}, {verdict}'] += 1
        print('script_tests.json:', dict(tally))
        self.assertEqual(tally, {'valid, ok': 45, 'valid, outside': 623, 'invalid, invalid': 49, 'invalid, outside': 366,
                                 'policy': 124, 'script path of P2TR': 4})

    def test_valid_transactions_are_never_refused(self):
        every = set(FLAGS)
        tally = collections.Counter()
        for vector in read_json('core/tx_valid.json'):
            if len(vector) < 3:
                continue
            coins, raw, excluded = vector
            raw = bytes.fromhex(raw)
            known = {(txid, index % 2**32): (rest[0] if rest else 0, scripts.assemble(script)) for txid, index, script, *rest in coins}
            self.verifier.ask_spending(['verify', flags_of(every - set(excluded.split(',')))], raw, [known[at] for at in scripts.outpoints(raw)])
        for answer in self.verifier.answers():
            self.assertNotIn('invalid', answer)
            tally.update(answer.split('; '))
        print('tx_valid.json, inputs:', dict(tally))
        self.assertEqual(tally, {'ok': 63, 'outside': 112})

    def test_bip143_signed_examples_verify(self):
        with open(shared('bips/bip-0143.mediawiki'), encoding='utf-8') as file:
            text = file.read()
        signed = [bytes.fromhex(''.join(words.split())) for words in re.findall(r'serialized signed transaction is:\s*((?:[0-9a-f]+\s*)+)\n', text)]
        coins = {1: [(10 * COIN, 'a9144733f37cf4db86fbc2efed2500b4f4e49f31202387')],
                 4: [(987654321, 'a9149993a429037b5d912407a71c252019287b8d27a587')]}
        for index, coin in coins.items():
            coin = [(amount, bytes.fromhex(script)) for amount, script in coin]
            self.verifier.ask_spending(['verify', ALL], signed[index], coin)
            self.verifier.ask_spending(['verify', ALL], signed[index], [(coin[0][0] + 1, coin[0][1])])
            self.verifier.ask_spending(['verify', ALL & ~scripts.P2SH], signed[index], coin)
        good, dear, early, good6, dear6, early6 = self.verifier.answers()
        self.assertEqual([good, good6, early, early6], ['ok', 'ok', 'outside', 'outside'])
        self.assertEqual(dear, 'invalid: the signature does not verify')
        self.assertEqual(dear6, 'invalid: multisig signature 6 does not verify with a key in its order')

    def test_bip340_signatures_verify_as_its_table_says(self):
        with open(shared('bips/bip-0340_test-vectors.csv'), encoding='utf-8', newline='') as file:
            rows = list(csv.DictReader(file))
        for row in rows:
            self.verifier.ask('schnorr', *(bytes.fromhex(row[name]) for name in ('public key', 'signature', 'message')))
        self.assertEqual(self.verifier.answers(), [row['verification result'].lower() for row in rows])
        self.assertEqual(len(rows), 19)

    def test_bip341_hashes_and_signatures_are_those_of_its_wallet_vectors(self):
        for case in read_json('core/bip341_wallet_vectors.json')['keyPathSpending']:
            coins = [(coin['amountSats'], bytes.fromhex(coin['scriptPubKey'])) for coin in case['given']['utxosSpent']]
            unsigned = bytes.fromhex(case['given']['rawUnsignedTx'])
            for spent in case['inputSpending']:
                self.verifier.ask_spending(['bip341', spent['given']['txinIndex'], spent['given']['hashType'], '-'], unsigned, coins)
            hashes = self.verifier.answers()
            self.assertEqual(hashes, [spent['intermediary']['sigHash'] for spent in case['inputSpending']])
            self.assertEqual(len(hashes), 7)
            signed = bytes.fromhex(case['auxiliary']['fullySignedTx'])
            self.verifier.ask_spending(['verify', ALL], signed, coins)
            for i in range(9):  # P2TR signs every coin's amount and script
                self.verifier.ask_spending(['verify', ALL], signed, coins[:i] + [(coins[i][0] ^ 1, coins[i][1])] + coins[i + 1:])
            fine, *changed = self.verifier.answers()
            self.assertEqual(fine, '; '.join(['ok'] * 9))
            for i, answer in enumerate(changed):
                self.assertIn('the Schnorr signature does not verify', answer, f'amount {i}')

    def test_block_866342_is_checked_but_for_the_scripts_outside_the_templates(self):
        block, spent = shared('mainnet-block-866342.blk'), shared('mainnet-block-866342-spent.json.zst')
        if not shutil.which('zstd'):
            self.skipTest('no zstd to unpack the spent outputs with: apt-get install zstd')
        unpacked = subprocess.run(['zstd', '-dcq', spent], capture_output=True, check=True).stdout
        coins = [(coin['txout']['value'], coin['txout']['script_pubkey']) for coin in json.loads(unpacked)]
        folder = self.enterContext(tempfile.TemporaryDirectory(prefix='troupe-test-'))
        good, bad = os.path.join(folder, 'good'), os.path.join(folder, 'bad')

        def write(path):
            with open(path, 'w', encoding='ascii') as file:
                file.writelines(f'{amount} {script}\n' for amount, script in coins)

        write(good)
        coins[5000] = (coins[5000][0] + 1, coins[5000][1])
        coins[7000] = (coins[7000][0] + 1, coins[7000][1])
        write(bad)
        threads = min(16, len(os.sched_getaffinity(0)))
        for count in dict.fromkeys((1, threads)):
            self.verifier.ask('block', ALL, count, block, good)
            self.verifier.ask('block', ALL, count, block, bad)
        answers = self.verifier.answers()
        for count, answer in zip(dict.fromkeys((1, threads)), answers[::2]):
            *counts, took_ms = map(int, answer.split())
            print(f'block 866342: {took_ms} ms with {count} thread(s)')
            self.assertEqual(counts, [7764, 208, 5666])  # inputs checked, inputs outside, cost of signature operations
        self.assertEqual(set(answers[1::2]), {'error: transaction 3518: input 0: the signature does not verify'})


if __name__ == '__main__':
    unittest.main()
