"""process: what this scons is towards other processes: alone in its build folder, and gone when the program starts."""
import atexit
import fcntl
import os
import signal
import sys


def lock(folder):
    """Keeps other scons out of the build folder while the result is held: two would undo each other's work."""
    os.makedirs(folder, exist_ok=True)
    file = open(f'{folder}/lock', 'w')
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        print(f'scons: waiting for another one that builds in {folder}', flush=True)
        fcntl.flock(file, fcntl.LOCK_EX)
    return file


def replace_at_exit(program, arguments):
    """When scons is done, `program` takes its place, to have the terminal, Ctrl-C and the exit status for itself."""
    def replace():
        sys.stdout.flush()
        signal.signal(signal.SIGPIPE, signal.SIG_DFL)  # Python ignores it, and that would be inherited
        os.execv(program, [program, *arguments])
    atexit.register(replace)
