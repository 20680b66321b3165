"""The web role over the wire: who gets in and who does not, what a tab may send, and a tab that does all a browser does."""
import base64
import contextlib
import glob
import http.client
import os
import re
import resource
import shutil
import socket
import struct
import subprocess
import sys
import tempfile
import types
import unittest
import urllib.parse

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, os.path.join(ROOT, 'test', 'support'))
import javascript  # noqa: E402 (the path comes first)
import program  # noqa: E402
import regtest  # noqa: E402

TABS_MAX, CONNECTIONS_MAX, DESCRIPTORS_MAX = 16, 64, 1024
HELLO = bytes.fromhex('86 00 01 1a00020000 191000 80 80')
BINARY, TEXT, CLOSE = 2, 1, 8
RECEIVE_BYTES_MAX = 256 * 1024
SUBPROTOCOL = 'pair.sp.nanomsg.org'


class Socket:
    """A WebSocket by hand, which may do what a browser does not."""

    def __init__(self, port, path, subprotocol=SUBPROTOCOL, **headers):
        self.socket = socket.create_connection(('127.0.0.1', port))
        self.socket.settimeout(program.WAIT_SECONDS)
        self.file = self.socket.makefile('rb')
        fixed = {'Upgrade': 'websocket', 'Connection': 'Upgrade', 'Sec-WebSocket-Version': '13',
                 'Sec-WebSocket-Key': base64.b64encode(bytes(16)).decode(), 'Sec-WebSocket-Protocol': subprotocol}
        lines = [f'GET {path} HTTP/1.1', *(f'{name}: {value}' for name, value in {**fixed, **headers}.items() if value is not None)]
        self.socket.sendall('\r\n'.join([*lines, '', '']).encode())
        self.status = int(self.file.readline().split()[1])
        while self.file.readline().strip():
            pass

    def send(self, data, op=BINARY, final=True, announce=None):
        size = len(data) if announce is None else announce
        head = bytes([op | 0x80 * final])
        head += bytes([0x80 | size]) if size < 126 else b'\xfe' + struct.pack('>H', size) if size < 65536 else b'\xff' + struct.pack('>Q', size)
        self.socket.sendall(head + bytes(4) + data)  # masked with zeros

    def read(self):
        """The next message; b'' when the other side has closed."""
        message = b''
        while True:
            try:
                head = self.file.read(2)
                if len(head) < 2 or head[0] & 15 == CLOSE:
                    return b''
                size = head[1] & 127
                size = struct.unpack('>H', self.file.read(2))[0] if size == 126 else struct.unpack('>Q', self.file.read(8))[0] if size == 127 else size
                message += self.file.read(size)
            except ConnectionError:
                return b''
            if head[0] & 0x80:
                return message

    def is_closed(self):
        """Sooner or later, whatever it says before."""
        while self.read():
            pass
        return True

    def close(self):
        self.file.close()
        self.socket.close()


def is_ended(connection):
    """By the other side."""
    try:
        return connection.recv(1, socket.MSG_DONTWAIT) == b''
    except BlockingIOError:
        return False
    except ConnectionError:
        return True


def children(launcher):
    """Of its processes: name -> pid."""
    found = {}
    for pid in filter(str.isdigit, os.listdir('/proc')):
        with contextlib.suppress(OSError), open(f'/proc/{pid}/stat', encoding='ascii', errors='replace') as file:
            _, name, rest = re.split(r' \(|\) ', file.read(), maxsplit=2)
            if int(rest.split()[1]) == launcher:
                found[name] = int(pid)
    return found


class Web(unittest.TestCase):
    """One program for all tests that leave it as it was; the others begin one of their own."""

    @classmethod
    def setUpClass(cls):
        _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
        cls.shared = program.Node(types.SimpleNamespace(addCleanup=cls.addClassCleanup), '--web=0')
        cls.used = set()  # addresses

    def setUp(self):
        self.meet(self.shared)

    def begin(self, *words, datadir=None):
        self.meet(program.Node(self, '--web=0', *words, datadir=datadir))

    def meet(self, node):
        self.node = node
        self.url = urllib.parse.urlparse(self.addresses(1)[0])
        self.port = self.url.port
        self.place = f'127.0.0.1:{self.port}'
        self.origin = f'http://{self.place}'

    def addresses(self, count):
        """The printed ones, as soon as there are so many."""
        pattern = r'^web: open (http://127\.0\.0\.1:\d+/\?token=[0-9a-f]{64})$'
        return program.wait_until(lambda: len(found := re.findall(pattern, self.node.said(), re.MULTILINE)) >= count and found, 'its address')

    def ask(self, path, method='GET', body=None, **headers):
        """Status, headers and body. Host and Origin may be given."""
        connection = http.client.HTTPConnection('127.0.0.1', self.port, timeout=program.WAIT_SECONDS)
        with contextlib.closing(connection):
            connection.request(method, path, body=body, headers={name: value for name, value in headers.items() if value is not None})
            response = connection.getresponse()
            return response.status, dict(response.getheaders()), response.read()

    def enter(self):
        address = program.wait_until(lambda: [found for found in self.addresses(1) if found not in self.used], 'an address that nobody used')[-1]
        self.used.add(address)
        status, headers, _ = self.ask(f'/?{urllib.parse.urlparse(address).query}')
        self.assertEqual(status, 303)
        return headers['Set-Cookie'].split(';')[0]

    def path(self, cookie):
        status, _, body = self.ask('/tab', 'POST', Cookie=cookie, Origin=self.origin)
        self.assertEqual(status, 200, body)
        return body.decode()

    def tab(self, cookie, **headers):
        opened = Socket(self.port, self.path(cookie), **{'Host': self.place, 'Origin': self.origin, 'Cookie': cookie, **headers})
        self.addCleanup(opened.close)
        return opened

    # ---- HTTP ----

    def test_token_is_exchanged_for_a_cookie_once(self):
        self.begin()
        for wrong in ('/', '/?token=', '/?token=' + '0' * 64, '/?' + self.url.query[:-1], '/?' + self.url.query + '0', '/page.css', '/tab'):
            self.assertEqual(self.ask(wrong)[0], 403, wrong)
        status, headers, _ = self.ask(f'/?{self.url.query}')
        self.assertEqual((status, headers['Location']), (303, '/'))
        name, *properties = headers['Set-Cookie'].split('; ')
        self.assertRegex(name, f'^troupe_{self.port}=[0-9a-f]{{64}}$')
        self.assertEqual(set(properties), {'Path=/', 'HttpOnly', 'SameSite=Strict'})
        self.assertNotIn(self.url.query[6:], name)
        self.assertEqual(self.ask(f'/?{self.url.query}')[0], 403)
        self.assertEqual(self.ask('/', Cookie=name)[0], 200)
        second = self.addresses(2)[1]
        self.assertNotEqual(second, self.url.geturl())
        self.assertEqual(self.ask(f'/?{urllib.parse.urlparse(second).query}')[0], 303)

    def test_wrong_cookies_are_refused(self):
        cookie = self.enter()
        name, value = cookie.split('=')
        for wrong in (name, f'{name}=', f'{name}={value[:-1]}', f'{name}={value}0', f'{name}={"0" * 64}', f'x{cookie}', f'{name}x={value}', value):
            self.assertEqual(self.ask('/', Cookie=wrong)[0], 403, wrong)
        self.assertEqual(self.ask('/', Cookie=f'a=b; {cookie}; c=d')[0], 200)

    def test_other_hosts_and_origins_are_refused(self):
        """A name that was made to lead here (DNS rebinding), and pages of other places."""
        cookie = self.enter()
        for host in ('evil.example', f'evil.example:{self.port}', 'localhost', f'localhost:{self.port}', '127.0.0.1', f'127.0.0.1:{self.port}1', ''):
            self.assertEqual(self.ask('/', Cookie=cookie, Host=host)[0], 403, host)
            self.assertEqual(self.ask('/tab', 'POST', Cookie=cookie, Origin=self.origin, Host=host)[0], 403, host)
        for origin in (None, 'null', 'http://evil.example', f'https://{self.place}', f'{self.origin}0', 'http://127.0.0.1'):
            self.assertEqual(self.ask('/tab', 'POST', Cookie=cookie, Origin=origin)[0], 403, origin)
        self.assertEqual(self.ask('/', Cookie=cookie, Origin='http://evil.example')[0], 403)

    def test_every_answer_has_a_strict_policy(self):
        cookie = self.enter()
        for path, status in (('/', 200), ('/page.css', 200), ('/nothing', 404), ('/../etc/passwd', 404)):
            got, headers, _ = self.ask(path, Cookie=cookie)
            self.assertEqual(got, status, path)
            policy = headers['Content-Security-Policy']
            self.assertTrue(policy.startswith("default-src 'none'; script-src 'self';"), policy)
            self.assertIn(f'ws://{self.place};', policy)
            self.assertNotIn('unsafe', policy)
            self.assertEqual((headers['X-Content-Type-Options'], headers['Referrer-Policy'], headers['Cache-Control']),
                             ('nosniff', 'no-referrer', 'no-store'))
            self.assertNotIn('Access-Control-Allow-Origin', headers)

    def test_page_has_nothing_inline(self):
        _, headers, page = self.ask('/', Cookie=self.enter())
        self.assertEqual(headers['Content-Type'], 'text/html; charset=utf-8')
        self.assertFalse(re.search(rb'<style|<script(?! type="module" src="/)| on\w+=|https?:', page))

    def test_page_has_its_script(self):
        """Bundled, so that it asks for nothing else."""
        javascript.require()
        status, headers, script = self.ask('/page.js', Cookie=self.enter())
        self.assertEqual((status, headers['Content-Type']), (200, 'text/javascript; charset=utf-8'))
        self.assertIn(SUBPROTOCOL.encode(), script)
        self.assertFalse(re.search(rb'\bimport\b *[({"\']|\bfrom *["\']\.|\beval\(', script))

    def test_text_is_never_made_markup(self):
        """By a module of ours: lit-html makes it of constant templates alone."""
        paths = glob.glob(os.path.join(ROOT, 'actors/web/page/*.js')) + glob.glob(os.path.join(ROOT, 'web/*.js'))
        self.assertGreater(len(paths), 20)
        for path in paths:
            with open(path, encoding='utf-8') as file:
                self.assertFalse(re.search(r'HTML\b *=|insertAdjacent|document\.write|directives/unsafe|new Function|\beval\(', file.read()), path)

    def test_other_methods_and_bodies_are_refused(self):
        cookie = self.enter()
        for method in ('PUT', 'DELETE', 'OPTIONS', 'PATCH'):
            self.assertEqual(self.ask('/', method, Cookie=cookie)[0], 405, method)
        self.assertEqual(self.ask('/', 'POST', Cookie=cookie, Origin=self.origin)[0], 404)
        self.assertEqual(self.ask('/tab', 'POST', body='x', Cookie=cookie, Origin=self.origin)[0], 400)
        self.assertEqual(self.ask('/', Cookie=cookie)[0], 200)

    def test_connections_that_are_silent_or_too_many_are_ended(self):
        """Those of a tab are not: it may be silent for long, and is there all the time."""
        self.begin()
        cookie = self.enter()
        tab = self.tab(cookie)
        tab.send(HELLO)
        self.assertTrue(tab.read())
        with contextlib.ExitStack() as stack:
            silent = stack.enter_context(socket.create_connection(('127.0.0.1', self.port)))
            silent.settimeout(program.WAIT_SECONDS)
            self.assertEqual(silent.recv(1), b'')
            crowd = [stack.enter_context(socket.create_connection(('127.0.0.1', self.port))) for _ in range(CONNECTIONS_MAX + 40)]
            program.wait_until(lambda: sum(is_ended(one) for one in crowd) >= 40, 'those that are too many have ended')
            self.assertEqual(self.ask('/', Cookie=cookie)[0], 200)
            crowd += [stack.enter_context(socket.create_connection(('127.0.0.1', self.port))) for _ in range(DESCRIPTORS_MAX + 100)]
            program.wait_until(lambda: self.ask_patiently('/', Cookie=cookie) == 200, 'it answers again, without descriptors meanwhile')
        tab.send(bytes.fromhex('89 01 01 01 01 01 191388 80 00 a0'))
        self.assertEqual(tab.read()[:3], bytes([0x83, 2, 1]))

    def ask_patiently(self, path, **headers):
        try:
            return self.ask(path, **headers)[0]
        except OSError:
            return None

    # ---- tabs ----

    def test_tab_gets_hello_and_answers(self):
        tab = self.tab(self.enter())
        self.assertEqual(tab.status, 101)
        tab.send(HELLO)
        hello = tab.read()
        self.assertEqual(hello[:3], bytes([0x86, 0, 1]))
        self.assertIn(b'\x64node\x66wallet', hello)

    def test_tab_gets_what_the_composition_lets_the_role_use(self):
        file = os.path.join(tempfile.mkdtemp(prefix='troupe-test-'), 'composition')
        self.addCleanup(shutil.rmtree, os.path.dirname(file))
        with open(file, 'w', encoding='utf-8') as out:
            out.write('[process chain]\nroles = node, wallet, web\n[process screen]\nroles = ui\n[role web]\nuses = node\n')
        self.begin(f'--compose={file}')
        tab = self.tab(self.enter())
        tab.send(HELLO)
        hello = tab.read()
        self.assertIn(b'\x64node', hello)
        self.assertNotIn(b'\x66wallet', hello)

    def test_foreign_tabs_are_refused(self):
        """Even with the right path."""
        cookie = self.enter()
        for headers in ({'Origin': 'http://evil.example'}, {'Origin': None}, {'Cookie': None}, {'Cookie': cookie[:-1]}):
            tab = self.tab(cookie, **headers)
            with contextlib.suppress(ConnectionError):
                tab.send(HELLO)
            self.assertEqual(tab.read(), b'', headers)
        for host in ('evil.example', f'localhost:{self.port}'):
            self.assertNotEqual(self.tab(cookie, Host=host).status, 101)

    def test_path_of_a_tab_is_for_one_and_cannot_be_guessed(self):
        self.begin()
        cookie = self.enter()
        path = self.path(cookie)
        self.assertRegex(path, '^/tab/[0-9a-f]{64}$')
        headers = {'Host': self.place, 'Origin': self.origin, 'Cookie': cookie}
        for wrong in ('/tab', '/tab/', path[:-1], path[:-1] + ('0' if path[-1] != '0' else '1')):
            other = Socket(self.port, wrong, **headers)
            self.addCleanup(other.close)
            self.assertNotEqual(other.status, 101, wrong)
        first = Socket(self.port, path, **headers)
        self.addCleanup(first.close)
        first.send(HELLO)
        self.assertTrue(first.read())
        second = Socket(self.port, path, **headers)
        self.addCleanup(second.close)
        self.assertTrue(second.status != 101 or second.is_closed())
        other = Socket(self.port, self.path(cookie), subprotocol='chat', **headers)
        self.addCleanup(other.close)
        self.assertEqual(other.status, 400)

    def test_tabs_are_bounded_and_given_back(self):
        self.begin()
        cookie = self.enter()
        tabs = []
        for _ in range(TABS_MAX):
            tabs.append(self.tab(cookie))
            tabs[-1].send(HELLO)
            self.assertTrue(tabs[-1].read())
        self.assertEqual(self.ask('/tab', 'POST', Cookie=cookie, Origin=self.origin)[0], 503)
        tabs.pop().close()
        program.wait_until(lambda: self.ask('/tab', 'POST', Cookie=cookie, Origin=self.origin)[0] == 200, 'a tab is given back')
        self.assertNotIn('link to tab', self.node.said())  # people close tabs: it is not worth a line

    def test_tab_that_never_comes_is_given_back(self):
        self.begin()
        cookie = self.enter()
        for _ in range(TABS_MAX):
            self.path(cookie)
        self.assertEqual(self.ask('/tab', 'POST', Cookie=cookie, Origin=self.origin)[0], 503)
        program.wait_until(lambda: self.ask('/tab', 'POST', Cookie=cookie, Origin=self.origin)[0] == 200, 'a tab is given back')

    def test_tab_that_breaks_a_rule_costs_itself_only(self):
        self.begin()
        cookie = self.enter()
        good = self.tab(cookie)
        good.send(HELLO)
        self.assertTrue(good.read())
        again = bytes.fromhex('89 01 01 01 01 01 191388 80 00 a0')
        breaks = {'malformed': lambda tab: tab.send(b'\xff'),
                  'a second hello': lambda tab: tab.send(HELLO),
                  'text': lambda tab: tab.send(again, op=TEXT),
                  'too large': lambda tab: tab.send(b'', announce=RECEIVE_BYTES_MAX + 1),
                  'a gigabyte announced': lambda tab: tab.send(b'', announce=1 << 30),
                  'too large in pieces': lambda tab: [tab.send(bytes(65000), op=BINARY if at == 0 else 0, final=False) for at in range(6)],
                  'ids that do not rise': lambda tab: tab.send(2 * again)}
        for name, does in breaks.items():
            with self.subTest(name):
                tab = self.tab(cookie)
                tab.send(HELLO)
                self.assertTrue(tab.read())
                with contextlib.suppress(ConnectionError):
                    does(tab)
                self.assertTrue(tab.is_closed())
        for name, first in {'malformed': b'\xff', 'no hello': bytes.fromhex('81 0a'), 'another protocol': HELLO.replace(b'\0\1', b'\0\2', 1)}.items():
            with self.subTest(name):
                tab = self.tab(cookie)
                tab.send(first)
                said = b''.join(iter(tab.read, b''))
                self.assertIn(b'\x84\x09', said)
        good.send(bytes.fromhex('89 01 01 01 01 01 191388 80 00 a0'))  # node.get_info
        self.assertEqual(good.read()[:3], bytes([0x83, 2, 1]))

    def test_other_interfaces_do_not_pass(self):
        tab = self.tab(self.enter())
        tab.send(HELLO + bytes.fromhex('89 01 01 01 03 03 191388 80 00 a0'))  # ui.quit, of the node
        answers = tab.read()
        while b'\x85\x03\x01\x0a' not in answers:  # EUNIMPLEMENTED
            more = tab.read()
            self.assertTrue(more, answers)
            answers += more

    def test_tab_does_what_a_browser_does(self):
        self.begin()
        folder = javascript.require()
        done = subprocess.run(['node', 'test/js/tab.mjs', self.origin, self.enter()], cwd=folder, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, text=True, check=False, timeout=2 * program.WAIT_SECONDS)
        said = [re.sub(r'\d\d+ bytes', 'N bytes', line) for line in done.stdout.splitlines()]
        self.assertEqual(said, ['up', 'network regtest', 'mined 5, told of 5, tip 5', 'block of N bytes: true', 'balance of bigint',
                                'refused 101', 'down: closed here'])

    def test_tabs_are_asked_what_the_node_asks(self):
        folder = javascript.require()
        trunk = regtest.blocks(10)
        folder_of_data = tempfile.mkdtemp(prefix='troupe-test-')
        self.addCleanup(shutil.rmtree, folder_of_data)
        datadir = os.path.join(folder_of_data, 'data')
        blocks = os.path.join(folder_of_data, 'blocks')
        with open(f'{blocks}.dat', 'wb') as file:
            file.write(regtest.framed(trunk + regtest.blocks(10, trunk)))
        with open(f'{blocks}.hex', 'w', encoding='ascii') as file:
            file.writelines(f'{block.hex()}\n' for block in regtest.blocks(12, trunk, b'other'))
        program.run(datadir, f'--import={blocks}.dat')
        self.begin('--ask-reorg=9', datadir=datadir)
        done = subprocess.run(['node', 'test/js/question.mjs', self.origin, self.enter(), f'{blocks}.hex'], cwd=folder, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, text=True, check=False, timeout=2 * program.WAIT_SECONDS)
        self.assertEqual(done.stdout.splitlines(),
                         ['101', 'a branch with more work, of 11 blocks, would take back 10: all above block 10',
                          '2 choices, 0 by default, in time: true, at block 20', '102', 'taken', '101', 'followed'])

    # ---- the program ----

    def test_process_is_sandboxed_and_comes_back(self):
        self.begin()
        pid = children(self.node.process.pid)['web']
        with open(f'/proc/{pid}/status', encoding='ascii') as file:
            status = dict(line.split(':', 1) for line in file.read().splitlines())
        self.assertEqual((status['Seccomp'].strip(), status['NoNewPrivs'].strip()), ('2', '1'))
        os.kill(pid, 9)
        again = urllib.parse.urlparse(self.addresses(2)[1])
        self.port = again.port
        self.assertEqual(self.ask(f'/?{again.query}')[0], 303)
        self.assertEqual(self.node.ask('status')['height'], 0)


class Compositions(unittest.TestCase):
    def test_there_is_no_process_unless_it_is_asked_for(self):
        node = program.Node(self)
        self.assertEqual(set(children(node.process.pid)), {'node', 'wallet'})

    def test_it_has_a_process_of_its_own_whatever_the_composition(self):
        file = os.path.join(tempfile.mkdtemp(prefix='troupe-test-'), 'composition')
        self.addCleanup(shutil.rmtree, os.path.dirname(file))
        with open(file, 'w', encoding='utf-8') as out:
            out.write('[process chain]\nroles = node, wallet, web\n[process screen]\nroles = ui\n')
        for words, others in (('--split=none', set()), ('--split=all', {'node', 'wallet'}), (f'--compose={file}', {'chain'})):
            node = program.Node(self, '--web=0', words)
            self.assertEqual(set(children(node.process.pid)), {'web', *others}, words)
            program.wait_until(lambda node=node: 'web: open http' in node.said(), 'its address')
            node.end()
            node = program.Node(self, words)
            self.assertEqual(set(children(node.process.pid)), others, words)

    def test_its_name_is_its_own(self):
        with tempfile.NamedTemporaryFile('w', suffix='.ini') as file:
            file.write('[process web]\nroles = node, wallet\n[process screen]\nroles = ui\n')
            file.flush()
            done = program.run('/dev/null/x', '--web=0', f'--compose={file.name}', status=2)
        self.assertIn('process "web" needs another name: role "web" has one of its own', done.stderr)

    def test_port_that_is_taken_is_said(self):
        with socket.create_server(('127.0.0.1', 0)) as taken:
            port = taken.getsockname()[1]
            with tempfile.TemporaryDirectory(prefix='troupe-test-') as folder:
                done = program.run(folder, f'--web={port}', status=1)
        self.assertIn(f"can't serve a page on 127.0.0.1:{port}: Address in use; choose another --web=PORT", done.stderr)

    def test_port_that_is_none_is_refused(self):
        for port in ('65536', 'x', '-1', '1 ', ''):
            done = program.run('/dev/null/x', f'--web={port}', status=2)
            self.assertIn('--web is a port from 1 to 65535', done.stderr)


if __name__ == '__main__':
    unittest.main()
