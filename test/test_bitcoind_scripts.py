"""A real bitcoind judges the same spends: what it signs for each template verifies here, and of changed ones none that is accepted
here is refused there, and none refused here accepted there."""
import collections
import json
import os
import random
import sys
import unittest

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, os.path.join(ROOT, 'test', 'support'))
import bitcoind  # noqa: E402 (the path comes first)
import scripts  # noqa: E402

BUILD = os.environ.get('TROUPE_BUILD', os.path.join(ROOT, 'build/release'))
SLOW = int(os.environ.get('TROUPE_SLOW', '1'))
CHANGES = 1500 if os.environ.get('TROUPE_STRESS') else 60 // SLOW
ALL = scripts.DER | scripts.WITNESS | scripts.P2SH | scripts.TAPROOT | scripts.NULL_DUMMY
ORDER = 0xfffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141
KEYS = ['cMahea7zqjxrtgAbB7LSGbcQUr1uX1ojuat9jZodMN87JcbXMTcA', 'cMahea7zqjxrtgAbB7LSGbcQUr1uX1ojuat9jZodMN87K7XCyj5v',
        'cMahea7zqjxrtgAbB7LSGbcQUr1uX1ojuat9jZodMN87KcLPVfXz']  # the secrets 1, 2, 3
TEMPLATES = ['pk({0})', 'pkh({0})', 'wpkh({0})', 'sh(wpkh({0}))', 'tr({0})', 'multi(2,{0},{1},{2})', 'sh(multi(2,{0},{1},{2}))',
             'wsh(multi(2,{0},{1},{2}))', 'sh(wsh(multi(2,{0},{1},{2})))', 'sh(pkh({0}))', 'wsh(pk({0}))']
TYPES = ['ALL', 'NONE', 'SINGLE', 'ALL|ANYONECANPAY', 'NONE|ANYONECANPAY', 'SINGLE|ANYONECANPAY']


def with_high_s(signature):
    """The same DER signature with its S on the other side of the order: the network takes both. Others are given back as they are."""
    if len(signature) < 9 or signature[0] != 0x30 or 5 + signature[3] > len(signature) - 2:
        return signature
    r = signature[4:4 + signature[3]]
    s = ORDER - int.from_bytes(signature[6 + len(r):-1], 'big')
    if s <= 0:
        return signature
    s = s.to_bytes(s.bit_length() // 8 + 1, 'big')
    body = b'\2' + bytes([len(r)]) + r + b'\2' + bytes([len(s)]) + s
    return b'\x30' + bytes([len(body)]) + body + signature[-1:]


def change(items, dice):
    """One change to a list of stack items: its name."""
    at = dice.randrange(len(items)) if items else 0
    kinds = ['insert'] + (['bit', 'drop', 'copy', 'empty', 'type', 'high S', 'cut'] if items else []) + (['swap'] if len(items) > 1 else [])
    kind = dice.choice(kinds)
    if kind == 'insert':
        items.insert(dice.randrange(len(items) + 1), dice.choice([b'', b'\1', b'\x50\1', bytes(33)]))
    elif kind == 'bit' and items[at]:
        byte = dice.randrange(len(items[at]))
        items[at] = items[at][:byte] + bytes([items[at][byte] ^ 1 << dice.randrange(8)]) + items[at][byte + 1:]
    elif kind == 'drop':
        items.pop(at)
    elif kind == 'copy':
        items.insert(dice.randrange(len(items) + 1), items[at])
    elif kind == 'empty':
        items[at] = b''
    elif kind == 'type' and items[at]:
        items[at] = (items[at] if len(items[at]) == 64 else items[at][:-1]) + bytes([dice.choice([0, 1, 2, 3, 4, 0x80, 0x81, 0x83])])
    elif kind == 'high S':
        items[at] = with_high_s(items[at])
    elif kind == 'cut':
        items[at] = items[at][:-1]
    elif kind == 'swap':
        other = dice.randrange(len(items))
        items[at], items[other] = items[other], items[at]
    return kind


class RealNode(unittest.TestCase):
    """One bitcoind with a wallet that has the keys, and a matured coin of each template: (txid, amount, script)."""

    @classmethod
    def setUpClass(cls):
        cls.peer = cls.enterClassContext(bitcoind.Bitcoind())
        cls.coins = cls.make_coins()
        cls.address = cls.peer.cli('getnewaddress', wallet='signer')

    def setUp(self):
        self.verifier = scripts.Verifier(BUILD)

    @classmethod
    def make_coins(cls):
        cls.peer.cli('createwallet', 'signer')
        requests = []
        for template in TEMPLATES:
            descriptor = template.format(*KEYS)
            checked = f'{descriptor}#{cls.peer.cli("getdescriptorinfo", descriptor)["checksum"]}'
            requests.append({'desc': checked, 'timestamp': 'now'})
            cls.peer.cli('generatetodescriptor', 1, checked)
        done = cls.peer.cli('importdescriptors', json.dumps(requests), wallet='signer')
        if not all(one['success'] for one in done):
            raise AssertionError(done)
        cls.peer.cli('generatetodescriptor', 100, requests[0]['desc'])
        coins = []
        for height in range(1, len(TEMPLATES) + 1):
            coinbase = cls.peer.cli('getblock', cls.peer.cli('getblockhash', height), 2)['tx'][0]
            script = bytes.fromhex(coinbase['vout'][0]['scriptPubKey']['hex'])
            coins.append((coinbase['txid'], round(coinbase['vout'][0]['value'] * 10**8), script))
        return coins

    def is_accepted(self, raw):
        """Does bitcoind take a block with this transaction? It is not kept."""
        try:
            self.peer.cli('generateblock', 'raw(51)#8lvh9jxk', json.dumps([raw.hex()]), 'false')
        except bitcoind.Refused as refused:
            self.assertIn('script-verify-flag', str(refused))
            return False
        return True

    def signed(self, coins, kind):
        inputs = [{'txid': txid, 'vout': 0} for txid, *_ in coins]
        outputs = [{'data': '00'}, {self.address: 1}]
        raw = self.peer.cli('createrawtransaction', json.dumps(inputs), json.dumps(outputs))
        done = self.peer.cli('signrawtransactionwithwallet', raw, '[]', kind, wallet='signer')
        return bytes.fromhex(done['hex']), done['complete']

    def test_a_key_path_may_carry_an_annex(self):
        coins = [coin for coin, template in zip(self.coins, TEMPLATES) if template.startswith(('tr', 'wpkh'))]
        raw, complete = self.signed(coins, 'ALL')
        self.assertTrue(complete)
        known, annex, tx = [coin[1:] for coin in coins], b'\x50\0annex', scripts.Tx(raw)
        for kind in (0, 1, 2, 3, 0x81, 0x82, 0x83):
            self.verifier.ask_spending(['bip341', 1, kind, annex], raw, known)
            self.verifier.ask('sign', bytes(31) + b'\1', *map(bytes.fromhex, self.verifier.answers()))
            signature = bytes.fromhex(self.verifier.answers()[0]) + (bytes([kind]) if kind else b'')
            tx.ins[1]['witness'] = [signature, annex]
            self.verifier.ask_spending(['verify', ALL], tx.write(), known)
            self.assertEqual((self.verifier.answers(), self.is_accepted(tx.write())), (['ok; ok'], True), kind)
        tx.ins[1]['witness'][1] += b'.'
        self.assertFalse(self.is_accepted(tx.write()))

    def test_both_judge_changed_spends_alike(self):
        dice = random.Random(866342)
        coins = self.coins
        spent = [coin[1:] for coin in coins]
        cases = []
        for kind in TYPES:
            chosen = coins if 'SINGLE' not in kind else coins[3:5]  # an output for each input
            raw, complete = self.signed(chosen, kind)
            self.assertTrue(complete)
            cases.append((raw, [coin[1:] for coin in chosen], 'as it is'))
        whole = [case for case in cases if case[1] == spent]
        for _ in range(CHANGES):
            raw, known, _ = dice.choice(whole)
            tx = scripts.Tx(raw)
            at = dice.randrange(len(tx.ins))
            own = tx.ins[at]
            if own['witness'] and dice.random() < 0.9:
                said = change(own['witness'], dice)
            else:
                items = scripts.pushes(own['script_sig'])
                said = change(items, dice)
                own['script_sig'] = b''.join(map(scripts.push, items))
            cases.append((tx.write(), known, f'{TEMPLATES[at]}: {said}'))
        for raw, known, _ in cases:
            self.verifier.ask_spending(['verify', ALL], raw, known)
        tally = collections.Counter()
        for (raw, known, said), answer in zip(cases, self.verifier.answers()):
            accepted = self.is_accepted(raw)
            self.assertNotIn('error', answer)
            verdict = 'invalid' if 'invalid' in answer else 'outside' if 'outside' in answer else 'ok'
            if verdict != 'outside':
                self.assertEqual(verdict == 'ok', accepted, f'{said}: {answer} {raw.hex()}')
            if said == 'as it is':
                self.assertEqual(verdict, 'ok')
            tally[verdict] += 1
        print('spends, changed and not:', dict(tally))
        self.assertGreater(tally['ok'], len(TYPES))
        self.assertGreater(tally['invalid'], CHANGES // 3)


if __name__ == '__main__':
    unittest.main()
