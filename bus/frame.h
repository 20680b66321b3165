/* frame.h - the frames that cross a link: the reference of the wire.
 *
 * One NNG message on a link's pair socket is a CBOR sequence (RFC 8742) of frames; one NNG message
 * on an event socket is one event or heartbeat frame. A frame is an array in deterministic encoding
 * (RFC 8949, 4.2.1), its kind first:
 *
 *   hello     [0, protocol, max_frame, max_inflight, [[interface, version, hash]*], [role*]]
 *   request   [1, id, target, interface, method, budget_ms, [waiting?], trace, args, refs?, blob?]
 *   reply     [2, id, results, refs?, blob?]
 *   error     [3, id, code, text, data]
 *   event     [4, interface, event, source, epoch, sequence, fields, refs]
 *   cancel    [5, id]
 *   credit    [6, channel, bytes, messages]
 *   item      [7, id, index, results, refs?, blob?]
 *   chunk     [8, stream, offset, bytes, last]
 *   goaway    [9, code, text, last_id]
 *   bye       [10]
 *   bye_ack   [11]
 *   heartbeat [12, epoch, [[interface, event, source, sequence]*]]
 *   drop      [13, target]
 *
 * All are unsigned integers but these: role and text are text, bytes is a byte string, last is a
 * boolean, and args, results, fields and data are maps keyed by field ordinal. Of 32 bits are
 * interface, version, method, event, protocol, max_frame, max_inflight, budget_ms, code and a
 * credit's bytes and messages; the others have 64.
 *
 *   hash      the first 8 bytes, big-endian, of the SHA-256 of the interface's text
 *   role      what the sender lets the receiver use: the first is target 1, and so on
 *   id        never 0, rising per direction, never used again; a request with id 0 is a tell
 *   target    0: the process's bus actor (introspection); from 1: its roles as listed in hello;
 *             from 2^32: an actor that was handed over as a ref
 *   budget_ms what is left of the asker's time; 0 has expired
 *   waiting   a number, never 0, of the sync call whose thread waits for this request, and so for
 *             whatever it asks in turn. There is at most one: actors never wait
 *   refs      [[owner, id]*], at most TROUPE_REFS_MAX. Owner 0: the actor lives in the sender's
 *             process; 1: in the receiver's, and comes home. The map names a ref by its index here
 *   blob      the size of the message's one blob, at least 1; the map repeats it. Its bytes follow
 *             in chunk frames. Towards the callee they belong to the request, towards the caller to
 *             the reply or item announced last. A tell has no blob
 *   stream    of the chunks of request id: id * 2; of its answer's: id * 2 + 1. Both ends count
 *             their requests from 1
 *   channel   0: the link's requests and tells; 1: the chunks of requests, whose credit is given when
 *             the request is done with; 3: the chunks of answers, when the answer is whole; otherwise
 *             id * 2 of a request whose reply is a stream
 *   code      1 to 99: the bus's, TROUPE_E... negated; from 100: the interface's
 *   text      at most TROUPE_TEXT_BYTES_MAX, for a person
 *   data      the fields of a declared error, at most TROUPE_ERROR_DATA_BYTES_MAX; null: none
 *   sequence  from 1, per topic (interface, event, source) and epoch
 *
 * An element marked ? is left out when it, and all after it, would be empty or 0: there is one way
 * to write each frame, and the reader refuses every other. `refs` is an empty array where only
 * `blob` is there. An event always has its 8 elements, so that its first bytes are its topic: what
 * NNG's SUB sockets compare. That layout is frozen; an event is extended through its fields. Every
 * ref in an event lives with the sender, because the frame has many receivers. A hello may have up
 * to 11 elements: those beyond the sixth are passed over, so that a later protocol can be told
 * apart by its number.
 *
 * Reading checks the whole frame and, structurally, the map in it: malformed bytes are refused at
 * the link, before an actor hears of them. The values in the map are the skeleton's to check. What
 * is returned borrows from the input; nothing is allocated. Writing copies the map verbatim, so a
 * message is encoded once, whatever the number of links that it leaves by.
 *
 * Called by the links, on whichever thread sends or receives. No state. */
#ifndef TROUPE_FRAME_H
#define TROUPE_FRAME_H

#include "bus/troupe.h"

enum {
    TI_PROTOCOL = 1,

    /* Room that any frame needs besides its map or chunk; not hello and heartbeat. */
    TI_FRAME_HEAD_BYTES_MAX = 384,
    /* CBOR items besides those of the map, which has TROUPE_ITEMS_MAX for itself. */
    TI_FRAME_HEAD_ITEMS_MAX = 128,
    /* No frame is longer: a longer map is refused, and the rest is bounded by its elements. */
    TI_FRAME_BYTES_MAX = TROUPE_FRAME_BYTES_MAX + TI_FRAME_HEAD_BYTES_MAX,
    TI_FRAME_HELLO_BYTES_MAX = 16 * 1024,
    /* A heartbeat with TI_FRAME_HEARTBEAT_TOPICS_MAX topics fits in TROUPE_EVENT_BYTES_MAX. */
    TI_FRAME_HEARTBEAT_TOPICS_MAX = 256,
    TI_FRAME_TOPIC_BYTES_MAX = 21,
};

/* The first bytes of every heartbeat: what a SUB socket subscribes to besides its topics. */
#define TI_FRAME_HEARTBEAT_PREFIX       "\x83\x0c"
#define TI_FRAME_HEARTBEAT_PREFIX_BYTES 2

/* Channels of credit besides 0 and those of streams. */
enum { TI_CHANNEL_BLOBS_ASKED = 1, TI_CHANNEL_BLOBS_ANSWERED = 3 };

enum frame_kind {
    FRAME_HELLO,
    FRAME_REQUEST,
    FRAME_REPLY,
    FRAME_ERROR,
    FRAME_EVENT,
    FRAME_CANCEL,
    FRAME_CREDIT,
    FRAME_ITEM,
    FRAME_CHUNK,
    FRAME_GOAWAY,
    FRAME_BYE,
    FRAME_BYE_ACK,
    FRAME_HEARTBEAT,
    FRAME_DROP,
};

enum frame_owner { FRAME_OWNER_SENDER, FRAME_OWNER_RECEIVER };
struct frame_ref {
    enum frame_owner owner;
    uint64_t id;
};

/* What a message carries, on the wire. */
struct frame_body {
    struct troupe_bytes data; /* one map [borrowed] */
    uint64_t blob_size;       /* 0: none */
    size_t refs_count;
    struct frame_ref refs[TROUPE_REFS_MAX]; /* only the first refs_count are set */
};

/* Elements of a frame that was read, to be taken one by one; they were checked already. */
struct frame_list {
    const uint8_t *data;
    size_t size;
    size_t count; /* left */
};

struct frame_interface {
    uint32_t id;
    uint32_t version;
    uint64_t hash;
};
struct frame_topic {
    uint32_t interface;
    uint32_t event;
    uint64_t source;
    uint64_t sequence; /* the latest */
};

struct frame_hello {
    uint32_t protocol;
    uint32_t frame_bytes_max;
    uint32_t inflight_max;
    struct frame_list interfaces; /* ti_frame_next_interface */
    struct frame_list roles;      /* ti_frame_next_role */
};
struct frame_request {
    uint64_t id; /* 0: a tell */
    uint64_t target;
    uint32_t interface;
    uint32_t method;
    uint32_t budget_ms;
    uint64_t trace;
    uint64_t waiting; /* 0: none */
    struct frame_body body;
};
struct frame_reply {
    uint64_t id;
    struct frame_body body;
};
struct frame_error {
    uint64_t id;
    uint32_t code;
    struct troupe_text text;
    struct troupe_bytes data; /* empty: none */
};
struct frame_event {
    uint32_t interface;
    uint32_t event;
    uint64_t source;
    uint64_t epoch;
    uint64_t sequence;
    struct frame_body body; /* no blob */
};
struct frame_credit {
    uint64_t channel;
    uint32_t bytes;
    uint32_t messages;
};
struct frame_item {
    uint64_t id;
    uint64_t index;
    struct frame_body body;
};
struct frame_chunk {
    uint64_t stream;
    uint64_t offset;
    struct troupe_bytes bytes;
    bool last;
};
struct frame_goaway {
    uint32_t code;
    struct troupe_text text;
    uint64_t last_id;
};
struct frame_heartbeat {
    uint64_t epoch;
    struct frame_list topics; /* ti_frame_next_topic */
};

struct frame {
    enum frame_kind kind;
    union {
        struct frame_hello hello;
        struct frame_request request;
        struct frame_reply reply;
        struct frame_error error;
        struct frame_event event;
        uint64_t cancel; /* id */
        struct frame_credit credit;
        struct frame_item item;
        struct frame_chunk chunk;
        struct frame_goaway goaway;
        struct frame_heartbeat heartbeat;
        uint64_t drop; /* target */
    };
};

/* Reads the frame at the start of `data` [borrowed: `ret_frame` points into it]. On success
 * `ret_used` is its size; what follows is the next frame. `ret_error` may be NULL.
 * Errors: TROUPE_EMALFORMED, TROUPE_EPROTOCOL (a kind that this protocol does not have). After
 * either `ret_frame` is undefined and the rest of `data` can't be trusted. */
TROUPE_CHECKED int ti_frame_read(const uint8_t *data, size_t size, size_t *ret_used,
                                 struct frame *ret_frame, struct troupe_error *ret_error);

/* The next element; false at the end. */
bool ti_frame_next_interface(struct frame_list *list, struct frame_interface *ret_interface);
bool ti_frame_next_role(struct frame_list *list, struct troupe_text *ret_role);
bool ti_frame_next_topic(struct frame_list *list, struct frame_topic *ret_topic);

/* All of these write one frame to `to`, which has room for `max` bytes, and return its size; 0 if
 * it does not fit or a value is outside the limits above, which is the caller's bug. body.data,
 * error data and chunk bytes are copied verbatim; TI_FRAME_HEAD_BYTES_MAX more is room enough. */
size_t ti_frame_write_hello(uint8_t *to, size_t max, uint32_t inflight_max,
                            const struct frame_interface *interfaces, size_t interfaces_count,
                            const char *const *roles, size_t roles_count);
size_t ti_frame_write_request(uint8_t *to, size_t max, const struct frame_request *request);
size_t ti_frame_write_reply(uint8_t *to, size_t max, const struct frame_reply *reply);
size_t ti_frame_write_error(uint8_t *to, size_t max, const struct frame_error *error);
size_t ti_frame_write_event(uint8_t *to, size_t max, const struct frame_event *event);
size_t ti_frame_write_cancel(uint8_t *to, size_t max, uint64_t id);
size_t ti_frame_write_credit(uint8_t *to, size_t max, const struct frame_credit *credit);
size_t ti_frame_write_item(uint8_t *to, size_t max, const struct frame_item *item);
size_t ti_frame_write_chunk(uint8_t *to, size_t max, const struct frame_chunk *chunk);
/* Writes it where its bytes are, TI_CHUNK_MARGIN_BYTES or more from either end of their room; `chunk`
 * is one that ti_frame_write_chunk would write. */
struct troupe_bytes ti_frame_around_chunk(uint8_t *bytes, const struct frame_chunk *chunk);
size_t ti_frame_write_goaway(uint8_t *to, size_t max, const struct frame_goaway *goaway);
size_t ti_frame_write_bye(uint8_t *to, size_t max);
size_t ti_frame_write_bye_ack(uint8_t *to, size_t max);
size_t ti_frame_write_heartbeat(uint8_t *to, size_t max, uint64_t epoch,
                                const struct frame_topic *topics, size_t topics_count);
size_t ti_frame_write_drop(uint8_t *to, size_t max, uint64_t target);

/* The first bytes of every event frame of a topic, for NNG_OPT_SUB_SUBSCRIBE. `to` has room for
 * TI_FRAME_TOPIC_BYTES_MAX; returns the size. */
size_t ti_frame_topic(uint8_t *to, uint32_t interface, uint32_t event, uint64_t source);

#endif
