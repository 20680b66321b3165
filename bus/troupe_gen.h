/* troupe_gen.h - what generated code calls: interface descriptions, the strict CBOR writer and
 * reader, and typed asks. People read it when they step through a facade; they do not write to it.
 *
 * Encoding: deterministic CBOR (RFC 8949, 4.2.1), structs as maps keyed by field ordinal. A ref is
 * an unsigned index into the message's table of refs; a blob is its size, the bytes travel beside.
 *
 * Both writer and reader are *sticky*: after the first error every further call does nothing (reads
 * give zero), and the finishing call reports it. So generated code is one statement per field. */
#ifndef TROUPE_GEN_H
#define TROUPE_GEN_H

#include "bus/troupe.h"

#ifdef __cplusplus
extern "C" {
#endif

/* ---- descriptions ---------------------------------------------------------------------------- */

typedef void troupe_any_fn(void);
struct troupe_reader;

/* Reads the arguments from `reader` and calls the method's function of the table `handlers`. If the
 * arguments are not valid it fails the call and runs nothing. */
typedef void troupe_dispatch_fn(const void *handlers, struct troupe_actor *self, void *state,
                                struct troupe_call *call, struct troupe_reader *reader);

enum troupe_method_flags {
    TROUPE_IDEMPOTENT = 1,  /* may be repeated after an unknown outcome */
    TROUPE_STREAM = 2,      /* many results, one completion */
    TROUPE_ONEWAY = 4,      /* no answer: sent with tell */
    TROUPE_SECRET_ARGS = 8, /* the arguments hold a secret: wiped, and never traced */
    TROUPE_SECRET_RESULTS = 16,
};
struct troupe_method {
    const struct troupe_interface *interface;
    uint32_t ordinal;
    uint32_t flags;
    uint32_t deadline_ms;         /* of the whole call; for a stream, of each item */
    uint64_t blob_args_bytes_max; /* 0: no blob */
    uint64_t blob_results_bytes_max;
    uint32_t since; /* the interface's version that brought it; 0: the first */
    const char *name;
    troupe_dispatch_fn *dispatch;
};
enum troupe_overflow { TROUPE_GAP, TROUPE_LATEST };
struct troupe_event {
    const struct troupe_interface *interface;
    uint32_t ordinal;
    enum troupe_overflow overflow;
    const char *name;
    const struct troupe_method
        *snapshot; /* or NULL; then where its results say what they include */
    uint32_t epoch_ordinal;
    uint32_t sequence_ordinal;
};
struct troupe_interface {
    uint32_t id;
    uint32_t version;
    uint64_t hash; /* first 8 bytes, big-endian, of the SHA-256 of the canonical text */
    const char *name;
    const struct troupe_method *methods; /* by rising ordinal */
    size_t methods_count;
    const struct troupe_event *events; /* by rising ordinal */
    size_t events_count;
    const char *text; /* the canonical .iface text, doc lines included: introspection */
};

/* ---- writer ---------------------------------------------------------------------------------- */

/* Writes into a buffer of the thread's own, of TROUPE_FRAME_BYTES_MAX: nothing is allocated. One
 * writer at a time per thread is open: init, put, then the send that takes its body. */
struct troupe_writer {
    uint8_t *data;
    size_t size;
    size_t max;
    uint32_t items_left; /* of TROUPE_ITEMS_MAX */
    int error;           /* 0, or the first failure */
    const char *what;    /* the field that failed */
    struct troupe_ref refs[TROUPE_REFS_MAX];
    size_t refs_count;
    struct troupe_blob blob;
};
void troupe_writer_init(struct troupe_writer *writer);
void troupe_put_uint(struct troupe_writer *writer, uint64_t value);
void troupe_put_int(struct troupe_writer *writer, int64_t value);
void troupe_put_bool(struct troupe_writer *writer, bool value);
void troupe_put_null(struct troupe_writer *writer); /* an absent element of an array of T? */
/* `what` names the field for the error. Over `max` or invalid UTF-8: TROUPE_EINVAL. */
void troupe_put_text(struct troupe_writer *writer, struct troupe_text text, size_t max,
                     const char *what);
void troupe_put_bytes(struct troupe_writer *writer, struct troupe_bytes bytes, size_t max,
                      const char *what);
void troupe_put_fixed(struct troupe_writer *writer, const uint8_t *data, size_t size);
void troupe_put_map(struct troupe_writer *writer,
                    size_t pairs); /* then key, value, key, value ... */
void troupe_put_array(struct troupe_writer *writer, size_t count, size_t max, const char *what);
void troupe_put_ref(struct troupe_writer *writer, struct troupe_ref ref);
void troupe_put_blob(struct troupe_writer *writer, struct troupe_blob blob, uint64_t max,
                     const char *what);
/* A value the sender got wrong, for example an unknown value of a closed enum. */
void troupe_put_invalid(struct troupe_writer *writer, const char *what);

/* ---- reader ---------------------------------------------------------------------------------- */

/* A cursor over one message. Strict: shortest forms, definite lengths, rising keys, no tags, no
 * floats, valid UTF-8, bounded depth, items and memory. */
struct troupe_reader {
    const uint8_t *data;
    size_t size;
    size_t at;
    unsigned depth;
    uint32_t items_left; /* of TROUPE_ITEMS_MAX */
    int error;
    const char *what;               /* the field that failed; NULL: none in particular */
    const char *why;                /* how it failed */
    size_t error_at;                /* byte offset of the first failure */
    const struct troupe_body *body; /* for its refs and blob */
    struct troupe_arena *arena;     /* where arrays go; freed with the message */
};
/* An open map: how many pairs remain and the key before. */
struct troupe_map {
    uint64_t left;
    uint64_t last_key;
    bool first;
};
/* A reader over a map [borrowed] that came otherwise than as a message: a ref or a blob that it names is
 * invalid, and arrays are read element by element. */
void troupe_reader_init(struct troupe_reader *reader, const uint8_t *data, size_t size);
void troupe_get_map(struct troupe_reader *reader, struct troupe_map *ret_map);
/* The next key; false at the end of the map or after an error. */
bool troupe_get_key(struct troupe_reader *reader, struct troupe_map *map, uint64_t *ret_key);
uint64_t troupe_get_uint(struct troupe_reader *reader, uint64_t max, const char *what);
int64_t troupe_get_int(struct troupe_reader *reader, int64_t min, int64_t max, const char *what);
bool troupe_get_bool(struct troupe_reader *reader, const char *what);
/* True, and consumed, if the next item is null. */
bool troupe_get_null(struct troupe_reader *reader);
struct troupe_text troupe_get_text(struct troupe_reader *reader, size_t max, const char *what);
struct troupe_bytes troupe_get_bytes(struct troupe_reader *reader, size_t max, const char *what);
void troupe_get_fixed(struct troupe_reader *reader, uint8_t *to, size_t size, const char *what);
/* Opens an array and returns zeroed memory for its elements [borrowed, as long as the message]; NULL
 * when it is empty, with `element_size` 0, or after an error. Follow it with troupe_get_array_end. */
void *troupe_get_array(struct troupe_reader *reader, size_t max, size_t element_size,
                       size_t *ret_count, const char *what);
void troupe_get_array_end(struct troupe_reader *reader);
struct troupe_ref troupe_get_ref(struct troupe_reader *reader, const char *what);
struct troupe_blob troupe_get_blob(struct troupe_reader *reader, uint64_t max, const char *what);
/* Passes over a value of a field that this version does not know. */
void troupe_get_skip(struct troupe_reader *reader);
/* A value that the interface does not allow. */
void troupe_get_invalid(struct troupe_reader *reader, const char *what);
/* Fails unless all bits of `required` are set in `seen`; `what` names the struct. */
void troupe_get_require(struct troupe_reader *reader, uint64_t seen, uint64_t required,
                        const char *what);
/* 0 if everything was read, to the last byte, without a failure; otherwise TROUPE_EMALFORMED,
 * TROUPE_EINVAL or TROUPE_ENOMEM with `ret_error` (may be NULL) told in full. */
int troupe_reader_finish(struct troupe_reader *reader, struct troupe_error *ret_error);

/* ---- facades --------------------------------------------------------------------------------- */

/* Between the bus and a typed callback: reads the results (or takes the error) and calls `on_done`,
 * cast back to its own type, exactly once. `reader` is NULL when `error` is set. For an item of a
 * stream it is called with the item's reader and `on_done` being the item callback. */
typedef void troupe_typed_fn(struct troupe_actor *self, troupe_any_fn *on_done, void *user,
                             const struct troupe_error *error, struct troupe_reader *reader);

/* The writer holds the arguments; its error, if any, is returned and nothing is sent. */
TROUPE_CHECKED int troupe_gen_tell(struct troupe *troupe, struct troupe_ref to,
                                   const struct troupe_method *method,
                                   const struct troupe_writer *writer);
TROUPE_CHECKED int troupe_gen_ask(struct troupe_actor *self, struct troupe_ref to,
                                  const struct troupe_method *method,
                                  const struct troupe_writer *writer, troupe_typed_fn *typed,
                                  troupe_any_fn *on_done, void *user,
                                  const struct troupe_options *options);
/* As troupe_gen_ask, with `typed_item` and `on_item` for each item, then `typed` and `on_done`. */
TROUPE_CHECKED int troupe_gen_ask_stream(struct troupe_actor *self, struct troupe_ref to,
                                         const struct troupe_method *method,
                                         const struct troupe_writer *writer,
                                         troupe_typed_fn *typed_item, troupe_any_fn *on_item,
                                         troupe_typed_fn *typed, troupe_any_fn *on_done, void *user,
                                         const struct troupe_options *options);
/* Waits. On success `ret_reader` stands at the results, which live until troupe_release of
 * `ret_message`. */
TROUPE_CHECKED int troupe_gen_call(struct troupe *troupe, struct troupe_ref to,
                                   const struct troupe_method *method,
                                   const struct troupe_writer *writer,
                                   struct troupe_reader *ret_reader,
                                   struct troupe_message **ret_message,
                                   struct troupe_error *ret_error,
                                   const struct troupe_options *options);
/* Waits for a stream to end; `typed_item` runs on this thread for each item, with self NULL. */
TROUPE_CHECKED int troupe_gen_call_stream(struct troupe *troupe, struct troupe_ref to,
                                          const struct troupe_method *method,
                                          const struct troupe_writer *writer,
                                          troupe_typed_fn *typed_item, troupe_any_fn *on_item,
                                          void *user, struct troupe_error *ret_error,
                                          const struct troupe_options *options);

/* ---- skeletons and events -------------------------------------------------------------------- */

/* Both take the call over, as troupe_reply does. A writer's error reaches the asker. */
int troupe_gen_reply(struct troupe_call *call, const struct troupe_writer *writer);
int troupe_gen_fail(struct troupe_call *call, int code, const struct troupe_writer *writer,
                    const char *text);
TROUPE_CHECKED int troupe_gen_item(struct troupe_call *call, const struct troupe_writer *writer);
/* Dispatch's own failure: the arguments did not decode. Takes the call over. */
void troupe_gen_refuse(struct troupe_call *call, struct troupe_reader *reader);

/* `reader` is NULL when events were lost. */
typedef void troupe_typed_event_fn(struct troupe_actor *self, troupe_any_fn *on_event, void *user,
                                   struct troupe_reader *reader,
                                   const struct troupe_event_info *info);
int troupe_gen_publish(struct troupe_actor *self, const struct troupe_event *event,
                       const struct troupe_writer *writer);
TROUPE_CHECKED int troupe_gen_subscribe(struct troupe_actor *self, struct troupe_ref source,
                                        const struct troupe_event *event,
                                        troupe_typed_event_fn *typed, troupe_any_fn *on_event,
                                        void *user, struct troupe_handler **ret_handler);
/* Snapshot, then stream: subscribes, asks for event->snapshot, and goes on from there. `on_snapshot`
 * is a done callback of that method, of which `typed_snapshot` is the shim. */
TROUPE_CHECKED int troupe_gen_follow(struct troupe_actor *self, struct troupe_ref source,
                                     const struct troupe_event *event,
                                     troupe_typed_fn *typed_snapshot, troupe_any_fn *on_snapshot,
                                     troupe_typed_event_fn *typed, troupe_any_fn *on_event,
                                     void *user, struct troupe_handler **ret_handler);
/* What a snapshot that is sent now includes: the position of the answering actor's own `event`. */
void troupe_gen_stamp(const struct troupe_call *call, const struct troupe_event *event,
                      uint64_t *ret_epoch, uint64_t *ret_sequence);
/* A reader over the data of a declared error; finish it with troupe_reader_finish. */
void troupe_gen_error_reader(const struct troupe_error *error, struct troupe_reader *ret_reader);

/* True if the process of `ref` said in hello that it serves the method: feature test. True for a
 * local target that serves it. */
bool troupe_gen_has(struct troupe *troupe, struct troupe_ref ref,
                    const struct troupe_method *method);

#ifdef __cplusplus
}
#endif

#endif
