"""Scripts and transactions as Bitcoin Core's vector files write them, and the program that checks them."""
import hashlib
import os
import struct
import subprocess

DER, WITNESS, P2SH, TAPROOT, NULL_DUMMY = 1, 2, 4, 8, 16  # enum btc_verify_flags

_NAMES = (  # from 0x61 on
    'NOP VER IF NOTIF VERIF VERNOTIF ELSE ENDIF VERIFY RETURN TOALTSTACK FROMALTSTACK 2DROP 2DUP 3DUP 2OVER 2ROT 2SWAP IFDUP DEPTH DROP DUP '
    'NIP OVER PICK ROLL ROT SWAP TUCK CAT SUBSTR LEFT RIGHT SIZE INVERT AND OR XOR EQUAL EQUALVERIFY RESERVED1 RESERVED2 1ADD 1SUB 2MUL 2DIV '
    'NEGATE ABS NOT 0NOTEQUAL ADD SUB MUL DIV MOD LSHIFT RSHIFT BOOLAND BOOLOR NUMEQUAL NUMEQUALVERIFY NUMNOTEQUAL LESSTHAN GREATERTHAN '
    'LESSTHANOREQUAL GREATERTHANOREQUAL MIN MAX WITHIN RIPEMD160 SHA1 SHA256 HASH160 HASH256 CODESEPARATOR CHECKSIG CHECKSIGVERIFY '
    'CHECKMULTISIG CHECKMULTISIGVERIFY NOP1 CHECKLOCKTIMEVERIFY CHECKSEQUENCEVERIFY NOP4 NOP5 NOP6 NOP7 NOP8 NOP9 NOP10 CHECKSIGADD').split()
OPCODES = {name: 0x61 + i for i, name in enumerate(_NAMES)} | {'RESERVED': 0x50}


def compact(number):
    if number < 0xfd:
        return bytes([number])
    return b'\xfd' + struct.pack('<H', number) if number <= 0xffff else b'\xfe' + struct.pack('<I', number)


def push(data):
    if len(data) < 0x4c:
        return bytes([len(data)]) + data
    if len(data) <= 0xff:
        return b'\x4c' + bytes([len(data)]) + data
    return b'\x4d' + struct.pack('<H', len(data)) + data


def number(value):
    if value == 0:
        return b'\0'
    if value == -1 or 1 <= value <= 16:
        return bytes([0x50 + value])
    size = (abs(value).bit_length() + 8) // 8
    data = bytearray(abs(value).to_bytes(size, 'little'))
    data[-1] |= 0x80 if value < 0 else 0
    return push(bytes(data))


def assemble(text):
    """A script from its words: numbers, 0xBYTES as they are, 'text', and names of opcodes."""
    script = b''
    for word in text.split():
        if word.lstrip('-').isdecimal():
            script += number(int(word))
        elif word.startswith('0x'):
            script += bytes.fromhex(word[2:])
        elif word.startswith("'"):
            script += push(word[1:-1].encode())
        else:
            script += bytes([OPCODES[word.removeprefix('OP_')]])
    return script


def txid(raw):
    return hashlib.sha256(hashlib.sha256(raw).digest()).digest()


def tx(prev, index, script_sig, amount, script, witness=()):
    """Version 1, one input, one output, no lock time; with its witness if there is one."""
    body = (b'\1' + prev + struct.pack('<I', index) + compact(len(script_sig)) + script_sig + b'\xff\xff\xff\xff' +
            b'\1' + struct.pack('<q', amount) + compact(len(script)) + script)
    items = compact(len(witness)) + b''.join(compact(len(item)) + item for item in witness) if witness else b''
    return struct.pack('<i', 1) + (b'\0\1' if witness else b'') + body + items + bytes(4)


class Tx:
    """A transaction taken apart, to be changed and written again."""

    def __init__(self, raw):
        self.raw, self.at = raw, 4
        segwit = raw[4:6] == b'\0\1'
        self.version, self.at = raw[:4], 6 if segwit else 4
        self.ins = [{'prev': self._take(36), 'script_sig': self._var(), 'sequence': self._take(4), 'witness': []} for _ in range(self._count())]
        self.outs = [(self._take(8), self._var()) for _ in range(self._count())]
        for spent in self.ins if segwit else []:
            spent['witness'] = [self._var() for _ in range(self._count())]
        self.lock_time = self._take(4)

    def _take(self, size):
        self.at += size
        return self.raw[self.at - size:self.at]

    def _count(self):
        first = self._take(1)[0]
        size = {0xfd: 2, 0xfe: 4}.get(first, 0)
        return int.from_bytes(self._take(size), 'little') if size else first

    def _var(self):
        return self._take(self._count())

    def write(self):
        def var(data):
            return compact(len(data)) + data

        segwit = any(spent['witness'] for spent in self.ins)
        raw = self.version + (b'\0\1' if segwit else b'') + compact(len(self.ins))
        raw += b''.join(spent['prev'] + var(spent['script_sig']) + spent['sequence'] for spent in self.ins)
        raw += compact(len(self.outs)) + b''.join(amount + var(script) for amount, script in self.outs)
        if segwit:
            raw += b''.join(compact(len(spent['witness'])) + b''.join(map(var, spent['witness'])) for spent in self.ins)
        return raw + self.lock_time


def outpoints(raw):
    """(txid as people write it, index) of each input of a transaction."""
    return [(spent['prev'][:32][::-1].hex(), int.from_bytes(spent['prev'][32:], 'little')) for spent in Tx(raw).ins]


def pushes(script):
    """What a script of nothing but pushes of bytes pushes."""
    items = []
    while script:
        head = {0x4c: 2, 0x4d: 3}.get(script[0], 1)
        size = int.from_bytes(script[1:head], 'little') if head > 1 else script[0]
        items.append(script[head:head + size])
        script = script[head + size:]
    return items


class Verifier:
    """test/programs/verifier, asked all questions at once."""

    def __init__(self, build):
        self.program = os.path.join(build, 'test/programs/verifier')
        self.lines = []

    def ask(self, *words):
        self.lines.append(' '.join(str(word.hex() or '-') if isinstance(word, bytes) else str(word) for word in words))

    def ask_spending(self, verb, raw, coins):
        """verb and its own words, a transaction, its coins as (amount, script) in the order of its inputs."""
        self.ask(*verb, raw, *(word for coin in coins for word in coin))

    def answers(self):
        asked, self.lines = self.lines, []
        run = subprocess.run([self.program], input='\n'.join(asked) + '\n', capture_output=True, text=True, check=True, timeout=600)
        given = run.stdout.splitlines()
        if len(given) != len(asked):
            raise AssertionError(f'{len(given)} answers to {len(asked)} questions')
        return given
