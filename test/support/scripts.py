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


def outpoints(raw):
    """(txid as people write it, index) of each input of a transaction."""
    found, at = [], 4
    if raw[at:at + 2] == b'\0\1':
        at += 2

    def count():
        nonlocal at
        first, at = raw[at], at + 1
        size = {0xfd: 2, 0xfe: 4}.get(first, 0)
        value, at = (int.from_bytes(raw[at:at + size], 'little') if size else first), at + size
        return value

    for _ in range(count()):
        found.append((raw[at:at + 32][::-1].hex(), int.from_bytes(raw[at + 32:at + 36], 'little')))
        at += 36
        size = count()
        at += size + 4
    return found


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
