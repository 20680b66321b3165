"""list_records: RECORD(tag) for every record of the given interface files, for fuzz_interfaces.c: python3 list_records.py FILE.iface..."""
import sys

from interfaces.gen.__main__ import read
from interfaces.gen.names import Names

for path in sys.argv[1:]:
    interface, _ = read(path)
    for record in Names(interface).records():
        print(f'RECORD({record.tag})')
