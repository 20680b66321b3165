"""The commands about transactions that wait, as a person gives them: what they say, and what they refuse."""
import os
import sys
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import test_bitcoin_program as program  # noqa: E402 (the path comes first)


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
        self.assertEqual((told['place'], told['height'], told['outputs'][0]['amount_sat']), ('confirmed', 1, 50 * program.COIN))
        file = self.path('tx', told['hex'].encode() + b'\n')
        self.assertEqual(self.ask('test-raw', f'@{file}')[0]['reason'], 'coinbase')
        self.assertIn('no: coinbase', self.run_program('test-raw', told['hex'], status=1).stdout)
        self.assertIn('a coinbase comes in a block only', self.refused('send-raw', told['hex']))

    def test_what_they_refuse(self):
        for words, why in ((('tx', 'abc'), '64 hexadecimal digits'), (('tx', '00' * 32), 'waits nowhere'), (('fee', '0'), 'from 1 to 1008'),
                           (('fee', 'soon'), 'from 1 to 1008'), (('mempool', 'x'), 'from 1 to 1000'), (('send-raw', 'xyz'), 'hexadecimal'),
                           (('send-raw', '@/none'), 'No such file'), (('test-raw', 'ab'), 'transaction 0')):
            with self.subTest(words):
                self.assertRegex(self.refused(*words), why)


if __name__ == '__main__':
    unittest.main()
