"""The commands about what the node keeps, pool and blocks, as a person gives them: what they say, and what they refuse."""
import os
import sys
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), 'support'))
import program  # noqa: E402 (the path comes first)


class PoolCommands(program.Program):
    def test_they_say_what_waits_and_where_a_transaction_is(self):
        self.run_program('mine', '1')
        self.assertIn('waiting    0 transactions', self.run_program('mempool').stdout)
        self.assertEqual(self.ask('mempool')['newest'], [])
        self.assertRegex(self.run_program('fee').stdout, r'\A1\.000 sat/vB to be in one of the next 6 blocks: all that waits fits')
        self.assertEqual(self.ask('fee', '2'), {'blocks': 2, 'rate_sat': 1000, 'basis': 'floor', 'floor_sat': 1000})
        txid = self.ask('history')[0]['txid']
        self.assertRegex(self.run_program('tx', txid).stdout, r'in block +1, 1 confirmation\n(.|\n)*output +50\.00000000 BTC to bcrt1q')
        told = self.ask('tx', txid)
        for block in ('1', self.ask('block', '1')['hash']):
            self.assertEqual(self.ask('tx', txid, block)['height'], 1)
        self.assertEqual((told['place'], told['height'], told['outputs'][0]['amount_sat']), ('confirmed', 1, 50 * program.COIN))
        file = self.path('tx', told['hex'].encode() + b'\n')
        self.assertEqual(self.ask('test-raw', f'@{file}')[0]['reason'], 'coinbase')
        self.assertIn('no: coinbase', self.run_program('test-raw', told['hex'], status=1).stdout)
        self.assertIn('a coinbase comes in a block only', self.refused('send-raw', told['hex']))

    def test_what_they_refuse(self):
        for words, why in ((('tx', '00' * 32), 'waits nowhere'), (('tx', '00' * 32, '9'), 'no block'), (('send-raw', '@/none'), 'No such file'),
                           (('test-raw', 'ab'), 'transaction 0')):
            with self.subTest(words):
                self.assertRegex(self.refused(*words), why)


class BlockCommands(program.Program):
    def test_blocks_headers_and_coins_are_shown_and_blocks_taken_elsewhere(self):
        mined = self.ask('mine', '3')
        file, elsewhere = os.path.join(self.folder, 'block'), os.path.join(self.folder, 'other')
        told = self.ask('block', '3')
        self.assertEqual((told['hash'], told['height'], told['txs'], len(told['txids'])), (mined['hash'], 3, 1, 1))
        self.assertRegex(self.run_program('block', told['hash'], file).stdout, rf'block +{told["hash"]}\n(.|\n)*height +3\n')
        self.assertEqual(os.path.getsize(file), told['size'])
        self.assertIn('File exists', self.refused('block', '3', file))

        headers = self.ask('headers')
        self.assertEqual([header['height'] for header in headers], [1, 2, 3])
        self.assertEqual((headers[2]['hash'], len(headers[2]['hex'])), (told['hash'], 160))
        self.assertEqual(self.ask('headers', '1', '2'), headers[:2])
        self.assertIn('the chain ends before', self.run_program('headers', '4').stdout)

        coin = f'{told["txids"][0]}:0'
        found = self.ask('coin', coin, f'{"00" * 32}:7')
        self.assertEqual([(one['is_unspent'], one.get('amount_sat'), one['index']) for one in found], [(True, 50 * program.COIN, 0), (False, None, 7)])
        self.assertRegex(self.run_program('coin', coin).stdout, rf'50\.00000000  {coin}  block 3  mined')

        self.assertIn('submit that one first', self.refused('submit-block', f'@{file}', datadir=elsewhere))
        for height in '12':
            self.run_program('block', height, f'{file}{height}')
        self.assertIn('it is in the chain; block 1', self.run_program('submit-block', f'@{file}1', datadir=elsewhere).stdout)
        with open(f'{file}2', 'rb') as raw:
            digits = raw.read().hex()
        self.assertIn('it is in the chain; block 2', self.run_program('submit-block', digits, datadir=elsewhere).stdout)
        self.assertIn('it was here already', self.run_program('submit-block', digits, datadir=elsewhere).stdout)

    def test_what_they_refuse(self):
        for words, why in ((('block', '9'), 'block 9|height'),
                           (('block', '00' * 32), 'block'), (('submit-block', 'ab'), 'is no block'), (('submit-block', '@/none'), 'No such file'),
                           (('submit-block', 'ab' * 100), 'block|header|transaction')):
            with self.subTest(words):
                self.assertRegex(self.refused(*words), why)


if __name__ == '__main__':
    unittest.main()
