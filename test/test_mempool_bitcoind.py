"""The pool's policy beside that of a real bitcoind with the same chain: testmempoolaccept and test_txs agree on what is taken, and on the
reason where one is not."""
import base64
import decimal
import http.client
import json
import os
import struct
import sys
import unittest

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, os.path.join(ROOT, 'test', 'support'))
import bitcoind  # noqa: E402 (the path comes first)
import program  # noqa: E402
import regtest  # noqa: E402

ORDER = 0xfffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141
KINDS = ('legacy', 'p2sh-segwit', 'bech32', 'bech32m')
BLOCKS_EACH = 24  # coinbases of each kind
COIN = 50 * program.COIN
ARGUMENT_MAX = 100_000  # of a command line; longer ones lie in a file
FINAL, RBF = 0xffffffff, 0xfffffffd
PAYEE = bytes.fromhex('0014') + bytes(range(20))


def var(data):
    return regtest.var_int(len(data)) + data


def serialize(ins, outs, version=2, lock_time=0, witnesses=None):
    """ins: (txid, index, sequence, script); outs: (amount, script); witnesses: lists of items."""
    body = regtest.var_int(len(ins)) + b''.join(bytes.fromhex(txid)[::-1] + struct.pack('<I', index) + var(script) + struct.pack('<I', sequence)
                                                for txid, index, sequence, script in ins)
    body += regtest.var_int(len(outs)) + b''.join(struct.pack('<q', amount) + var(script) for amount, script in outs)
    marked = b'\0\1' if witnesses else b''
    end = b''.join(regtest.var_int(len(items)) + b''.join(map(var, items)) for items in witnesses or ())
    return (struct.pack('<i', version) + marked + body + end + struct.pack('<I', lock_time)).hex()


def with_high_s(signature):
    """The same ECDSA signature with its other S, which anybody can compute."""
    r_size = signature[3]
    s = int.from_bytes(signature[6 + r_size:-1], 'big')
    number = (ORDER - s).to_bytes(33, 'big')
    number = number if number[1] & 0x80 else number[1:]
    der = b'\x02' + var(signature[4:4 + r_size]) + b'\x02' + var(number)
    return b'\x30' + var(der) + signature[-1:]


def in_our_words(reason):
    """Without the way in which a script fails, and without what this bitcoind says more of than others do."""
    reason = reason.partition(' (')[0]
    return 'bad-witness-nonstandard' if reason.startswith('bad-witness-') else reason


class Wire:
    """The peer's JSON-RPC over one connection: there are hundreds of questions."""

    def __init__(self, peer):
        with open(os.path.join(peer.datadir, 'regtest', '.cookie'), 'rb') as file:
            self.headers = {'Authorization': 'Basic ' + base64.b64encode(file.read()).decode()}
        self.connection = http.client.HTTPConnection('127.0.0.1', peer.rpc, timeout=bitcoind.CALL_SECONDS)

    def __call__(self, method, *params):
        self.connection.request('POST', '/', json.dumps({'id': 0, 'method': method, 'params': params}), self.headers)
        answer = json.loads(self.connection.getresponse().read(), parse_float=decimal.Decimal)
        if answer['error']:
            raise bitcoind.Refused(answer['error']['message'])
        return answer['result']


class Agreement(program.Program):
    def setUp(self):
        bitcoind.require()
        super().setUp()
        # As in Bitcoin Core 29: this one has rules of its own, and other rates.
        self.peer = bitcoind.Bitcoind('-corepolicy=1', '-minrelaytxfee=0.00001', '-incrementalrelayfee=0.00001')
        self.addCleanup(self.peer.close)
        self.rpc = Wire(self.peer)
        self.addCleanup(self.rpc.connection.close)
        self.rpc('createwallet', 'w')
        self.coins = {}
        for kind in KINDS:
            address = self.rpc('getnewaddress', '', kind)
            blocks = self.rpc('generatetoaddress', BLOCKS_EACH, address)
            self.coins[kind] = [self.rpc('getblock', block)['tx'][0] for block in blocks]
        self.rpc('generatetoaddress', 100, self.rpc('getnewaddress', '', 'legacy'))
        self.height = self.rpc('getblockcount')
        raw = [bytes.fromhex(self.rpc('getblock', self.rpc('getblockhash', height), 0)) for height in range(1, self.height + 1)]
        self.run_program(f'--import={self.path("blocks", regtest.framed(raw))}')
        self.terminal = program.Terminal(self)
        self.terminal.read_until('Ctrl-C ends')
        self.assertEqual(self.ask('status')['height'], self.height)

    def coin(self, kind='bech32'):
        """A coinbase of that kind that nothing spent before."""
        return self.coins[kind].pop(), 0

    def sign(self, unsigned):
        done = self.rpc('signrawtransactionwithwallet', unsigned)
        self.assertTrue(done['complete'], done)
        return done['hex']

    def pay(self, *coins, outs=None, fee=2000, sequence=RBF, amount=COIN, **more):
        """Signed, and paying all but the fee to nobody unless `outs` says otherwise."""
        ins = [(txid, index, sequence, b'') for txid, index in coins]
        return self.sign(serialize(ins, outs or [(amount * len(coins) - fee, PAYEE)], **more))

    def parts(self, tx):
        """For another serialize(): what the peer makes of a transaction."""
        told = self.rpc('decoderawtransaction', tx)
        ins = [(one['txid'], one['vout'], one['sequence'], bytes.fromhex(one['scriptSig']['hex'])) for one in told['vin']]
        outs = [(round(one['value'] * program.COIN), bytes.fromhex(one['scriptPubKey']['hex'])) for one in told['vout']]
        return ins, outs, [[bytes.fromhex(item) for item in one.get('txinwitness', ())] for one in told['vin']]

    def both(self, *txs):
        """What the two say, as (allowed, reason) of each."""
        theirs = self.rpc('testmempoolaccept', txs)
        ours = self.ask('test-raw', *[f'@{self.path("tx", tx.encode())}' if len(tx) > ARGUMENT_MAX else tx for tx in txs])
        self.assertEqual([one['txid'] for one in ours], [one['txid'] for one in theirs])
        for one, other in zip(ours, theirs):
            if one['allowed'] and other.get('allowed'):
                self.assertEqual(one['fee_sat'], round(other['fees']['base'] * program.COIN))
                self.assertEqual(one['vsize'], other['vsize'])
        return ([(one['allowed'], one.get('reason', '')) for one in ours],
                [(other.get('allowed', False), in_our_words(other.get('reject-reason', ''))) for other in theirs])

    def agree(self, name, tx, reason=''):
        with self.subTest(name):
            ours, theirs = self.both(tx)
            self.assertEqual(ours, theirs)
            self.assertEqual(ours, [(not reason, reason)])

    def send(self, tx):
        """To both."""
        self.assertEqual(self.rpc('sendrawtransaction', tx), self.ask('send-raw', tx)['txid'])
        return self.rpc('decoderawtransaction', tx)['txid']

    def test_they_agree(self):
        self.check_what_is_taken()
        self.check_what_is_refused_for_its_form()
        self.check_what_is_refused_for_its_coins()
        self.check_what_is_refused_for_its_signatures()
        self.check_what_waits_counts()

    def check_what_is_taken(self):
        for kind in KINDS:
            self.agree(kind, self.pay(self.coin(kind)))
        self.agree('one of each kind', self.pay(*[self.coin(kind) for kind in KINDS]))
        data = bytes([0x6a, 0x4c, 80]) + bytes(80)
        rest = (COIN - 5000, PAYEE)
        self.agree('data', self.pay(self.coin(), outs=[rest, (0, data)]))
        self.agree('to a later witness version', self.pay(self.coin(), outs=[rest, (1000, bytes([0x52, 2, 1, 2]))]))
        self.agree('final in the next block', self.pay(self.coin(), lock_time=self.height))
        self.agree('a coin of that age', self.pay(self.coin(), sequence=100))
        self.agree('version 1', self.pay(self.coin(), version=1))
        self.agree('the least fee', self.pay(self.coin(), fee=110))

    def check_what_is_refused_for_its_form(self):
        rest = (COIN - 5000, PAYEE)
        data = bytes([0x6a, 0x4c, 80]) + bytes(80)
        self.agree('version', self.pay(self.coin(), version=5), 'version')
        self.agree('version 0', self.pay(self.coin(), version=0), 'version')
        self.agree('odd script', self.pay(self.coin(), outs=[(1000, b'\x76\x76'), rest]), 'scriptpubkey')
        self.agree('two with data', self.pay(self.coin(), outs=[(0, data), (0, data), rest]), 'multi-op-return')
        self.agree('dust', self.pay(self.coin('legacy'), outs=[(293, PAYEE), rest]), 'dust')
        self.agree('a satoshi more', self.pay(self.coin('legacy'), outs=[(294, PAYEE), rest]))
        self.agree('too small', self.pay(self.coin('bech32m'), outs=[(0, b'\x6a')]), 'tx-size-small')
        coin = self.coin('p2sh-segwit')
        self.agree('no outputs', serialize([(*coin, RBF, b'')], [], witnesses=[[b'1']]), 'bad-txns-vout-empty')
        self.agree('negative', serialize([(*coin, RBF, b'')], [(-1, PAYEE)]), 'bad-txns-vout-negative')
        self.agree('too much', serialize([(*coin, RBF, b'')], [(21 * 10**14 + 1, PAYEE)]), 'bad-txns-vout-toolarge')
        self.agree('too much in all', serialize([(*coin, RBF, b'')], 2 * [(15 * 10**14, PAYEE)]), 'bad-txns-txouttotal-toolarge')
        self.agree('twice the same', serialize(2 * [(*coin, RBF, b'')], [rest]), 'bad-txns-inputs-duplicate')
        self.agree('not only pushes', serialize([(*coin, RBF, b'\x61')], [rest]), 'scriptsig-not-pushonly')
        self.agree('a long script', serialize([(*coin, RBF, bytes(1651))], [rest]), 'scriptsig-size')
        many = [(1000, PAYEE)] * 3300
        self.agree('too heavy', serialize([(*coin, RBF, b'')], many), 'tx-size')
        self.agree('coinbase', self.rpc('getrawtransaction', self.coins['bech32'][0]), 'coinbase')

    def check_what_is_refused_for_its_coins(self):
        gone = self.coin()
        self.agree('unknown', serialize([('77' * 32, 0, RBF, b'')], [(1000, PAYEE)]), 'missing-inputs')
        self.agree('no such output', serialize([(gone[0], 9, RBF, b'')], [(1000, PAYEE)]), 'missing-inputs')
        self.agree('not final', self.pay(self.coin(), lock_time=self.height + 1), 'non-final')
        self.agree('not of that age', self.pay(self.coin(), sequence=1000), 'non-BIP68-final')
        self.agree('not of that time', self.pay(self.coin(), sequence=1 << 22 | 0xffff), 'non-BIP68-final')
        young = self.rpc('getblock', self.rpc('getblockhash', self.height - 50))['tx'][0]
        self.agree('premature', self.pay((young, 0), amount=COIN // 100), 'bad-txns-premature-spend-of-coinbase')
        self.agree('no fee', self.pay(self.coin('bech32m'), fee=0), 'min relay fee not met')
        self.agree('too low a fee', self.pay(self.coin('legacy'), fee=150), 'min relay fee not met')
        self.agree('pays too much', self.pay(self.coin('legacy'), fee=-1), 'bad-txns-in-belowout')

    def check_what_is_refused_for_its_signatures(self):
        failed = 'mempool-script-verify-flag-failed'
        for kind in ('bech32', 'bech32m', 'legacy', 'p2sh-segwit'):
            ins, outs, witnesses = self.parts(self.pay(self.coin(kind)))
            less = [(outs[0][0] - 1, PAYEE)]
            self.agree(f'{kind}: of another transaction', serialize(ins, less, witnesses=witnesses if any(witnesses) else None), failed)
        ins, outs, witnesses = self.parts(self.pay(self.coin('bech32')))
        self.agree('high S', serialize(ins, outs, witnesses=[[with_high_s(witnesses[0][0]), witnesses[0][1]]]), failed)
        self.agree('no witness', serialize(ins, outs), failed)
        self.agree('another key', serialize(ins, outs, witnesses=[[witnesses[0][0], b'\x02' + bytes(31) + b'\x01']]), failed)
        self.agree('one item more', serialize(ins, outs, witnesses=[[b'', *witnesses[0]]]), failed)
        ins, outs, witnesses = self.parts(self.pay(self.coin('legacy')))
        self.agree('a witness that is not asked for', serialize(ins, outs, witnesses=[[b'1']]), 'bad-witness-nonstandard')
        ins, outs, witnesses = self.parts(self.pay(self.coin('bech32m')))
        self.agree('an annex', serialize(ins, outs, witnesses=[[*witnesses[0], b'\x50']]), 'bad-witness-nonstandard')

    def check_what_waits_counts(self):
        """Once both have the same in their pools: replacement, chains, packages."""
        coin, other = self.coin(), self.coin()
        first = self.pay(coin, fee=1100)
        parent = self.send(first)
        ins, outs, witnesses = self.parts(first)
        self.agree('it is there', first, 'txn-already-in-mempool')
        self.agree('the same with another witness', serialize(ins, outs, witnesses=[[witnesses[0][0][:-1], witnesses[0][1]]]),
                   'txn-same-nonwitness-data-in-mempool')
        self.agree('the same rate', self.pay(coin, outs=[(COIN - 1100, PAYEE[:-1] + b'\0')]), 'insufficient fee')
        self.agree('not its own relay', self.pay(coin, fee=1209), 'insufficient fee')
        self.agree('its own relay', self.pay(coin, fee=1210))
        self.agree('no signal is asked for', self.pay(coin, fee=5000, sequence=FINAL))
        address = self.rpc('getnewaddress', '', 'bech32')
        script = bytes.fromhex(self.rpc('getaddressinfo', address)['scriptPubKey'])
        waiting = self.send(self.pay(other, outs=[(COIN - 1000, script)]))
        self.agree('a parent that waits', self.pay(coin, (waiting, 0), outs=[(COIN, PAYEE)]), 'replacement-adds-unconfirmed')
        chain, left = waiting, COIN - 1000
        for _ in range(24):
            chain, left = self.send(self.pay((chain, 0), outs=[(left - 200, script)])), left - 200
        self.agree('the 26th of a chain', self.pay((chain, 0), outs=[(left - 200, script)]), 'too-long-mempool-chain')
        self.agree('a rival of the first', self.pay(other, fee=20000))
        self.agree('a rival that pays less than all', self.pay(other, fee=5000), 'insufficient fee')
        child, grandchild = self.coin('bech32m'), None
        made = self.pay(child, outs=[(COIN - 500, script)])
        txid = self.rpc('decoderawtransaction', made)['txid']
        unsigned = serialize([(txid, 0, RBF, b'')], [(COIN - 1000, PAYEE)])
        known = [{'txid': txid, 'vout': 0, 'scriptPubKey': script.hex(), 'amount': (COIN - 500) / program.COIN}]
        grandchild = self.rpc('signrawtransactionwithwallet', unsigned, known)['hex']
        ours, theirs = self.both(made, grandchild)
        self.assertEqual(ours, theirs)
        self.assertEqual(ours, [(True, ''), (True, '')])
        self.agree('a child alone', grandchild, 'missing-inputs')
        self.assertEqual(self.ask('mempool')['txs'], len(self.rpc('getrawmempool')))
        self.assertEqual(self.ask('tx', parent)['place'], 'pool')


if __name__ == '__main__':
    unittest.main()
