"""javascript: web/, the generated modules, the page's and test/js/ side by side below the build folder, with the npm packages that they
stand on. Where Node.js or the packages can't be had, tests skip and say so."""
import os
import sys
import unittest

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BUILD = os.environ.get('TROUPE_BUILD', os.path.join(ROOT, 'build/release'))
sys.path.insert(0, os.path.join(ROOT, 'site_scons'))
import npm  # noqa: E402 (the path comes first)

INTERFACES = [*npm.interfaces(ROOT), 'test/support/sample.iface']


def require():
    """The folder, ready; raises unittest.SkipTest."""
    try:
        web = npm.prepare(ROOT, BUILD, INTERFACES)
    except npm.Missing as missing:
        raise unittest.SkipTest(str(missing)) from missing
    folder = os.path.dirname(web)
    npm.copy(os.path.join(ROOT, 'test/js/*.mjs'), os.path.join(folder, 'test/js'))
    npm.copy(os.path.join(ROOT, 'actors/web/page/*.js'), os.path.join(folder, 'page'))
    return folder
