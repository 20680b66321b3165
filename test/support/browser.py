"""browser: Chromium without a window, driven by the scenes of test/browser/, which stand on npm packages of their own. Where one of
them can't be had, tests skip and say so."""
import json
import os
import shutil
import subprocess
import sys
import unittest

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BUILD = os.environ.get('TROUPE_BUILD', os.path.join(ROOT, 'build/release'))
sys.path.insert(0, os.path.join(ROOT, 'site_scons'))
import npm  # noqa: E402 (the path comes first)

SCREENSHOTS = os.path.abspath(os.path.join(BUILD, 'screenshots'))


def require():
    """The folder with the scenes, and Chromium; raises unittest.SkipTest."""
    chromium = shutil.which('chromium')
    if chromium is None:
        raise unittest.SkipTest('needs Chromium: apt-get install chromium')
    try:
        folder = npm.packages(ROOT, 'test/browser', os.path.join(BUILD, 'browser'),
                              lambda folder: npm.copy(os.path.join(ROOT, 'test/browser/*.mjs'), folder))
    except npm.Missing as missing:
        raise unittest.SkipTest(str(missing)) from missing
    return folder, chromium


class Browser:
    """One for all tests of a class; each scene has a window of its own in it."""

    def __init__(self, test_class):
        self.folder, chromium = require()
        os.makedirs(SCREENSHOTS, exist_ok=True)
        self.process = subprocess.Popen(['node', 'play.mjs', chromium], cwd=self.folder, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        test_class.addClassCleanup(self.close)

    def close(self):
        self.process.stdin.close()
        self.process.wait()
        self.process.stdout.close()

    def play(self, file, scene, stage):
        """What went wrong, or None."""
        self.process.stdin.write(json.dumps({**stage, 'file': file, 'name': scene, 'folder': SCREENSHOTS}) + '\n')
        self.process.stdin.flush()
        line = self.process.stdout.readline()
        return json.loads(line).get('error') if line else 'Chromium, or what plays the scenes in it, has ended'
