"""The pages in a real browser: each test is a scene of test/browser/*.mjs, played by Chromium without a window. Screenshots of every
page are left in BUILD/screenshots."""
import glob
import os
import re
import shutil
import sys
import tempfile
import types
import unittest

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, os.path.join(ROOT, 'test', 'support'))
import browser  # noqa: E402 (the path comes first)
import program  # noqa: E402
import regtest  # noqa: E402


class Browser(unittest.TestCase):
    """One browser and one program for all: each scene comes with a token of its own, and those of wallets make their own."""

    @classmethod
    def setUpClass(cls):
        cls.browser = browser.Browser(cls)
        cls.node = program.Node(types.SimpleNamespace(addCleanup=cls.addClassCleanup), '--web=0')
        cls.used = set()

    def address(self, node):
        """The printed one that nobody has used."""
        def found():
            printed = re.findall(r'^web: open (\S+)$', node.said(), re.MULTILINE)
            return [address for address in printed[-1:] if address not in self.used]
        address = program.wait_until(found, 'its address')[0]
        self.used.add(address)
        return address

    def play(self, file, scene, node=None, **given):
        node = node or self.node
        command = program.arguments_of(node.datadir, ())
        stage = {'address': self.address(node), 'command': command, 'pids': node.pids(), **given}
        self.assertIsNone(error := self.browser.play(file, scene, stage), error)

    def test_wrong_token_is_refused(self):
        self.play('door.mjs', 'wrong_token_is_refused')

    def test_rebound_host_is_refused(self):
        self.play('door.mjs', 'rebound_host_is_refused')

    def test_foreign_origin_is_refused(self):
        self.play('door.mjs', 'foreign_origin_is_refused')

    def test_wallet_is_made_and_pays(self):
        self.play('wallet.mjs', 'wallet_is_made_and_pays')

    def test_script_in_a_label_stays_text(self):
        self.play('wallet.mjs', 'script_in_a_label_stays_text')

    def test_two_tabs_stay_in_step(self):
        self.play('wallet.mjs', 'two_tabs_stay_in_step')

    def test_keyboard_is_enough(self):
        self.play('wallet.mjs', 'keyboard_is_enough')

    def test_wallet_is_backed_up_and_restored(self):
        self.play('settings.mjs', 'wallet_is_backed_up_and_restored')

    def test_payment_is_drafted_kept_and_raised(self):
        self.play('settings.mjs', 'payment_is_drafted_kept_and_raised')

    def test_several_are_paid_at_once(self):
        self.play('settings.mjs', 'several_are_paid_at_once')

    def test_wallet_works_with_other_programs(self):
        self.play('settings.mjs', 'wallet_works_with_other_programs')

    def test_peers_are_added_dropped_and_banned(self):
        self.play('settings.mjs', 'peers_are_added_dropped_and_banned')

    def test_every_view_is_readable_by_all(self):
        self.play('pictures.mjs', 'every_view_is_readable_by_all')

    def test_page_outlives_its_processes(self):
        self.play('processes.mjs', 'page_outlives_its_processes', node=program.Node(self, '--web=0'))

    def test_observer_shows_the_whole_program(self):
        self.play('observer.mjs', 'whole_program_is_shown')

    def test_observer_follows_a_call_through_processes(self):
        self.play('observer.mjs', 'call_is_followed_through_three_processes')

    def test_observer_looks_only_while_it_is_seen(self):
        self.play('observer.mjs', 'nobody_looks_behind_the_screen')

    def test_observer_shows_a_process_that_dies_and_recovers(self):
        folder = tempfile.mkdtemp(prefix='troupe-test-')
        self.addCleanup(shutil.rmtree, folder)
        path = os.path.join(folder, 'composition.ini')
        with open(path, 'w', encoding='ascii') as file:  # one that died is away for long enough to be seen
            file.write('[process ui]\nroles = ui\n[process node]\nroles = node\n[process wallet]\nroles = wallet\nbackoff = 10000 ms\n')
        self.play('observer.mjs', 'killed_process_is_seen_to_recover', node=program.Node(self, '--web=0', f'--compose={path}'))

    def test_node_asks_in_every_tab(self):
        trunk = regtest.blocks(10)
        folder = tempfile.mkdtemp(prefix='troupe-test-')
        self.addCleanup(shutil.rmtree, folder)
        datadir, blocks = (os.path.join(folder, name) for name in ('data', 'blocks'))
        with open(f'{blocks}.dat', 'wb') as file:
            file.write(regtest.framed(trunk + regtest.blocks(10, trunk)))
        with open(f'{blocks}.hex', 'w', encoding='ascii') as file:
            file.writelines(f'{block.hex()}\n' for block in regtest.blocks(12, trunk, b'other'))
        program.run(datadir, f'--import={blocks}.dat')
        node = program.Node(self, '--web=0', '--ask-reorg=9', datadir=datadir)
        self.play('processes.mjs', 'node_asks_in_every_tab', node=node, blocks=f'{blocks}.hex')

    def test_no_scene_is_left_out(self):
        with open(os.path.abspath(__file__), encoding='utf-8') as file:
            played = re.findall(r"self\.play\('(\w+\.mjs)', '(\w+)'", file.read())
        there = []
        for path in sorted(glob.glob(os.path.join(ROOT, 'test/browser/*.mjs'))):
            with open(path, encoding='utf-8') as file:
                there += [(os.path.basename(path), scene) for scene in re.findall(r'^export async function (\w+)\(stage\)', file.read(), re.MULTILINE)]
        self.assertEqual(sorted(played), sorted(there))


if __name__ == '__main__':
    unittest.main()
