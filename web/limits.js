// limits.js - the limits of one link that its other end counts on: bus/troupe_limits.h decides, test/test_web.py compares.

export const PROTOCOL = 1;
export const FRAME_BYTES_MAX = 128 * 1024;
export const ITEMS_MAX = 65536;
export const DEPTH_MAX = 16;
export const REFS_MAX = 16;
export const LINK_INFLIGHT_MAX = 4096;
export const LINK_WINDOW_MESSAGES = 2048;
export const LINK_WINDOW_BYTES = 4 * 1024 * 1024;
export const LINK_BLOB_BYTES_MAX = 4 * 1024 * 1024;
export const LINK_QUEUE_BYTES_MAX = 8 * 1024 * 1024;
export const CHUNK_BYTES_MAX = 64 * 1024;
export const STREAM_WINDOW_MESSAGES = 64;
export const HELLO_MS = 5000;
export const FOLLOW_MS = 10;
export const FOLLOW_MS_MAX = 5000;
export const FOLLOW_HELD_MAX = 1024;
