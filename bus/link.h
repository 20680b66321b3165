/* link.h - a link: what joins this process to one other.
 *
 *              open            hello came             close, or BYE came      both BYEs acknowledged
 *   CONNECTING -----> (hello) -----------> UP ------------------> DRAINING -----------------> GONE
 *        |                                  |                        |                          ^
 *        +-- no hello in time --------------+-- carrier gone, or ----+-- time is over ----------+
 *                                               peer broke a rule
 *
 * links.c lists them, link.c holds the life of one. What leaves: link_ask.c and link_answer.c make
 * the frames, link_out.c has the lanes. What arrives: link_in.c, link_blob.c, link_control.c. One lock
 * per link covers all of it. Frames arrive on one thread at a time (of the carrier, the loop, or a
 * caller that leads its bypass); anyone sends. What must not happen inside a carrier's callback
 * (closing) is done on the loop's thread. */
#ifndef TROUPE_BUS_LINK_H
#define TROUPE_BUS_LINK_H

#include "bus/carrier.h"
#include "bus/frame.h"
#include "bus/runtime.h"

/* Frames that wait, joined: what will be one NNG message. */
struct ti_segment {
    struct ti_segment *next;
    size_t size;
    size_t room;
    uint32_t frames;
    bool wipe; /* holds a secret */
    uint8_t data[];
};

/* What the carrier is given at once: a segment, or the frame of a piece of a blob. */
struct ti_batch {
    struct troupe_bytes bytes;
    struct ti_segment *segment;
    struct troupe_chunk *piece;
    bool wipe; /* the piece */
};

/* A queue of segments. Frames are numbered, so that it can be said which have left. */
struct ti_lane {
    struct ti_segment *first;
    struct ti_segment *last;
    uint64_t queued; /* frames ever put in */
    uint64_t sent;   /* frames ever handed to the carrier */
};

/* A blob: its frame goes first, then the chunks as credit allows. The frame of an answer goes here,
 * between the chunks of two blobs; that of a request in the normal lane, where ids rise. */
struct ti_bulk {
    struct ti_bulk *next;
    size_t cost;              /* its memory */
    bool item;                /* of a stream */
    struct ti_segment *frame; /* NULL: sent, or not here */
    uint64_t after;           /* the normal lane's frame that must have left before the chunks */
    uint64_t stream;
    struct troupe_chunk *blob; /* what is left of it; NULL: none */
    size_t offset;
    bool wipe;
};

/* The blobs of requests, or those of answers: a lane of its own for each, because answers must get
 * through for requests to be done with. A window of TROUPE_LINK_BLOB_BYTES_MAX lets any blob in. */
enum ti_blobs { TI_BLOBS_ASKED, TI_BLOBS_ANSWERED, TI_BLOBS };
struct ti_blob_lane {
    struct ti_bulk *first;
    struct ti_bulk *last;
    size_t queued_bytes; /* their memory */
    size_t window_bytes; /* what we may still send of chunks */
    size_t unread_bytes; /* the peer's chunks that count against its window */
    size_t owed_bytes;   /* no more, the peer not yet told */
};

/* A message whose blob is still arriving. */
struct ti_assembly {
    struct troupe_message *message;
    struct troupe_chunk *last; /* being filled */
    size_t room;               /* left in it */
    size_t expected;
    size_t received;
};

/* A request of ours, until it is answered. If it never is, it becomes the message that says so to
 * `failed.from`, who asked: that needs no memory. */
struct ti_outgoing {
    struct troupe_message failed; /* first: freed as that message */
    uint64_t id;
    const struct troupe_method *method;
    uint64_t trace;
    struct ti_span time;
    uint64_t number;  /* of its frame in the normal lane */
    uint64_t items;   /* that came */
    uint64_t granted; /* that may come */
    struct ti_assembly assembly;
};

/* A request of the peer's, until it is answered. */
struct ti_incoming {
    uint64_t id;
    uint64_t actor;
    uint32_t interface;
    uint32_t method;
    uint64_t trace;
    struct ti_span time;
    struct ti_link *onward; /* held: it was forwarded there, and `actor` is 0 */
    uint64_t onward_id;
    uint64_t items;
    uint64_t credited; /* items that the peer has acknowledged */
    bool bulk;         /* an item went through the bulk lane: all that follows must, too */
    bool waits;        /* an item was refused for want of room */
    bool cancelled;
    bool admitted;                  /* its reply has room */
    bool called_up;                 /* but only now: its actor has yet to see it again */
    size_t reply_bytes;             /* the room, kept until it is answered */
    struct troupe_message *in_line; /* the request, until its reply has room */
    struct ti_incoming *line_next;
    struct ti_assembly assembly;
};

enum ti_link_phase { TI_LINK_CONNECTING, TI_LINK_UP, TI_LINK_DRAINING, TI_LINK_GONE };

struct ti_link_seat {
    char *role;
    uint32_t number; /* of the role in this process */
    uint64_t proxy;  /* of an export of a gate: who stands for it */
    bool up;         /* its event socket is connected */
    uint32_t listener;
    struct ti_publisher *publisher;   /* of an export */
    struct ti_subscriber *subscriber; /* of an import */
    struct ti_link *link;
};

/* As struct troupe_permit. */
struct ti_permit {
    uint64_t target; /* of the role */
    uint32_t interface;
    uint32_t method; /* 0: all */
};

/* Of a gate: an event that the peer listens to. */
struct ti_pass {
    uint64_t proxy;
    uint64_t source; /* as the peer names it */
    uint32_t interface;
    uint32_t event;
    bool owes; /* the peer has yet to be told up to where it missed them */
    uint64_t epoch;
    uint64_t sequence;
};

#define TI_PEER_INTERFACES_MAX 64

struct ti_link {
    atomic_uint holders;
    struct troupe *troupe;
    uint64_t id;
    char peer[64];
    struct ti_link *next; /* in troupe->links */
    pthread_mutex_t lock;
    enum ti_link_phase phase;
    atomic_bool ended; /* that it is TI_LINK_GONE, for who does not have the lock */
    atomic_bool full;  /* likewise, that queued_bytes is TROUPE_LINK_QUEUE_BYTES_MAX or more */
    struct ti_carrier *carrier;
    struct ti_link_seat *exports;
    size_t exports_count;
    struct ti_link_seat *imports;
    size_t imports_count;
    struct ti_permit *permits; /* constant; NULL: all */
    size_t permits_count;
    bool gate; /* constant: what it exports is elsewhere, its events go here (gate.c) */
    struct ti_pass *passes;
    size_t passes_count;
    size_t passes_owing;
    int why; /* of the end */
    char why_text[TROUPE_TEXT_BYTES_MAX + 1];
    uint64_t timer;    /* for hello, then for the drain */
    uint32_t reserved; /* timers: what becomes of a link must not fail */
    /* NNG 1.10 sometimes keeps for ever a descriptor that is closed while it takes it over. */
    uint64_t settled_ns;
    uint64_t frames_in;
    uint64_t bytes_in;
    uint64_t bytes_out;
    /* out */
    bool sending;
    struct ti_batch leaving; /* what is being sent */
    bool apart;              /* being taken apart: nothing leaves any more */
    bool hello_in;
    bool bulk_turn;
    bool answers_turn; /* of the two lanes of blobs */
    bool bye_wanted;
    bool bye_out;
    bool bye_acked;
    struct ti_lane control;
    struct ti_lane normal;
    struct ti_blob_lane blobs[TI_BLOBS];
    struct ti_segment *spare;
    struct ti_segment *reserve; /* for what the peer must be told when there is no memory */
    bool later;                 /* a timer pumps */
    size_t queued_bytes;        /* in the control and normal lanes */
    size_t items_bytes;         /* of items, among the blobs of answers */
    size_t reserved_bytes;      /* for replies with blobs that are still to be made */
    bool streams_wait;          /* an item was refused for want of room */
    uint32_t window_messages;   /* what we may still send */
    size_t window_bytes;
    uint64_t next_id;
    struct ti_table outgoing;
    struct ti_table shared; /* actors handed to the peer: id -> times */
    /* in */
    uint64_t arrived_ns; /* the batch; of who receives, without the lock */
    bool bye_in;
    bool goaway_in;
    uint64_t goaway_last_id; /* the last request of ours that the peer had seen */
    uint64_t last_id;
    struct ti_table incoming;
    size_t incoming_cancelled; /* of them, by the peer */
    uint32_t unread_messages;  /* of the peer's, not yet handled here */
    size_t unread_bytes;
    uint32_t owed_messages; /* handled, the peer not yet told */
    size_t owed_bytes;
    struct ti_incoming *line_first; /* requests that wait for room for their reply */
    struct ti_incoming *line_last;
    uint32_t called_up; /* of those that waited */
    struct frame_interface interfaces[TI_PEER_INTERFACES_MAX];
    size_t interfaces_count;
};

/* ---- links.c ---- */
/* A link as `config` has it, not open yet, held once. NULL: no memory. */
struct ti_link *ti_link_new(struct troupe *troupe, const struct troupe_link_config *config);
/* Gives it an id and lists it. TROUPE_EBUSY: TROUPE_LINKS_MAX. */
int ti_links_add(struct ti_link *link);
void ti_links_remove(struct ti_link *link);

/* ---- link.c ---- */
/* The lock is held: the link ends for this reason; the loop takes it apart. */
void ti_link_end(struct ti_link *link, int why, const char *text);
/* The lock is held: looks whether hello, or the drain, is complete. */
void ti_link_progress(struct ti_link *link);
/* The lock is held: no new requests; BYE when the rest is done. */
void ti_link_drain(struct ti_link *link);

/* ---- link_out.c: the lock is held in all of these ---- */
/* With a copy of the blob, and room for a frame of at most `frame_max` bytes, 0: none. NULL: out of
 * memory. */
struct ti_bulk *ti_bulk_new(struct ti_link *link, uint64_t stream, const struct troupe_blob *blob,
                            size_t frame_max);
void ti_bulk_add(struct ti_link *link, struct ti_bulk *bulk);
/* What was being sent has left. */
void ti_link_left(struct ti_link *link);
/* Sends the next batch, if none is on its way. Ends the link when too much waits. */
void ti_link_pump(struct ti_link *link);
/* Room for a frame of at most `max` bytes at the end of a lane; NULL: no memory. Then commit. */
uint8_t *ti_lane_room(struct ti_link *link, struct ti_lane *lane, size_t max);
/* The same for what the peer must be told: it takes the reserve, and without that ends the link. */
uint8_t *ti_lane_room_kept(struct ti_link *link, struct ti_lane *lane, size_t max);
void ti_lane_commit(struct ti_link *link, struct ti_lane *lane, size_t size);
/* Puts a credit frame in the control lane. */
void ti_link_send_credit(struct ti_link *link, uint64_t channel, size_t bytes, uint32_t messages);
/* False: no memory. */
bool ti_link_out_init(struct ti_link *link);
bool ti_link_was_sent(const struct ti_link *link, const struct ti_outgoing *outgoing);
/* Frees what waits to be sent. */
void ti_link_out_free(struct ti_link *link);
bool ti_link_out_empty(const struct ti_link *link);

/* A blob could send its next piece now. */
bool ti_link_blobs_wait(const struct ti_link *link);

/* ---- link_turn.c ---- */
/* The lock is held: as ti_link_pump, but what an actor sends may wait for the end of its turn. */
void ti_link_pump_in_turn(struct ti_link *link);

/* ---- link_ask.c: the lock is held ---- */
/* How the peer can name what `body` holds. Hands actors of this process over. */
int ti_link_body_out(struct ti_link *link, const struct troupe_body *body,
                     struct frame_body *ret_body);
/* With the lock: the peer's hello named that interface, in this version or a later one. */
bool ti_link_lists(const struct ti_link *link, uint32_t interface, uint32_t version);
/* Puts a cancel of our request `wire` in its lane. */
void ti_link_put_cancel(struct ti_link *link, uint64_t wire);

/* ---- link_answer.c: the lock is held ---- */
/* Refuses a request that could not even be noted. */
void ti_link_refuse_request(struct ti_link *link, uint64_t id, int code);

/* ---- link_room.c ---- */
/* The lock is held: whether the item may be queued now; if not, its actor gets a TI_CREDIT of 0. */
bool ti_link_item_room(struct ti_link *link, struct ti_incoming *incoming, size_t size,
                       size_t blob_size);
/* The lock is held: the request has its answer, or needs none. What it had waiting is the caller's. */
void ti_incoming_done(struct ti_link *link, struct ti_incoming *incoming);
/* Lets go on what waited for room, as far as there is some. The lock is not held. */
void ti_link_let_go_on(struct ti_link *link);
/* The lock is held: it would let somebody go on. */
bool ti_link_can_go_on(const struct ti_link *link);

/* ---- gate.c ---- */
/* Finds who stands for each export. No lock is held. */
int ti_gate_open(struct ti_link *link);
/* The lock is held: the actor that stands for an export; 0: none. */
uint64_t ti_gate_seat(const struct ti_link *link, uint64_t target);
/* A question where a topic of a proxy stands goes to that proxy; 0: it is none. No lock is held. */
uint64_t ti_gate_source(struct ti_link *link, const struct frame_request *request);
/* The lock is held: tells the peer what it missed, if it reads again. */
void ti_gate_settle(struct ti_link *link);

/* ---- quota.c ---- */
struct bus_quota; /* of the generated interfaces/bus.h */
/* What the peer uses of each quota; returns how many there are. */
size_t ti_link_quotas(struct ti_link *link, struct bus_quota *to, size_t max);

/* ---- agent.c ---- */
/* Answers a request to the agent that must not wait for its turn; false: it may. No lock is held. */
bool ti_agent_quick(struct ti_link *link, const struct frame_request *request);
struct bus_subscribe_args;
struct bus_subscribe_results;
/* Where a topic of this process stands. The results borrow from what is returned: held, or NULL. */
struct ti_shared *ti_agent_topic_state(struct troupe *troupe, struct troupe_ref source,
                                       const struct bus_subscribe_args *args,
                                       struct bus_subscribe_results *ret_results);

/* ---- link_in.c ---- */
/* The carrier's on_receive. */
void ti_link_received(void *user, const uint8_t *data, size_t size, struct troupe_chunk **piece);
/* The subscriber's on_event; user is a seat. */
void ti_link_event(void *user, const uint8_t *data, size_t size);
void ti_outgoing_free(struct ti_outgoing *outgoing);
/* Ends it [owned] with an error. No lock is held, but in taking the link apart. */
void ti_outgoing_fail(struct ti_link *link, struct ti_outgoing *outgoing, int code);

/* ---- link_blob.c ---- */
/* The lock is held in these. Starts to wait for the blob of `message` [owned on success]. */
int ti_link_assemble(struct ti_assembly *assembly, struct troupe_message *message, uint64_t size);
/* The answer that was arriving will not. */
void ti_assembly_free(struct ti_link *link, struct ti_assembly *assembly);
/* So much of the peer's chunks does not count against its window any more. */
void ti_link_blobs_read(struct ti_link *link, enum ti_blobs which, size_t bytes);
/* `piece` as in on_receive: NULL, or what the chunk lies in, the last of its batch. */
void ti_link_handle_chunk(struct ti_link *link, const struct frame_chunk *chunk,
                          struct troupe_chunk **piece);

/* ---- link_control.c ---- */
/* The lock is held: the peer broke a rule; it is told, and the link ends. */
void ti_link_refuse(struct ti_link *link, int why, const char *text);
/* A code of the wire, as in enum troupe_error_code. */
int ti_link_code(uint32_t code);
void ti_link_handle_hello(struct ti_link *link, struct frame_hello *hello);
void ti_link_handle_cancel(struct ti_link *link, uint64_t id);
void ti_link_handle_credit(struct ti_link *link, const struct frame_credit *credit);
void ti_link_handle_drop(struct ti_link *link, uint64_t actor);
void ti_link_handle_bye(struct ti_link *link, bool ack);
void ti_link_handle_goaway(struct ti_link *link, const struct frame_goaway *goaway);

/* ---- link.c ---- */
/* Of one that is no longer in the table, and whose assembly is empty. */
void ti_incoming_free(struct ti_incoming *incoming);

#endif
