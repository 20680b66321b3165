"""benches: the other buses that `scons bench` measures beside ours, where their packages are installed."""
import subprocess

# source, pkg-config's name
PEERS = [('bench/peer_sdbus.c', 'libsystemd'), ('bench/peer_zmq.c', 'libzmq'), ('bench/peer_capnp.c++', 'capnp-rpc')]


def others(env, build):
    """Objects and libraries of those that are there; says which are not."""
    parts, libraries = [], []
    for source, package in PEERS:
        if subprocess.run(['pkg-config', '--exists', package], check=False).returncode != 0:
            print(f'scons: {package} is not installed and will not be measured: run ./bootstrap bench')
            continue
        place = f'{build}/{source.split(".")[0]}'
        peer = env.Clone(LIBS=[])
        peer.ParseConfig(['pkg-config', '--cflags', '--libs', package])
        libraries += peer['LIBS']
        if source.endswith('.c++'):
            peer.Replace(CXX='g++', CXXCOMSTR=env.get('CCCOMSTR', ''))
            peer.Append(CXXFLAGS=['-std=c++17', '-Wno-error'])
            schema = peer.Command([f'{build}/bench/echo.capnp.c++', f'{build}/bench/echo.capnp.h'], 'bench/echo.capnp',
                                  f'capnp compile -oc++:{build} $SOURCE')
            parts += peer.Object(f'{place}_schema.o', schema[0])
            peer.Depends(f'{place}.o', schema)
        parts += peer.Object(f'{place}.o', source)
    return parts, libraries
