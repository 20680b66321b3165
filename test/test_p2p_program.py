"""Two programs as peers of one another, and odd peers, over TCP and without anything else: syncs, reorganisations, kill -9, spam, payments."""
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import unittest

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, os.path.join(ROOT, 'test', 'support'))
import program  # noqa: E402 (the path comes first)
import regtest  # noqa: E402
import wire  # noqa: E402
from program import COIN, Node, wait_until  # noqa: E402

STRESS_MINUTES = float(os.environ.get('TROUPE_STRESS') or 0)
SMALL = 300
MANY = (10_000 if STRESS_MINUTES else 5_000) // program.SLOW
KILLS = 1000 if STRESS_MINUTES else 8
SPAMMERS = 3  # of each kind
PEER_BYTES_MAX = 10_500_000  # what p2p.h and p2p_net.h let one peer cost: inbox, outbox, pipes
DROP_SECONDS = 60 * program.SLOW  # of those who do not end their handshake: 30, and then some
RETRY_SECONDS = 4  # after a connection that failed, when two failed before


def import_blocks(datadir, blocks):
    with tempfile.NamedTemporaryFile(suffix='.dat') as file:
        file.write(regtest.framed(blocks))
        file.flush()
        subprocess.run([program.PROGRAM, f'--datadir={datadir}', f'--import={file.name}'], stdin=subprocess.DEVNULL, capture_output=True,
                       timeout=program.WAIT_SECONDS * 2, check=True)


class Peers(unittest.TestCase):
    def connected(self, other, *words):
        return Node(self, f'--connect=127.0.0.1:{other.p2p}', *words)

    def listening_with(self, blocks):
        datadir = tempfile.mkdtemp(prefix='troupe-test-')
        self.addCleanup(shutil.rmtree, datadir)
        import_blocks(datadir, blocks)
        return Node(self, datadir=datadir)

    def assert_same(self, a, b):
        """One tip, and below it the same blocks and coins."""
        tip = a.status()['hash']
        wait_until(lambda: b.status().get('hash') == tip, 'one tip')
        for key in ('height', 'header_height', 'blocks', 'partial_blocks', 'unspent', 'unspent_sat'):
            self.assertEqual(a.status()[key], b.status()[key], key)


class TwoPrograms(Peers):
    def test_sync_and_reorganisations_both_ways(self):
        a = self.listening_with(regtest.blocks(SMALL))
        b = self.connected(a)
        self.assert_same(a, b)
        self.assertEqual(b.status()['height'], SMALL)
        for miner, other in ((a, b), (b, a)):
            b.run('network', 'off')
            other.run('mine', 10)
            height = miner.ask('mine', 11)['height']
            self.assertNotEqual(a.status()['hash'], b.status()['hash'])
            b.run('network', 'on')
            self.assert_same(a, b)
            self.assertEqual(other.status()['height'], height)
            wait_until(lambda other=other: 'taken back' in other.said(), 'it says that it left its blocks')
        self.assertEqual([peer['score'] for peer in a.ask('peers')['peers'] + b.ask('peers')['peers']], [0, 0])

    def test_payment_is_pending_then_confirmed_at_the_other(self):
        a = Node(self)
        b = self.connected(a)
        a.run('mine', 102)
        self.assert_same(a, b)
        txid = a.ask('send', b.ask('address')['address'], '1.5')['txid']
        wait_until(lambda: b.ask('balance')['pending_sat'] == 3 * COIN // 2, 'the payment is pending')
        self.assertEqual([(entry['txid'], entry['is_pending']) for entry in b.ask('history')], [(txid, True)])
        a.run('mine', 1)
        wait_until(lambda: b.ask('balance')['confirmed_sat'] == 3 * COIN // 2, 'the payment is confirmed')
        self.assertEqual([(entry['txid'], entry['is_pending'], entry['height']) for entry in b.ask('history')], [(txid, False, 103)])


class LongSync(Peers):
    @classmethod
    def setUpClass(cls):
        cls.kept = tempfile.mkdtemp(prefix='troupe-test-')
        cls.addClassCleanup(shutil.rmtree, cls.kept)
        import_blocks(cls.kept, regtest.blocks(MANY))

    def setUp(self):
        self.a = Node(self, datadir=self.kept)

    def test_rate(self):
        b = self.connected(self.a)
        begin, height = time.monotonic(), b.status()['height']
        wait_until(lambda: b.status()['height'] == MANY, 'all blocks are there')
        seconds = time.monotonic() - begin
        print(f'{MANY - height} small blocks from a peer in {seconds:.1f} s: {(MANY - height) / seconds:.0f} blocks/s', file=sys.stderr)
        self.assert_same(self.a, b)

    def sync_with_kills(self, count):
        """How many of them hit the middle."""
        b, hits = self.connected(self.a, '--check'), 0
        for i, height in enumerate(sorted(random.randrange(MANY * 9 // 10) for _ in range(count))):
            status = wait_until(lambda height=height: (found := b.status()).get('height', -1) >= height and found, f'it comes to {height}', 0.02)
            time.sleep(random.uniform(0, 0.03))
            hits += status['height'] < MANY
            if i % 2:
                os.kill(status['node_pid'], signal.SIGKILL)
                wait_until(lambda pid=status['node_pid']: b.status().get('node_pid', pid) != pid, 'its node is back')
            else:
                b.kill()
                b.begin()
            self.assertIn('the store is sound', b.said())
        self.assert_same(self.a, b)
        b.end()
        done = b.run('--check', 'status')
        self.assertIn('the store is sound', done.stderr)
        self.assertIn(f'"height":{MANY}', done.stdout)
        return hits

    def test_killed_in_the_middle_it_goes_on(self):
        seed = random.randrange(1 << 32)
        random.seed(seed)
        end, kills, hits = time.monotonic() + STRESS_MINUTES * 60 / 2, 0, 0
        with self.subTest(seed=seed):
            while kills == 0 or (kills < KILLS and time.monotonic() < end):
                hits += self.sync_with_kills(8)
                kills += 8
            print(f'{kills} kills, {hits} in mid-sync', file=sys.stderr)
            self.assertGreater(hits, 0)


class OddPeers(Peers):
    def setUp(self):
        self.a = self.listening_with(regtest.blocks(SMALL))
        self.b = self.connected(self.a)
        self.assert_same(self.a, self.b)

    def peer(self):
        peer = wire.Peer(self.a.p2p)
        self.addCleanup(peer.close)
        return peer

    def assert_served(self):
        """The other program is one of its peers, as before, and hears of new blocks."""
        self.a.run('mine', 1)
        self.assert_same(self.a, self.b)
        self.assertEqual([(peer['state'], peer['score']) for peer in self.b.ask('peers')['peers']], [('ready', 0)])

    def assert_little_taken(self, before, peers):
        """A sanitizer keeps what was freed: there it says nothing."""
        if program.SLOW == 1:
            self.assertLess(self.a.rss_bytes() - before, peers * PEER_BYTES_MAX)

    def test_what_is_no_protocol_is_dropped(self):
        pieces = {'noise': random.randbytes(100_000), 'another protocol': b'GET / HTTP/1.1\r\nHost: x\r\n\r\n',
                  'a huge length': wire.message('version', size=0xffffffff), 'a large version': wire.message('version', size=3_000_000),
                  'a wrong checksum': wire.message('version', b'x' * 100)[:-1] + b'y', 'a version that is cut off': wire.message('version', b'x'),
                  'a huge length later': wire.version() + wire.message('verack') + wire.message('block', size=0x7fffffff)}
        before = self.a.rss_bytes()
        for what, data in pieces.items():
            with self.subTest(what):
                peer = self.peer()
                peer.send_while_taken(data, 1)
                self.assertTrue(peer.is_closed())
        self.assert_little_taken(before, 1)
        self.assertEqual(len(self.a.ask('peers')['peers']), 1)
        self.assert_served()

    def test_spam_costs_little_and_others_are_served(self):
        before = self.a.rss_bytes()
        halves, pings, askers = ([self.peer() for _ in range(SPAMMERS)] for _ in range(3))
        for peer in halves:
            peer.send(wire.version(), wire.message('block', size=4_000_000)[:20])
        ping = wire.message('ping', bytes(8)) * 1000
        everything = wire.message('getheaders', (70016).to_bytes(4, 'little') + b'\1' + regtest.GENESIS + bytes(32)) * 100
        for peer in pings + askers:  # who never read again
            peer.shake_hands()
        for _ in range(2):
            taken = [peer.send_while_taken(ping, 20) for peer in pings] + [peer.send_while_taken(everything, 20) for peer in askers]
            self.assert_served()
        self.assertGreater(max(taken), 0)
        self.assert_little_taken(before, 3 * SPAMMERS)
        if STRESS_MINUTES:
            for peer in halves:
                peer.socket.settimeout(DROP_SECONDS)
                self.assertTrue(peer.is_closed())
        for peer in halves + pings + askers:
            peer.close()
        wait_until(lambda: len(self.a.ask('peers')['peers']) == 1, 'they are forgotten')
        self.assert_served()


class Listed(Peers):
    def test_who_shook_hands_is_soon_tried_again(self):
        with wire.listen() as server:
            Node(self, f'--connect=127.0.0.1:{server.getsockname()[1]}')
            for _ in range(2):
                server.accept()[0].close()
            for _ in range(3):  # one of them may take long, on a machine with much to do
                peer = wire.Peer(connection=server.accept()[0])
                peer.shake_hands()
                peer.close()
                begin = time.monotonic()
                peer = wire.Peer(connection=server.accept()[0])
                if (gap := time.monotonic() - begin) < RETRY_SECONDS:
                    break
                peer.close()
            peer.close()
            self.assertLess(gap, RETRY_SECONDS)

    def test_who_is_not_reached_is_listed_and_why(self):
        def waiting():
            return [peer for peer in node.ask('peers')['peers'] if peer['state'] == 'waiting']

        with wire.listen() as server:
            address = '%s:%d' % server.getsockname()
            node = Node(self, f'--connect={address}')
            server.accept()[0].close()
            peer = wait_until(waiting, 'it waits')[0]
            self.assertEqual((peer['address'], peer['inbound']), (address, False))
            self.assertRegex(peer['reason'], 'closed|reset')  # unread bytes make it a reset
        peer = wait_until(lambda: (found := waiting()) and 'refused' in found[0]['reason'] and found[0], 'it is refused')
        self.assertLessEqual(peer['retry_s'], 60)
        node.run('peer', 'drop', address)
        self.assertEqual(node.ask('peers')['peers'], [])

    def test_who_has_a_poor_chain_is_listed_as_such(self):
        node = self.listening_with(regtest.blocks(300))
        peer = wire.Peer(node.p2p)
        self.addCleanup(peer.close)
        peer.shake_hands()
        poor = regtest.blocks(10, tag=b'poor')
        peer.send(wire.message('headers', bytes([len(poor)]) + b''.join(block[:80] + b'\0' for block in poor)))
        peer = wait_until(lambda: (found := node.ask('peers')['peers'][0]).get('reason') and found, 'it is found to be poor')
        self.assertIn('too little work', peer['reason'])
        self.assertEqual((peer['state'], peer['score']), ('ready', 0))
        self.assertEqual(node.status()['header_height'], 300)


if __name__ == '__main__':
    unittest.main()
