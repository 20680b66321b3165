"""depends: finds the libraries, or says in one line which are missing and what installs them."""
import sys

from SCons.Script import Environment, Glob

# library, headers (the last is its own), Debian's package
LIBRARIES = [
    ('cbor', ['cbor.h'], 'libcbor-dev'),
    ('inih', ['ini.h'], 'libinih-dev'),
    ('seccomp', ['seccomp.h'], 'libseccomp-dev'),
    ('sqlite3', ['sqlite3.h'], 'libsqlite3-dev'),
    ('crypto', ['openssl/evp.h'], 'libssl-dev'),
    ('secp256k1', ['secp256k1.h'], 'libsecp256k1-dev'),
    ('cmocka', ['stdarg.h', 'stddef.h', 'stdint.h', 'setjmp.h', 'cmocka.h'], 'libcmocka-dev'),
]
NNG_PROBE = """
#include <nng/nng.h>
#if NNG_MAJOR_VERSION != 1 || NNG_MINOR_VERSION < 10
#error
#endif
int main(void) { nng_fini(); return 0; }
"""


def configure(env, build):
    """What to link after our own libraries, in order; env gets the include path that goes with it. Exits if any is missing."""
    conf = Environment().Configure(conf_dir=f'{build}/conf', log_file=f'{build}/config.log', custom_tests={'CheckNng': check_nng})
    missing = [package for name, headers, package in LIBRARIES if not conf.CheckLibWithHeader(name, headers, 'c', autoadd=False)]
    nng = unpacked_nng(env, build)
    if not nng:
        nng = ['nng']
        if not conf.CheckNng():
            missing.append('libnng-dev (1.10 or newer)')
    conf.Finish()
    if missing:
        sys.exit(f'scons: missing {", ".join(missing)}: run ./bootstrap (what was tried is in {build}/config.log)')
    return nng + [name for name, _, _ in LIBRARIES]


def check_nng(context):
    context.Message('Checking for NNG 1.10 or newer... ')
    context.env.Replace(LIBS=['nng'])
    found = context.TryLink(NNG_PROBE, '.c')
    context.env.Replace(LIBS=[])
    context.Result(found)
    return found


def unpacked_nng(env, build):
    """The archives that bootstrap unpacked on Debian 12, in link order, and the shim that lets its older C library do; or []."""
    archives = [Glob(f'#build/deps/usr/lib/*/lib{name}.a') for name in ('nng', 'mbedtls', 'mbedx509', 'mbedcrypto')]
    if not all(archives):
        return []
    env.Append(CCFLAGS=['-isystem', 'build/deps/usr/include'], CPPDEFINES=['NNG_STATIC_LIB'])
    return archives + [env.Object(f'{build}/nng_glibc_shim', '#site_scons/nng_glibc_shim.c')]
