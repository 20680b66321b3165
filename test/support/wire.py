"""wire: a peer of a Bitcoin node on regtest that is written by hand, for tests of how the node deals with odd ones."""
import hashlib
import socket
import struct
import time

import program
import regtest

PROTOCOL = 70016
HEAD_SIZE = 24


def message(command, payload=b'', size=None):
    """Another `size` than it has may be told."""
    checksum = hashlib.sha256(hashlib.sha256(payload).digest()).digest()[:4]
    return regtest.MAGIC + command.encode().ljust(12, b'\0') + struct.pack('<I', len(payload) if size is None else size) + checksum + payload


def version(height=0):
    return message('version', struct.pack('<iQq', PROTOCOL, 9, int(time.time())) + bytes(52) + struct.pack('<QB', 1, 6) + b'/test/'
                   + struct.pack('<iB', height, 1))


def listen():
    """A socket whose accept() waits no longer than any test does."""
    server = socket.create_server(('127.0.0.1', 0))
    server.settimeout(program.WAIT_SECONDS)
    return server


class Peer:
    def __init__(self, port=None, connection=None):
        self.socket = connection or socket.create_connection(('127.0.0.1', port))
        self.socket.settimeout(program.WAIT_SECONDS)
        self.held = b''

    def send(self, *messages):
        self.socket.sendall(b''.join(messages))

    def take(self, size):
        while len(self.held) < size:
            got = self.socket.recv(65536)
            if not got:
                raise ConnectionError('the other side has closed it')
            self.held += got
        taken, self.held = self.held[:size], self.held[size:]
        return taken

    def read(self):
        """Command and payload of the next message."""
        head = self.take(HEAD_SIZE)
        return head[4:16].rstrip(b'\0').decode(), self.take(struct.unpack('<I', head[16:20])[0])

    def read_until(self, wanted):
        while (found := self.read())[0] != wanted:
            pass
        return found[1]

    def shake_hands(self):
        """To the end: the node has asked for headers."""
        self.send(version(), message('verack'))
        self.read_until('getheaders')

    def send_while_taken(self, data, count):
        """At most so often, until the other side takes no more; how many bytes it took."""
        taken = 0
        self.socket.settimeout(0.1)
        try:
            for _ in range(count):
                taken += self.socket.send(data)
        except (TimeoutError, ConnectionError):
            pass
        self.socket.settimeout(program.WAIT_SECONDS)
        return taken

    def is_closed(self):
        """By the other side, after whatever it had to say."""
        try:
            while self.socket.recv(65536):
                pass
        except ConnectionError:
            pass
        except TimeoutError:
            return False
        return True

    def close(self):
        self.socket.close()
