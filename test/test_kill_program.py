"""The whole program under kill -9: one of its processes, or all, dies at any moment of what it does. What a command acknowledged before is
there afterwards, what was not is there whole or not at all, nothing is paid twice, and files and figures are sound.

It goes by a seed, which a failure names (TROUPE_SEED sets it); when exactly a process dies is up to the machine.
"""
import collections
import contextlib
import json
import os
import random
import shutil
import signal
import sys
import tempfile
import threading
import time
import unittest

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, os.path.join(ROOT, 'test', 'support'))
import program  # noqa: E402 (the path comes first)
import regtest  # noqa: E402
from program import COIN, Node, wait_until  # noqa: E402

STRESS_MINUTES = float(os.environ.get('TROUPE_STRESS') or 0)
KILLS = 1000 if STRESS_MINUTES else 12
KILLS_OF_ONE = 50 if STRESS_MINUTES else KILLS  # then another data directory
VICTIMS = ('all', 'launcher', 'node', 'wallet')
FEW, MANY = 110, 400  # blocks
TAKEN_BACK_MAX = 4
LOOKED_BACK = 30  # blocks whose hashes are looked at again


class Victim(Node):
    """One whose processes die now and then, and which is there again afterwards."""

    def strike(self, victim):
        """Which processes of it died, if it had come so far that there were any."""
        pids = self.pids()
        doomed = {'all': list(pids.values()), 'launcher': [self.process.pid]}.get(victim, [pids[victim]] if victim in pids else [])
        for pid in doomed:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self.killed = pids
        return doomed

    def revive(self, victim, *words):
        """Until it answers again: a process is started again by the launcher, all of it by us, with a check of all files."""
        if victim not in ('all', 'launcher'):
            wait_until(lambda: self.process.poll() is not None or self.is_whole(), f'{victim} is back')
        if victim in ('all', 'launcher') or self.process.poll() is not None:
            self.process.wait(program.WAIT_SECONDS)
            self.close_all()
            for pid in self.killed.values():
                wait_until(lambda pid=pid: not program.is_alive(pid), f'process {pid} is to be gone')
            self.words = words or self.words
            self.begin()
            if 'the store is sound' not in self.said():
                raise AssertionError(f'its store was not found sound: {self.said()}')

    def is_whole(self):
        pids = self.pids()
        status = self.status()
        return all(status.get(f'{who}_pid') == pids.get(who) and program.is_alive(pids[who]) for who in ('node', 'wallet')
                   if who in pids) and 'height' in status and not self.restarting()

    def restarting(self):
        """A process died that was not started again yet."""
        return self.said().count('it is started again') > self.said().count('runs again')


class Acknowledged:
    """What commands said was done."""

    def __init__(self):
        self.chain = {}  # height: hash
        self.labels = {}  # address: label
        self.wallets = {'default', 'till'}
        self.payments = {}  # amount: txid; no amount is paid twice
        self.void = set()  # amounts that were certainly not paid


class World:
    """A program with two wallets, of which one pays the other, and what is known of it."""

    def __init__(self, test):
        self.test, self.known, self.number = test, Acknowledged(), 0
        self.node = Victim(test, '--check')
        self.do('mine', FEW)
        self.do('create', 'till')
        self.till = self.node.ask('--wallet=till', 'address')['address']

    # ---- what is done while something dies ----

    def do(self, *words):
        """True, and noted, if it was acknowledged."""
        done = self.node.run(*words, status=None)
        self.said = done.stderr
        if done.returncode == 0:
            self.note(words, json.loads(done.stdout))
        return done.returncode == 0

    def note(self, words, said):
        known, command = self.known, words[0]
        if command == 'mine':
            known.chain[said['height']] = said['hash']
        elif command == 'submit-block':
            known.chain[said['height']] = self.submitted
        elif command == 'address':
            self.test.assertNotIn(said['address'], known.labels, 'an address was given out twice')
            known.labels[said['address']] = words[1]
        elif command == 'create':
            known.wallets.add(words[1])
        elif command == 'send':
            amount = said['paid_sat']
            self.test.assertEqual(known.payments.setdefault(amount, said['txid']), said['txid'])

    def fresh(self):
        self.number += 1
        return self.number

    def mining(self):
        for _ in range(4):
            if not self.do('mine', random.randrange(1, 12)):
                return

    def labelling(self):
        for _ in range(8):
            if not self.do('address', f'label {self.fresh()}'):
                return

    def creating(self):
        for _ in range(4):
            self.created = f'wallet-{self.fresh()}'
            if not self.do('create', self.created):
                return

    def paying(self):
        for _ in range(4):
            amount = COIN // 100 + self.fresh()
            self.amount, self.draft = amount, None
            btc = f'0.{amount:08}'
            if random.randrange(2):
                done = self.node.run('draft', self.till, btc, status=None)
                if done.returncode != 0:
                    return
                self.draft = json.loads(done.stdout)
                words = ('send', self.draft['draft'])
            else:
                words = ('send', self.till, btc)
            if not self.do(*words):
                return
        self.amount = self.draft = None

    def reorganising(self):
        """A branch with one block more than it takes back."""
        height = self.node.status().get('height')
        if height is None:  # the node is away already
            return
        count = random.randrange(1, TAKEN_BACK_MAX + 1)
        headers = self.node.ask('headers', height - count, count + 1)
        below = [b''] * (height - count - 1) + [bytes.fromhex(headers[0]['hex'])]
        at = max(header['time_s'] for header in headers) - len(below)
        branch = regtest.blocks(count + 1, below, f'branch {self.fresh()}'.encode(), time_of=lambda height: at + height)
        for lost in [lost for lost in self.known.chain if lost > height - count]:
            del self.known.chain[lost]
        for block in branch:
            with tempfile.NamedTemporaryFile() as file:
                file.write(block)
                file.flush()
                self.submitted = regtest.sha256d(block[:80])[::-1].hex()
                if not self.do('submit-block', f'@{file.name}'):
                    return

    # ---- what must hold afterwards ----

    def settle(self, kind):
        """Of what was interrupted: what is to be repeated is, and what became of the rest is looked at."""
        if kind == 'creating':
            done = self.node.run('create', self.created, status=None)
            if done.returncode != 0:
                self.test.assertIn('already', done.stderr)
            self.known.wallets.add(self.created)
        elif kind == 'paying' and self.amount and self.amount not in self.known.payments:
            if self.draft:
                self.test.assertTrue(self.do('send', self.draft['draft']), self.said)
                self.test.assertEqual(self.known.payments[self.amount], self.draft['txid'])
                return
            made = [draft for draft in self.node.ask('drafts', 'all') if draft['paid_sat'] == self.amount]
            self.test.assertLessEqual(len(made), 1, 'one payment, one draft')
            if made and made[0]['state'] == 'sent':
                self.test.assertTrue(self.do('send', made[0]['draft']), self.said)
            else:
                self.known.void.add(self.amount)
                for draft in made:
                    self.node.run('drop', draft['draft'])

    def check(self):
        test, node, known = self.test, self.node, self.known
        balance, status = node.ask('balance'), node.status()  # in this order: the first waits for the wallet
        height = status['height']
        test.assertEqual((balance['height'], status['wallet_height']), (height, height))
        test.assertEqual(status['unspent_sat'], sum(50 * COIN >> at // regtest.HALVING for at in range(1, height + 1)))
        test.assertGreaterEqual(height, max(known.chain, default=0))
        first = max(1, height - LOOKED_BACK)
        chain = {header['height']: header['hash'] for header in node.ask('headers', first, height - first + 1)}
        for at, block in known.chain.items():
            test.assertEqual(chain.get(at, block), block, f'block {at}')
        labels = {address['address']: address['label'] for address in node.ask('addresses')}
        test.assertEqual({address: labels.get(address) for address in known.labels}, known.labels)
        test.assertLessEqual(known.wallets, {wallet['name'] for wallet in node.ask('wallets')})
        history, coins = node.ask('history'), node.ask('coins')
        have = sum(balance[key] for key in ('confirmed_sat', 'immature_sat', 'pending_sat'))
        test.assertEqual((sum(entry['net_sat'] for entry in history), sum(coin['amount_sat'] for coin in coins)), (have, have))
        counts = collections.Counter(entry['txid'] for entry in history)
        test.assertEqual([txid for txid, count in counts.items() if count > 1], [])
        test.assertEqual([txid for txid in known.payments.values() if counts[txid] != 1], [], 'payments that were acknowledged')

    def check_payments(self):
        """Once they are all in blocks: each was received, once; what was not sent was not."""
        node, known = self.node, self.known
        node.run('--wallet=till', 'open', 'till')

        def all_in_blocks():
            node.run('mine', 1)
            return not any(entry['is_pending'] for entry in node.ask('history'))
        wait_until(all_in_blocks, 'all payments are in blocks', 0.2)
        node.ask('--wallet=till', 'balance')
        received = node.ask('--wallet=till', 'history')
        self.test.assertEqual(sorted((entry['net_sat'], entry['txid']) for entry in received), sorted(known.payments.items()))
        self.test.assertEqual(node.ask('--wallet=till', 'balance')['confirmed_sat'], sum(known.payments))
        self.test.assertEqual(known.void & {entry['net_sat'] for entry in received}, set())


class Kills(unittest.TestCase):
    def setUp(self):
        self.kills, self.strikes = collections.Counter(), 0
        self.import_file = None

    def race(self, victim, struck, action, within_s):
        """Does something, and kills meanwhile."""
        failures = []

        def run():
            try:
                action()
            except Exception as error:  # noqa: BLE001 (told to the test below)
                failures.append(error)
        other = threading.Thread(target=run)
        other.start()
        time.sleep(random.uniform(0, within_s))
        struck.strike(victim)
        other.join()
        return failures

    def in_the_world(self, world, kind, victim):
        world.amount = world.draft = world.created = None
        failures = self.race(victim, world.node, getattr(world, kind), 0.15)
        world.node.revive(victim)
        for failure in failures:  # what only looked may fail while the node is away
            if 'ended with' not in str(failure):
                raise failure
        if kind != 'creating' or world.created:
            world.settle(kind)
        world.check()

    def fresh(self, victim, *words):
        """A new one that dies at some moment after its start."""
        node = Victim(self, *words, begin=False)
        node.spawn()
        time.sleep(random.uniform(0, 0.5))
        return node

    def importing(self, _, victim):
        if not self.import_file:
            folder = tempfile.mkdtemp(prefix='troupe-test-')
            self.addCleanup(shutil.rmtree, folder)
            self.import_file = os.path.join(folder, 'blocks.dat')
            with open(self.import_file, 'wb') as file:
                file.write(regtest.framed(regtest.blocks(MANY)))
        node = self.fresh(victim, '--check', f'--import={self.import_file}', f'--watch={regtest.SCRIPT.hex()}')
        node.strike(victim)
        node.revive(victim)
        wait_until(lambda: node.status().get('height') == MANY, 'all blocks are there')
        self.assertEqual(node.ask('balance')['height'], MANY)
        self.assertEqual(len(node.ask('history')), MANY)
        node.discard()

    def syncing(self, world, victim):
        """The one that fetches, or the one that is asked."""
        node = self.fresh(victim, '--check', f'--connect=127.0.0.1:{world.node.p2p}')
        struck = random.choice((node, node, world.node))
        struck.strike(victim)
        if struck is not node:
            node.killed = node.pids()
        struck.revive(victim)
        tip = world.node.status()
        wait_until(lambda: node.status().get('hash') == tip['hash'], 'it has the blocks of the other')
        self.assertEqual(node.status()['unspent_sat'], tip['unspent_sat'])
        node.discard()
        world.check()

    def rounds(self, count):
        world = World(self)
        kinds = ['mining', 'labelling', 'creating', 'paying', 'reorganising', 'importing', 'syncing']
        for i in range(count):
            kind, victim = (kinds * 2 + ['paying'])[i % (2 * len(kinds) + 1)], random.choice(VICTIMS)
            begin = time.monotonic()
            with self.subTest(kill=i, kind=kind, victim=victim):
                if kind in ('importing', 'syncing'):
                    getattr(self, kind)(world, victim)
                else:
                    self.in_the_world(world, kind, victim)
            self.kills[f'{kind} {victim}'] += 1
            if STRESS_MINUTES:
                print(f'{i} {kind} {victim} {time.monotonic() - begin:.2f} s', file=sys.stderr, flush=True)
            if self._outcome.result.failures or self._outcome.result.errors:
                break
        world.check_payments()
        world.node.end()
        self.assertIn('the store is sound', world.node.run('--check', 'status').stderr)
        world.node.discard()

    def test_nothing_acknowledged_is_lost_and_nothing_is_paid_twice(self):
        seed = int(os.environ.get('TROUPE_SEED') or random.randrange(1 << 32))
        random.seed(seed)
        end = time.monotonic() + STRESS_MINUTES * 60
        with self.subTest(seed=seed):
            while (done := self.kills.total()) == 0 or (done < KILLS and time.monotonic() < end):
                self.rounds(min(KILLS_OF_ONE, KILLS - done))
        print(f'{self.kills.total()} kills: ' + ', '.join(f'{count} {what}' for what, count in sorted(self.kills.items())), file=sys.stderr)


if __name__ == '__main__':
    unittest.main()
