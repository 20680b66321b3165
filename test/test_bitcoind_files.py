"""The block files of a real bitcoind are imported: xored with a key of its own choice, over several files, branches and all, out of order."""
import base64
import http.client
import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
import unittest

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, os.path.join(ROOT, 'test', 'support'))
import bitcoind  # noqa: E402 (the path comes first)

PROGRAM = os.path.join(bitcoind.BUILD, 'troupe-bitcoin')
WAIT_SECONDS = 60 * int(os.environ.get('TROUPE_SLOW', '1'))
TO = 'raw(51)'  # anyone's
BLOCKS = 300
REORG = 10


def ask_many(peer, method, each):
    """The results of one method for many lists of parameters, in one request."""
    with open(os.path.join(peer.datadir, 'regtest', '.cookie'), encoding='ascii') as file:
        login = base64.b64encode(file.read().encode()).decode()
    line = http.client.HTTPConnection('127.0.0.1', peer.rpc, timeout=WAIT_SECONDS)
    line.request('POST', '/', json.dumps([{'id': i, 'method': method, 'params': list(params)} for i, params in enumerate(each)]),
                 {'Authorization': f'Basic {login}'})
    answers = json.loads(line.getresponse().read())
    line.close()
    return [answer['result'] for answer in sorted(answers, key=lambda answer: answer['id'])]


class Files(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        bitcoind.require()
        with bitcoind.Bitcoind('-fastprune') as peer:  # files of 64 KiB
            peer.cli('generatetodescriptor', BLOCKS, TO)
            peer.cli('invalidateblock', peer.cli('getblockhash', BLOCKS - REORG + 1))
            peer.cli('generatetodescriptor', 1, 'raw(5151)')
            peer.cli('generatetodescriptor', REORG, TO)
            cls.tip = peer.cli('getbestblockhash')
            cls.height = peer.cli('getblockcount')
            coins = peer.cli('gettxoutsetinfo')
            cls.coins = coins['txouts'], round(coins['total_amount'] * 100_000_000)
            hashes = ask_many(peer, 'getblockhash', ([height] for height in range(1, cls.height + 1)))
            raw = ask_many(peer, 'getblock', ([block, 0] for block in hashes))
            peer.stop()
            cls.folder = cls.keep(peer)
        with bitcoind.Bitcoind('-fastprune') as peer:
            ask_many(peer, 'submitheader', ([block[:160]] for block in raw))
            random.Random(5).shuffle(raw)
            ask_many(peer, 'submitblock', ([block] for block in raw))
            assert peer.cli('getbestblockhash') == cls.tip
            peer.stop()
            cls.shuffled = cls.keep(peer)

    @classmethod
    def keep(cls, peer):
        folder = tempfile.mkdtemp(prefix='troupe-test-')
        cls.addClassCleanup(shutil.rmtree, folder)
        shutil.copytree(os.path.join(peer.datadir, 'regtest', 'blocks'), os.path.join(folder, 'blocks'), ignore=shutil.ignore_patterns('index'))
        return os.path.join(folder, 'blocks')

    def setUp(self):
        self.datadir = tempfile.mkdtemp(prefix='troupe-test-')
        self.addCleanup(shutil.rmtree, self.datadir)

    def run_program(self, *words, status=0):
        done = subprocess.run([PROGRAM, f'--datadir={self.datadir}/data', *words], stdin=subprocess.DEVNULL, capture_output=True, text=True,
                              timeout=WAIT_SECONDS, check=False)
        self.assertEqual(done.returncode, status, f'{words}\n{done.stdout}{done.stderr}')
        return done

    def assert_same_chain(self):
        status = json.loads(self.run_program('status', '--json').stdout)
        self.assertEqual((status['height'], status['hash']), (self.height, self.tip))
        self.assertEqual((status['unspent'], status['unspent_sat']), self.coins)

    def files(self, folder):
        return sorted(name for name in os.listdir(folder) if name.startswith('blk'))

    def test_files_are_what_this_is_about(self):
        with open(os.path.join(self.folder, 'xor.dat'), 'rb') as file:
            self.assertNotEqual(file.read(), bytes(8))
        self.assertGreater(len(self.files(self.folder)), 1)

    def test_folder_in_three_processes(self):
        done = self.run_program(f'--import={self.folder}')
        self.assertIn(f'imported: {self.height + REORG} new blocks', done.stdout)
        self.assert_same_chain()
        self.assertIn('imported: 0 new blocks', self.run_program(f'--import={self.folder}').stdout)

    def test_folder_in_one_process(self):
        self.run_program('--split=none', f'--import={self.folder}')
        self.assert_same_chain()

    def test_out_of_order(self):
        self.run_program(f'--import={self.shuffled}')
        self.assert_same_chain()

    def test_file_after_file(self):
        """Each finds the key beside it, also in the sandbox."""
        for name in self.files(self.folder):
            self.run_program(f'--import={self.folder}/{name}')
        self.assert_same_chain()

    def test_second_file_alone(self):
        error = self.run_program(f'--import={self.folder}/{self.files(self.folder)[1]}', status=1).stderr
        self.assertIn('import the blocks before it first', error)


if __name__ == '__main__':
    unittest.main()
