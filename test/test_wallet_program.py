"""Wallets as a person uses them: the commands of troupe-bitcoin on a running program, in three processes and in one."""
import base64
import hashlib
import hmac
import json
import os
import shutil
import subprocess
import sys
import time
import unittest

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, os.path.join(ROOT, 'test', 'support'))
import bitcoind  # noqa: E402 (the path comes first)
import program  # noqa: E402
from program import COIN, PROGRAM, WAIT_SECONDS  # noqa: E402

NOBODY = 'bcrt1qw508d6qejxtdg4y5r3zarvary0c5xw7kygt080'


class Wallets(program.Program):
    """A program that runs as long as the test: it is held by a pseudo terminal, so that it stays."""
    split = 'node,wallet'
    more = ()

    def setUp(self):
        super().setUp()
        self.start()

    def start(self):
        self.terminal = program.Terminal(self, f'--split={self.split}', *self.more)
        self.process = self.terminal.process
        self.terminal.read_until('Ctrl-C ends')

    def run_program(self, *words, **how):
        self.terminal.forget()
        return super().run_program(*words, **how)

    def refused(self, *words, status=1, given=''):
        return self.run_program(*words, status=status, given=given).stderr

    def balance(self, wallet='default'):
        found = self.ask(f'--wallet={wallet}', 'balance')
        return found['confirmed_sat'], found['pending_sat']


class Basics(Wallets):
    def test_wallets_and_a_payment_between_them(self):
        self.assertEqual(self.ask('wallets'), [{'name': 'default', 'is_open': True}])
        self.ask('create', 'shop')
        self.assertIn('already', self.refused('create', 'shop'))
        self.assertIn('1 to 32', self.refused('create', '../x', status=2))
        self.assertIn('`create` makes one', self.refused('--wallet=nix', 'balance'))
        self.assertIn('no such wallet', self.refused('close', 'nix'))
        addresses = [self.ask('--wallet=shop', 'address', f'--kind={kind}')['address'] for kind in ('p2wpkh', 'p2tr')]
        self.assertTrue(addresses[0].startswith('bcrt1q') and addresses[1].startswith('bcrt1p'))

        draft = self.ask('draft', addresses[0], '1.5', addresses[1], '0.25', '--fee-rate=3')
        self.assertEqual((draft['state'], draft['paid_sat']), ('drafted', 175_000_000))
        self.assertAlmostEqual(draft['fee_sat'] / draft['vsize'], 3, delta=0.1)
        sent = self.ask('send', draft['draft'])
        self.assertEqual((sent['state'], sent['txid']), ('sent', draft['txid']))
        self.assertEqual(self.ask('send', draft['draft'])['txid'], draft['txid'])
        self.wait_until(lambda: self.balance('shop') == (0, 175_000_000), 'the payment is pending')
        entry = self.ask('--wallet=shop', 'history')[0]
        self.assertEqual((entry['txid'], entry['is_pending']), (draft['txid'], True))

        bumped = self.ask('bump', draft['txid'], '--fee-rate=9')
        self.assertGreater(bumped['fee_sat'], draft['fee_sat'])
        self.wait_until(lambda: [entry['txid'] for entry in self.ask('--wallet=shop', 'history')] == [bumped['txid']], 'it took its place')
        self.ask('mine', 1)
        self.wait_until(lambda: self.balance('shop') == (175_000_000, 0), 'the payment is confirmed')
        self.assertEqual([entry['is_pending'] for entry in self.ask('--wallet=shop', 'history')], [False])

        everything = self.ask('--wallet=shop', 'send', self.ask('address')['address'], 'all')
        self.assertEqual(everything['paid_sat'] + everything['fee_sat'], 175_000_000)
        self.ask('close', 'shop')
        self.assertIn({'name': 'shop', 'is_open': False}, self.ask('wallets'))

    def test_words_passphrase_and_locks(self):
        words = self.ask('words')['words']
        self.assertEqual(len(words.split()), 12)
        first = self.ask('address')['address']
        self.ask('create', 'again', '--words', given=words + '\n')
        self.assertIn(first, [self.ask('--wallet=again', 'address')['address'] for _ in range(3)])
        self.assertIn('no words were given', self.refused('create', 'wrong', '--words', given='\n'))
        self.assertIn('the words to restore from', self.refused('create', 'wrong', '--words', given='one two\n'))

        secret = os.path.join(self.folder, 'secret')
        with open(secret, 'w', encoding='utf-8') as file:
            file.write('open sesame\n')
        self.run_program('passphrase', given='open sesame\n')
        self.assertIn('locked', self.refused('words'))
        draft = self.ask('draft', first, '1')
        self.assertIn(f'`send {draft["draft"]}`', self.refused('send', draft['draft']))
        self.assertIn('passphrase', self.refused('unlock', given='open barley\n'))
        self.assertIn('1 to 86400', self.refused('unlock', '0', given='open sesame\n', status=2))
        self.ask('unlock', '60', given='open sesame\n')
        self.assertEqual(self.ask('words')['words'], words)
        self.assertTrue(self.ask('lock')['is_locked'])
        self.assertEqual(self.ask('send', draft['draft'], f'--passphrase-file={secret}')['state'], 'sent')
        self.assertIn('locked', self.refused('words'))  # unlocked for that command only
        self.ask('mine', 1)
        draft = self.ask('draft', first, '1')
        self.assertIn('--passphrase-file', self.refused('sign', draft['draft']))
        self.assertEqual(self.ask('sign', draft['draft'], f'--passphrase-file={secret}')['state'], 'signed')
        self.assertIn('locked', self.refused('words'))

    def test_backup_restore_and_rescan(self):
        path = os.path.join(self.folder, 'copy')
        self.ask('backup', path)
        self.assertEqual(os.stat(path).st_mode & 0o777, 0o600)
        self.assertIn('exists', self.refused('backup', path))
        self.assertIn('choose another', self.refused('restore', path))
        self.ask('--wallet=again', 'restore', path)
        self.assertEqual(self.balance('again'), self.balance())
        self.assertEqual(self.ask('--wallet=again', 'words'), self.ask('words'))
        with open(path, 'r+b') as file:
            file.write(b'nothing that was a wallet')
        self.assertTrue(self.refused('--wallet=third', 'restore', path))
        self.assertEqual([wallet['name'] for wallet in self.ask('wallets')], ['again', 'default'])
        before = self.balance()
        self.assertIn('looked at again', self.run_program('rescan').stdout)
        self.assertEqual(self.balance(), before)
        self.assertIn('begin there or below', self.refused('rescan', 100_000))


class BasicsInOneProcess(Basics):
    split = 'none'


class Person(Wallets):
    def test_coins_are_locked_by_hand(self):
        coin = next(coin for coin in self.ask('coins') if coin['is_mature'])
        name = f'{coin["txid"]}:{coin["index"]}'
        address = self.ask('address')['address']
        self.ask('lock-coins', name)
        self.assertIn('unlock coins', self.refused('draft', address, '1'))
        self.ask('unlock-coins', name)
        self.assertEqual(self.ask('draft', address, '1')['inputs'], 1)
        self.assertIn('TXID:INDEX', self.refused('lock-coins', 'x', status=2))

    def test_draft_of_chosen_coins_is_signed_and_shown_as_a_payment(self):
        coin = next(coin for coin in self.ask('coins') if coin['is_mature'])
        name, address = f'{coin["txid"]}:{coin["index"]}', self.ask('address', 'old')['address']
        self.ask('label', address, 'rent "May"')
        self.assertEqual([one['label'] for one in self.ask('addresses') if one['address'] == address], ['rent "May"'])
        self.assertIn('`addresses` lists', self.refused('label', NOBODY, 'x'))

        self.assertIn('fee', self.refused('draft', address, '1', '--fee-rate=5', '--fee-max=0.00000100'))
        draft = self.ask('draft', address, '1', f'--coins={name}', '--final', '--change=p2tr', '--fee-rate=2')
        self.assertEqual(draft['inputs'], 1)
        unsigned = self.ask('psbt', 'create', draft['draft'])['psbt']
        signed = self.ask('psbt', 'sign', unsigned)['psbt']
        self.assertEqual(self.ask('psbt', 'combine', unsigned, signed)['psbt'], self.ask('psbt', 'combine', signed, unsigned, signed)['psbt'])
        self.assertEqual(self.ask('sign', draft['draft'])['state'], 'signed')
        self.assertEqual(self.ask('sign', draft['draft'])['txid'], draft['txid'])
        self.ask('send', draft['draft'])
        payment = self.ask('payment', draft['txid'])
        self.assertEqual((payment['draft'], payment['fee_sat'], payment['is_pending']), (draft['draft'], draft['fee_sat'], True))
        told = self.ask('tx', draft['txid'])
        self.assertEqual((payment['hex'], told['inputs'][0]['txid']), (told['hex'], coin['txid']))
        self.assertEqual(sorted(output['kind'] for output in told['outputs']), ['p2tr', 'p2wpkh'])
        self.assertGreaterEqual(told['inputs'][0]['sequence'], 0xfffffffe)
        self.assertRegex(self.run_program('payment', draft['txid']).stdout, rf'pending +since (.|\n)*draft +{draft["draft"]}\n')
        self.assertTrue(self.refused('bump', draft['txid'], '--fee-rate=9'))

    def test_drafts_are_listed_and_dropped(self):
        there = self.ask('address')['address']
        self.assertEqual(self.ask('drafts'), [])
        self.assertIn('none that was not sent', self.run_program('drafts').stdout)
        draft = self.ask('draft', there, '49.9')
        found = self.ask('drafts')
        self.assertEqual([(item['draft'], item['state'], item['paid_sat']) for item in found], [(draft['draft'], 'drafted', 4_990_000_000)])
        self.assertEqual(found[0]['holds_until_s'], found[0]['made_s'] + 600)
        self.assertIn('keeps its coins until', self.run_program('drafts').stdout)
        self.assertIn('drafts that were not sent', self.refused('draft', there, '49.9'))
        self.assertIn('other drafts can have its coins', self.run_program('drop', draft['draft']).stdout)
        self.assertIn('it was dropped', self.refused('send', draft['draft']))
        sent = self.ask('send', there, '49.9')
        self.assertIn('it pays', self.refused('drop', sent['draft']))
        self.assertEqual(self.ask('drafts'), [])
        self.assertEqual([item['state'] for item in self.ask('drafts', 'all')], ['sent'])
        self.assertIn('`all`', self.refused('drafts', 'some', status=2))
        self.assertIn('number of a draft', self.refused('drop', 'x', status=2))

    def test_all_of_more_coins_than_a_payment_takes(self):
        self.ask('mine', 1004)  # with the 101 at the start 1,005 are mature
        there = self.ask('address')['address']
        done = self.run_program('draft', there, 'all', '--json')
        draft = json.loads(done.stdout)
        self.assertEqual((draft['inputs'], draft['left_count']), (1000, 5))
        self.assertEqual(draft['left_sat'] + draft['paid_sat'] + draft['fee_sat'], self.balance()[0])
        self.assertIn('in 5 coins stay in the wallet, since one payment takes 1,000', done.stderr)
        self.ask('drop', json.loads(done.stdout)['draft'])
        self.assertIn('not all: ', self.run_program('send', there, 'all').stderr)
        self.assertEqual(self.run_program('send', there, 'all').stderr, '')

    def test_watching_what_another_wallet_has(self):
        self.ask('create', 'eye')
        for line in self.ask('descriptors'):
            self.run_program('--wallet=eye', 'watch', line['descriptor'])
        self.assertEqual(self.balance('eye'), self.balance())
        self.assertEqual(self.ask('--wallet=eye', 'balance')['watch_only_sat'], sum(self.ask('balance')[key] for key in ('confirmed_sat', 'immature_sat')))
        self.assertTrue(self.refused('--wallet=eye', 'send', self.ask('address')['address'], '1'))

    def test_what_they_refuse(self):
        address = self.ask('address')['address']
        self.assertIn('no amount', self.refused('draft', address, '1,5', status=2))
        self.assertIn('no amount', self.refused('draft', address, '0.000000001', status=2))
        self.assertIn('ADDRESS AMOUNT', self.refused('draft', address, '1', address, status=2))
        self.assertIn('--fee-rate', self.refused('draft', address, '1', '--fee-rate=many', status=2))
        self.assertIn('--kind', self.refused('address', '--kind=p2sh', status=2))
        self.assertIn('64 hexadecimal', self.refused('bump', 'x', status=2))
        self.assertIn('no PSBT', self.refused('psbt', 'sign', 'AAAA!'))
        self.assertIn('pays more than there can be', self.refused('draft', address, '99999999'))
        self.assertIn('psbt create DRAFT', self.refused('psbt', 'burn', '1', status=2))
        signature = self.ask('sign-message', address, 'it is mine')['signature']
        self.assertGreater(len(base64.b64decode(signature)), 60)
        self.assertTrue(self.ask('verify-message', address, signature, 'it is mine')['is_valid'])
        self.assertIn('no: ', self.run_program('verify-message', address, signature, 'it is yours', status=1).stdout)
        for words, why in ((('payment', '00' * 32), 'no such transaction'), (('psbt', 'combine', 'AAAA', 'AAAA'), 'no PSBT')):
            with self.subTest(words):
                self.assertIn(why, self.refused(*words))

    def test_payment_survives_a_killed_wallet(self):
        self.ask('create', 'shop')
        draft = self.ask('draft', self.ask('--wallet=shop', 'address')['address'], '2')
        self.ask('send', draft['draft'])
        if self.split != 'none':
            os.kill(self.ask('status')['wallet_pid'], 9)
        again = None
        for _ in range(50):  # until the wallet's process is back
            done = subprocess.run([PROGRAM, f'--datadir={self.datadir}', 'send', str(draft['draft']), '--json'], capture_output=True, text=True,
                                  timeout=WAIT_SECONDS, check=False)
            if done.returncode == 0:
                again = json.loads(done.stdout)
                break
            time.sleep(0.1)
        self.assertEqual(again and again['txid'], draft['txid'])
        self.ask('mine', 1)
        self.wait_until(lambda: self.balance('shop') == (2 * COIN, 0), 'it is paid once')


    def test_wallets_are_open_again_after_the_process_was_killed(self):
        if self.split == 'none':
            self.skipTest('the wallets have no process of their own')
        secret = os.path.join(self.folder, 'secret')
        with open(secret, 'w', encoding='utf-8') as file:
            file.write('open sesame\n')
        self.ask('create', 'shop')
        self.ask('create', 'safe', '--encrypt', f'--passphrase-file={secret}')
        self.ask('create', 'gone')
        self.ask('close', 'gone')
        self.ask('--wallet=safe', 'unlock', 600, f'--passphrase-file={secret}')
        expected = [('default', True), ('gone', False), ('safe', True), ('shop', True)]
        states = lambda: [(item['name'], item['is_open']) for item in self.ask('wallets')]  # noqa: E731
        self.assertEqual(states(), expected)
        for _ in range(2):
            pid = self.ask('status')['wallet_pid']
            os.kill(pid, 9)
            self.wait_until(lambda: self.is_replaced(pid), 'another process has taken its place')
            self.assertEqual(states(), expected)
            self.assertIn('locked', self.refused('--wallet=safe', 'words'))
        # What can't be opened again is left, and is no hindrance to the others.
        os.rename(os.path.join(self.datadir, 'regtest/wallet/safe'), os.path.join(self.folder, 'safe'))
        pid = self.ask('status')['wallet_pid']
        os.kill(pid, 9)
        self.wait_until(lambda: self.is_replaced(pid), 'another process has taken its place')
        self.assertEqual(states(), [('default', True), ('gone', False), ('shop', True)])
        self.run_program('stop')
        self.process.wait(WAIT_SECONDS)
        self.start()
        self.assertEqual(states(), [('default', True), ('gone', False), ('shop', False)])

    def test_files_are_checked_and_compacted(self):
        self.ask('create', 'shop')
        self.run_program('stop')
        self.process.wait(WAIT_SECONDS)
        done = self.run_program('--check', '--compact', '--wallet=shop', 'balance')
        for name in ('default', 'shop'):
            self.assertIn(f'the wallet "{name}" is sound', done.stdout + done.stderr)
            self.assertIn(f'the wallet "{name}" was compacted from', done.stdout + done.stderr)
        path = os.path.join(self.datadir, 'regtest/wallet/shop/wallet.sqlite')
        with open(path, 'r+b') as file:
            file.seek(-4096, os.SEEK_END)
            file.write(b'damage!!' * 512)
        told = self.refused('--wallet=shop', 'balance')
        self.assertIn(path, told)
        self.assertIn('restore it from a backup', told)
        self.assertEqual(self.balance()[0], 50 * COIN)

    def test_who_signs_a_psbt_is_told_what_it_pays(self):
        there = self.ask('address')['address']
        psbt = self.ask('psbt', 'create', self.ask('draft', there, '1')['draft'])['psbt']
        self.assertRegex(self.run_program('psbt', 'sign', psbt).stderr, rf'pays +1\.00000000 BTC to {there}\n(.|\n)*and a fee of +0\.0')
        self.ask('mine', 20)
        dear = self.ask('draft', there, 'all', '--fee-rate=10000', '--fee-max=1')['draft']
        self.assertIn('nothing is signed', self.refused('psbt', 'sign', self.ask('psbt', 'create', dear)['psbt']))

    def test_an_empty_file_is_no_wallet(self):
        """Not even one to be filled with new keys: what was there is to be told as lost, and a backup that is none as such."""
        self.assertIn('is empty', self.refused('--wallet=copy', 'restore', self.path('nothing', b'')))
        self.assertEqual([wallet['name'] for wallet in self.ask('wallets')], ['default'])
        self.assertEqual(os.listdir(os.path.join(self.datadir, 'regtest/wallet')).count('copy.new'), 0)
        self.run_program('stop')
        self.process.wait(WAIT_SECONDS)
        with open(os.path.join(self.datadir, 'regtest/wallet/wallet.sqlite'), 'wb'):
            pass
        self.assertIn('is empty: there is no wallet in it; restore a backup', self.refused('balance'))

    def is_replaced(self, pid):
        done = subprocess.run([PROGRAM, f'--datadir={self.datadir}', 'status', '--json'], capture_output=True, text=True, timeout=WAIT_SECONDS,
                              check=False)
        return done.returncode == 0 and json.loads(done.stdout)['wallet_pid'] not in (0, pid)


def private_master(words):
    """The master key of BIP39 words as the text that bitcoind reads."""
    seed = hashlib.pbkdf2_hmac('sha512', words.encode(), b'mnemonic', 2048)
    key = hmac.digest(b'Bitcoin seed', seed, 'sha512')
    data = bytes.fromhex('04358394') + bytes(9) + key[32:] + b'\0' + key[:32]
    data += hashlib.sha256(hashlib.sha256(data).digest()).digest()[:4]
    number, text = int.from_bytes(data, 'big'), ''
    while number:
        number, digit = divmod(number, 58)
        text = '123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz'[digit] + text
    return text


class RealPeer(Wallets):
    """With a real bitcoind, which judges what the wallet makes and pays it back."""

    def setUp(self):
        self.peer = bitcoind.Bitcoind()
        self.addCleanup(self.peer.close)
        self.more = (f'--connect=127.0.0.1:{self.peer.p2p}',)
        super().setUp()
        if self.ask('status')['height'] == 0:
            self.ask('mine', 101)
        self.level()
        self.peer.cli('createwallet', 'theirs')
        self.cli = lambda *words: self.peer.cli(*words, wallet='theirs')

    def level(self):
        """Both are at the same block."""
        self.wait_until(lambda: self.peer.cli('getblockcount') == self.ask('status')['height'], 'both have the same blocks')

    def generate(self):
        """The peer mines a block of all that waits, to nobody."""
        self.peer.cli('generatetoaddress', 1, NOBODY)
        self.level()

    def await_there(self, txid):
        self.wait_until(lambda: txid in self.peer.cli('getrawmempool'), 'the transaction is in its pool')

    def test_payments_are_accepted_mined_and_confirmed_by_it(self):
        addresses = [self.cli('getnewaddress', '', kind) for kind in ('bech32', 'bech32m')]
        single = self.ask('send', addresses[0], '1', '--fee-rate=2')
        self.await_there(single['txid'])
        self.generate()
        batch = self.ask('send', addresses[0], '2', addresses[1], '3', '--fee-rate=2')
        self.await_there(batch['txid'])
        bumped = self.ask('bump', batch['txid'], '--fee-rate=12')
        self.await_there(bumped['txid'])
        self.assertEqual(self.peer.cli('getrawmempool'), [bumped['txid']])
        self.generate()
        self.assertEqual(self.cli('getbalances')['mine']['trusted'], 6)
        for txid in (single['txid'], bumped['txid']):
            entry = next(entry for entry in self.ask('history') if entry['txid'] == txid)
            self.assertFalse(entry['is_pending'])
        self.assertNotIn(batch['txid'], [entry['txid'] for entry in self.ask('history')])

        self.ask('create', 'shop')  # a taproot coin, spent by the key path
        taproot = self.ask('--wallet=shop', 'address', '--kind=p2tr')['address']
        self.ask('send', taproot, '4', '--fee-rate=2')
        self.generate_when_pending('shop', 4 * COIN)
        spent = self.ask('--wallet=shop', 'send', addresses[1], 'all', '--fee-rate=2')
        self.await_there(spent['txid'])
        self.generate()
        self.assertGreater(self.cli('getbalances')['mine']['trusted'], 9.99)

    def generate_when_pending(self, wallet, amount):
        self.wait_until(lambda: self.balance(wallet) == (0, amount), 'it is pending here')
        self.wait_until(lambda: self.peer.cli('getrawmempool'), 'it is pending there')
        self.generate()

    def test_its_payment_is_pending_then_confirmed_then_undone(self):
        self.await_there(self.ask('send', self.cli('getnewaddress'), '5')['txid'])
        self.generate()
        self.ask('create', 'shop')
        txid = self.cli('sendtoaddress', self.ask('--wallet=shop', 'address')['address'], 2)
        self.wait_until(lambda: self.balance('shop') == (0, 2 * COIN), 'its payment is pending')
        self.generate()
        self.wait_until(lambda: self.balance('shop') == (2 * COIN, 0), 'its payment is confirmed')
        self.peer.cli('invalidateblock', self.peer.cli('getbestblockhash'))
        for _ in range(2):  # a branch with more work, without it
            self.peer.cli('generateblock', NOBODY, '[]')
        self.level()
        self.wait_until(lambda: self.balance('shop') == (0, 2 * COIN), 'it is undone, and pending again')
        self.assertEqual([(entry['txid'], entry['is_pending']) for entry in self.ask('--wallet=shop', 'history')], [(txid, True)])
        self.generate()
        self.wait_until(lambda: self.balance('shop') == (2 * COIN, 0), 'it is confirmed again')

    def twin(self):
        """A wallet of the peer's with this wallet's keys."""
        master = private_master(self.ask('words')['words'])
        self.peer.cli('-named', 'createwallet', 'wallet_name=twin', 'blank=true')
        wanted = []
        for pattern in ('wpkh({}/84h/1h/0h/{}/*)', 'tr({}/86h/1h/0h/{}/*)'):
            for chain in (0, 1):
                text = pattern.format(master, chain)
                checksum = self.peer.cli('getdescriptorinfo', text)['checksum']
                wanted.append({'desc': f'{text}#{checksum}', 'active': True, 'internal': chain == 1, 'timestamp': 0})
        self.assertTrue(all(done['success'] for done in self.peer.cli('importdescriptors', json.dumps(wanted), wallet='twin')))
        return lambda *words: self.peer.cli(*words, wallet='twin')

    def test_psbts_go_both_ways_and_balances_agree(self):
        twin = self.twin()
        theirs = self.cli('getnewaddress')
        draft = self.ask('draft', theirs, '1.25')
        unsigned = self.ask('psbt', 'create', draft['draft'])['psbt']
        self.assertTrue(self.peer.cli('analyzepsbt', unsigned)['inputs'][0]['has_utxo'])
        signed = twin('walletprocesspsbt', unsigned, 'true', 'ALL', 'true', 'false')['psbt']
        final = self.ask('psbt', 'finalise', signed)
        self.assertEqual((final['txid'], final['draft']), (draft['txid'], draft['draft']))
        self.ask('send', final['draft'])
        self.await_there(draft['txid'])
        self.generate()

        made = twin('walletcreatefundedpsbt', '[]', json.dumps([{theirs: 0.75}]), '0', json.dumps({'fee_rate': 3}))['psbt']
        signed = self.ask('psbt', 'sign', made)
        self.assertGreater(signed['signed_count'], 0)
        final = self.peer.cli('finalizepsbt', signed['psbt'])
        self.assertTrue(final['complete'])
        txid = self.peer.cli('sendrawtransaction', final['hex'])
        self.wait_until(lambda: self.ask('history')[0]['txid'] == txid, 'it is pending here, too')
        self.generate()
        self.assertEqual(self.cli('getbalances')['mine']['trusted'], 2)

        self.run_program('rescan')
        mine, other = self.ask('balance'), twin('getbalances')['mine']
        self.assertEqual((mine['confirmed_sat'], mine['immature_sat']), (round(other['trusted'] * COIN), round(other['immature'] * COIN)))
        # Watched by its descriptors alone it is the same once more.
        self.ask('create', 'eye')
        for line in self.ask('descriptors'):
            self.run_program('--wallet=eye', 'watch', line['descriptor'])
        self.assertEqual(self.balance('eye')[0], mine['confirmed_sat'])


if __name__ == '__main__':
    unittest.main()
