/* troupe_limits.h - every queue, frame, depth, table and wait of the bus has its maximum here.
 * Names end in their unit. A peer is told those that concern it in hello. */
#ifndef TROUPE_LIMITS_H
#define TROUPE_LIMITS_H

/* messages */
#define TROUPE_FRAME_BYTES_MAX      (128 * 1024) /* one encoded message; larger values are blobs */
#define TROUPE_TEXT_BYTES_MAX       256          /* the text of an error */
#define TROUPE_ERROR_DATA_BYTES_MAX 512          /* the fields of a declared error */
#define TROUPE_REFS_MAX             16           /* refs in one message */
#define TROUPE_DEPTH_MAX            16           /* nesting of a message */
#define TROUPE_ITEMS_MAX            65536        /* CBOR items in one message */
#define TROUPE_ARENA_BYTES_MAX \
    (4 * 1024 * 1024) /* memory for the arrays decoded from one message */

/* one process */
#define TROUPE_NAME_BYTES_MAX      64  /* of a role */
#define TROUPE_INTERFACES_MAX      256 /* that one process serves: what hello lists */
#define TROUPE_ACTORS_MAX          1000000
#define TROUPE_WORKERS_MAX         64
#define TROUPE_ROLES_MAX           64
#define TROUPE_LINKS_MAX           256
#define TROUPE_PROXIES_MAX         1024 /* actors elsewhere that it stands for, as a gate */
#define TROUPE_GATE_INTERFACES_MAX 32
#define TROUPE_FORWARDS_MAX        16 /* of one call: those who hand it on in a circle never answer */
#define TROUPE_OBSERVED_MAX        8192 /* records of what passed, kept for those who look */
#define TROUPE_OBSERVERS_MAX       16   /* who look at a time */
#define TROUPE_QUANTUM_MESSAGES    64   /* handled by one actor before the next gets its turn */

/* one actor */
#define TROUPE_MAILBOX_MAX \
    4096 /* waiting requests, tells and events; replies have room beyond it */
#define TROUPE_ASKS_MAX          4096 /* in flight from one actor */
#define TROUPE_TIMERS_MAX        4096
#define TROUPE_SUBSCRIPTIONS_MAX 1024
#define TROUPE_WATCHES_MAX       4096

/* one link */
#define TROUPE_LINK_INFLIGHT_MAX    4096              /* requests sent and not answered */
#define TROUPE_LINK_QUEUE_BYTES_MAX (8 * 1024 * 1024) /* waiting to be written */
/* Room beyond it for what is never refused: a peer that lets more than that wait does not read. */
#define TROUPE_LINK_BACKLOG_BYTES_MAX (9 * 1024 * 1024) /* answers and control frames */
#define TROUPE_LINK_WINDOW_MESSAGES   2048 /* requests and tells a peer may have unhandled here */
#define TROUPE_LINK_WINDOW_BYTES      (4 * 1024 * 1024) /* and their bytes */
#define TROUPE_LINK_EXPORTS_MAX       4096              /* refs handed to one peer */
#define TROUPE_LINK_EVENTS_BYTES_MAX \
    (1024 * 1024)                         /* waiting, beyond which a gate sends no events */
#define TROUPE_LINK_PASSES_MAX        256 /* events that one peer of a gate listens to */
#define TROUPE_LINK_BATCH_BYTES       (128 * 1024) /* frames joined into one NNG message */
#define TROUPE_LINK_RECEIVE_BYTES_MAX (256 * 1024) /* one NNG message: a frame and its batch */
#define TROUPE_LINK_RECEIVE_QUEUE     16           /* of them */
#define TROUPE_BYPASS_BYTES           (256 * 1024) /* of shared memory, each way; a power of two */
#define TROUPE_CHUNK_BYTES_MAX        (64 * 1024)  /* one piece of a blob */
#define TROUPE_CHUNKS_KEPT            32 /* of a runtime, done with: memory for the next blob */
/* One blob; and the window of chunks: of a peer's requests that are not answered, or of its answers
 * that are not whole. */
#define TROUPE_LINK_BLOB_BYTES_MAX (4 * 1024 * 1024)
#define TROUPE_LINK_BLOBS_BYTES_MAX \
    (8 * 1024 * 1024)                    /* waiting to leave: in requests; in replies */
#define TROUPE_STREAM_WINDOW_MESSAGES 64 /* items a server may be ahead of the asker */

/* events */
#define TROUPE_EVENT_BYTES_MAX (8 * 1024) /* one encoded event */
#define TROUPE_EVENT_QUEUE     1024       /* waiting for one subscriber process */
#define TROUPE_TOPICS_MAX      4096       /* in one process */
#define TROUPE_FOLLOW_HELD_MAX 1024 /* of one subscription, held until its snapshot is there */

/* one schedule (deterministic mode) */
#define TROUPE_SCHEDULED_MAX 8   /* runtimes */
#define TROUPE_CHOICES_MAX   256 /* ready things that a step draws from */

/* waits */
#define TROUPE_DEADLINE_MS     5000 /* of a call, unless the interface says otherwise */
#define TROUPE_DEADLINE_MS_MAX 86400000
#define TROUPE_HELLO_MS        5000 /* for a new link's first frame */
#define TROUPE_DRAIN_MS        2000 /* for BYE to be answered */
#define TROUPE_FOLLOW_MS       10 /* before a snapshot is fetched again, twice as long each time */
#define TROUPE_FOLLOW_MS_MAX   5000 /* up to this */
#define TROUPE_HEARTBEAT_MS    100  /* after the last event: tells the tail's sequence */

#endif
