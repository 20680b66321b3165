"""regtest: makes valid regtest blocks, for tests that need a block file and may not depend on data from outside."""
import hashlib
import struct

MAGIC = bytes.fromhex('fabfb5da')
GENESIS = bytes.fromhex('0f9188f13cb7b2c71f2a335e3a4fc328bf5beb436012afca590b1a11466e2206')[::-1]
GENESIS_TIME = 1296688602
BITS = 0x207fffff
HALVING = 150
SCRIPT = bytes.fromhex('76a914') + bytes(20) + bytes.fromhex('88ac')  # P2PKH that nobody can spend


def sha256d(data):
    return hashlib.sha256(hashlib.sha256(data).digest()).digest()


def push_height(height):
    if height <= 16:
        return bytes([0x50 + height])
    data = height.to_bytes((height.bit_length() + 8) // 8, 'little')
    return bytes([len(data)]) + data


def var_int(number):
    return bytes([number]) if number < 0xfd else b'\xfd' + struct.pack('<H', number)


def coinbase(height, tag, outputs, to):
    script = push_height(height) + bytes([len(tag)]) + tag
    amount = (5_000_000_000 >> (height // HALVING)) // outputs
    return (struct.pack('<iB', 2, 1) + bytes(32) + struct.pack('<IB', 0xffffffff, len(script)) + script + struct.pack('<I', 0xffffffff)
            + var_int(outputs) + (struct.pack('<qB', amount, len(to)) + to) * outputs + struct.pack('<I', 0))


def merkle_root(hashes):
    while len(hashes) > 1:
        hashes = [sha256d(left + right) for left, right in zip(hashes[::2], hashes[1::2] + hashes[-1:] * (len(hashes) % 2))]
    return hashes[0]


def blocks(count, below=(), tag=b'test', outputs=1, script=SCRIPT, txs=(), time_of=lambda height: GENESIS_TIME + height * 600):
    """`count` raw blocks on top of those `below`, which begin at height 1; another tag makes another branch. Each coin is mined to
    `outputs` outputs of that script, each block has those transactions, too,
    and a time that goes by its height."""
    made, prev = [], sha256d(below[-1][:80]) if below else GENESIS
    for height in range(len(below) + 1, len(below) + count + 1):
        all_txs = [coinbase(height, tag, outputs, script), *txs]
        fixed = struct.pack('<i', 0x20000000) + prev + merkle_root([sha256d(tx) for tx in all_txs]) + struct.pack('<II', time_of(height), BITS)
        nonce = 0
        while (prev := sha256d(header := fixed + struct.pack('<I', nonce)))[31] > 0x7f:
            nonce += 1
        made.append(header + var_int(len(all_txs)) + b''.join(all_txs))
    return made


def framed(raw_blocks):
    """As in bootstrap.dat: magic, length, block."""
    return b''.join(MAGIC + struct.pack('<I', len(block)) + block for block in raw_blocks)
