"""troupe-bitcoin and a real bitcoind as peers: each syncs from the other, follows its reorganisations and hears of its transactions."""
import json
import os
import socket
import subprocess
import sys
import tempfile
import unittest

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, os.path.join(ROOT, 'test', 'support'))
import bitcoind  # noqa: E402 (the path comes first)
from program import PROGRAM, WAIT_SECONDS, Node, wait_until  # noqa: E402

NOBODY = 'bcrt1qqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqdku202'


class Peers(unittest.TestCase):
    def setUp(self):
        self.bitcoind = bitcoind.Bitcoind()
        self.addCleanup(self.bitcoind.close)

    def wait_same(self, node):
        """Both have the same tip."""
        wait_until(lambda: node.status().get('hash') == self.bitcoind.cli('getbestblockhash'), 'one tip')

    def generate(self, count):
        return self.bitcoind.cli('generatetoaddress', count, NOBODY)

    def connected(self, *words):
        return Node(self, f'--connect=127.0.0.1:{self.bitcoind.p2p}', *words)

    def dial(self, node):
        """bitcoind connects to us."""
        self.bitcoind.cli('addnode', f'127.0.0.1:{node.p2p}', 'onetry')

    def test_we_sync_from_it_and_follow_it(self):
        self.generate(1000)
        node = self.connected()
        self.wait_same(node)
        self.assertEqual(node.status()['height'], 1000)
        self.assertEqual(node.status()['partial_blocks'], 0)
        self.generate(1)
        self.wait_same(node)
        # ten blocks are taken back, eleven others come
        self.bitcoind.cli('invalidateblock', self.bitcoind.cli('getblockhash', 992))
        self.bitcoind.cli('generatetodescriptor', 11, 'raw(51)')
        self.wait_same(node)
        self.assertEqual(node.status()['height'], 1002)
        peer = self.bitcoind.cli('getpeerinfo')[0]
        self.assertEqual((peer['version'], peer['misbehavior_score']), (70016, 0))

    def test_it_syncs_from_us_and_follows_us(self):
        node = Node(self)
        node.run('mine', '1000')
        self.dial(node)
        self.wait_same(node)
        self.assertEqual(self.bitcoind.cli('getblockcount'), 1000)
        node.run('mine', '1')
        self.wait_same(node)
        # ours leaves ten of its blocks: it made a branch of its own meanwhile
        self.bitcoind.cli('setnetworkactive', 'false')
        self.generate(10)
        node.run('mine', '11')
        self.assertNotEqual(node.status()['hash'], self.bitcoind.cli('getbestblockhash'))
        self.bitcoind.cli('setnetworkactive', 'true')
        self.dial(node)
        self.wait_same(node)
        self.assertEqual(self.bitcoind.cli('getblockcount'), 1012)

    def test_transactions_travel_both_ways(self):
        node = self.connected()
        self.bitcoind.cli('createwallet', 'w')
        mine, ours = self.bitcoind.cli('getnewaddress', wallet='w'), self.bitcoind.cli('getnewaddress', wallet='w')
        self.bitcoind.cli('generatetoaddress', 103, mine)
        self.wait_same(node)
        txid = self.bitcoind.cli('sendtoaddress', ours, '1.5', wallet='w')
        wait_until(lambda: txid in node.run('mempool', '10').stdout, 'its transaction in our pool')
        # one that it has signed but not sent: we send it
        outputs = json.dumps([{ours: 2}])
        raw = self.bitcoind.cli('createrawtransaction', '[]', outputs)
        funded = self.bitcoind.cli('fundrawtransaction', raw, wallet='w')['hex']
        signed = self.bitcoind.cli('signrawtransactionwithwallet', funded, wallet='w')['hex']
        sent = self.bitcoind.cli('decoderawtransaction', signed)['txid']
        self.assertNotIn(sent, self.bitcoind.cli('getrawmempool'))
        node.run('send-raw', signed)
        wait_until(lambda: sent in self.bitcoind.cli('getrawmempool'), 'our transaction in its pool')
        self.bitcoind.cli('generatetoaddress', 1, mine)
        self.wait_same(node)
        self.assertNotIn(sent, node.run('mempool', '10').stdout)

    def test_peers_are_added_dropped_and_banned_by_hand(self):
        node, address = Node(self), f'127.0.0.1:{self.bitcoind.p2p}'
        self.assertEqual(node.ask('peers')['peers'], [])
        node.run('peer', 'add', address)
        wait_until(lambda: [peer['state'] for peer in node.ask('peers')['peers']] == ['ready'], 'a peer')
        peer = node.ask('peers')['peers'][0]
        self.assertEqual((peer['address'], peer['inbound'], peer['score']), (address, False, 0))
        self.assertIn('Satoshi', peer['agent'])
        node.run('network', 'off')
        self.assertEqual((node.ask('peers')['peers'], node.ask('peers')['active']), ([], False))
        node.run('network', 'on')
        wait_until(lambda: [peer['state'] for peer in node.ask('peers')['peers']] == ['ready'], 'it is back')
        node.run('peer', 'ban', address)
        self.assertEqual([ban['address'] for ban in node.ask('peers')['bans']], [address])
        self.assertEqual(node.ask('peers')['peers'], [])
        self.assertIn('banned', node.run('peer', 'add', address, status=1).stderr)
        node.run('peer', 'ban', address, '0')
        wait_until(lambda: [peer['state'] for peer in node.ask('peers')['peers']] == ['ready'], 'it is tried again')
        node.run('peer', 'drop', address)
        self.assertEqual(node.ask('peers')['peers'], [])
        self.assertIn('no such peer', node.run('peer', 'drop', address, status=1).stderr)
        self.assertIn('not an address', node.run('peer', 'add', '1.2.3', status=1).stderr)

    def test_a_lost_peer_is_found_again(self):
        node = self.connected()
        self.generate(5)
        self.wait_same(node)
        self.bitcoind.stop()
        self.bitcoind.start()
        self.generate(5)
        self.wait_same(node)


class Options(unittest.TestCase):
    def refused(self, option):
        with tempfile.TemporaryDirectory(prefix='troupe-test-') as folder:
            done = subprocess.run([PROGRAM, f'--datadir={folder}', option], stdin=subprocess.DEVNULL, capture_output=True, text=True,
                                  timeout=WAIT_SECONDS, check=False)
        self.assertEqual(done.returncode, 1, done.stdout + done.stderr)
        return done.stderr

    def test_bad_addresses_end_the_program_with_a_reason(self):
        self.assertIn('--connect: "node.example" is not an address', self.refused('--connect=node.example'))
        self.assertIn('--listen: "here" is not an address', self.refused('--listen=here'))
        self.assertIn('names no port', self.refused('--listen=127.0.0.1'))
        with socket.socket() as taken:
            taken.bind(('127.0.0.1', 0))
            taken.listen()
            self.assertIn('Address already in use', self.refused(f'--listen={taken.getsockname()[1]}'))


if __name__ == '__main__':
    unittest.main()
