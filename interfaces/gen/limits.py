"""The limits of the bus that an interface has to fit. test_gen.py compares them with
bus/troupe_limits.h, which is where they are decided."""

FRAME_BYTES_MAX = 128 * 1024
EVENT_BYTES_MAX = 8 * 1024
ERROR_DATA_BYTES_MAX = 512
REFS_MAX = 16
DEPTH_MAX = 16
ITEMS_MAX = 65536
LINK_BLOB_BYTES_MAX = 4 * 1024 * 1024
DEADLINE_MS = 5000
DEADLINE_MS_MAX = 86400000

# Room in a frame for what comes before the arguments: ids, budget, trace, blocked callers.
FRAME_HEAD_BYTES = 1024
EVENT_HEAD_BYTES = 64
# The frame's own array, around the message.
FRAME_DEPTH = 1
FRAME_ITEMS = 64

# Keys fit one 64-bit mask of the fields that were seen.
FIELD_ORDINAL_MAX = 63
ORDINAL_MAX = 65535
ERROR_CODE_MIN = 100
ENUM_VALUE_MAX = 2**31 - 1
INTERFACE_ID_MAX = 2**32 - 1
# The canonical text travels as one text in bus.get_interface.
INTERFACE_TEXT_BYTES_MAX = 65536
