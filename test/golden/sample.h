/* sample.h - interface test.Sample, version 2: types, facade and skeleton.
 * Generated from sample.iface; change that, not this.
 *
 * A sample of everything. A comment end * / and a trigraph ? ?/ in a doc line do no harm, nor
 * does "this". */
#ifndef TEST_SUPPORT_SAMPLE_H
#define TEST_SUPPORT_SAMPLE_H

#include "bus/troupe.h"
#include "bus/troupe_gen.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Its number, methods and events: what troupe_service and the bus take. */
extern const struct troupe_interface sample_interface;

/* ---- bounds ---------------------------------------------------------------------------------- */

#define SAMPLE_EVERYTHING_LIMITED_MAX 10
#define SAMPLE_EVERYTHING_NAME_BYTES_MAX 8
#define SAMPLE_EVERYTHING_RAW_BYTES_MAX 4
#define SAMPLE_EVERYTHING_MAYBE_NAME_BYTES_MAX 8
#define SAMPLE_EVERYTHING_TITLE_BYTES_MAX 8
#define SAMPLE_EVERYTHING_EMPTY_BYTES_MAX 8
#define SAMPLE_EVERYTHING_NUMBERS_MAX 3
#define SAMPLE_EVERYTHING_POINTS_MAX 2
#define SAMPLE_EVERYTHING_HOLES_MAX 4
#define SAMPLE_EVERYTHING_WORDS_MAX 2
#define SAMPLE_EVERYTHING_WORDS_EACH_BYTES_MAX 3
#define SAMPLE_EVERYTHING_KEYS_MAX 2
#define SAMPLE_EVERYTHING_COLORS_MAX 2
#define SAMPLE_EVERYTHING_MAYBE_NUMBERS_MAX 2
#define SAMPLE_EVERYTHING_NUMBER_HOLES_MAX 3
#define SAMPLE_EVERYTHING_NUMBER_HOLES_EACH_MAX 9
#define SAMPLE_NEW_B_BYTES_MAX 8
#define SAMPLE_NEW_D_MAX 2
#define SAMPLE_DETAILED_REASON_BYTES_MAX 64
#define SAMPLE_ECHO_RESULTS_AGAIN_MAX 3
#define SAMPLE_UNLOCK_PASSPHRASE_BYTES_MAX 64
#define SAMPLE_STORE_NAME_BYTES_MAX 64
#define SAMPLE_STORE_CONTENT_BYTES_MAX 2097152
#define SAMPLE_STORE_RESULTS_BEFORE_BYTES_MAX 2097152
#define SAMPLE_COUNT_TO_MAX 1000
#define SAMPLE_COUNT_ITEM_NOTE_BYTES_MAX 16
#define SAMPLE_NOTE_TEXT_BYTES_MAX 100
#define SAMPLE_HAND_OTHERS_MAX 3
#define SAMPLE_GET_POINTS_RESULTS_POINTS_MAX 100
#define SAMPLE_CHANGED_COLORS_MAX 3
#define SAMPLE_NOTED_TEXT_BYTES_MAX 100

/* ---- types ----------------------------------------------------------------------------------- */

struct sample_key {
    uint8_t bytes[4];
};
/* What a thing is painted with.
 * Closed: other values are refused. */
enum sample_color {
    SAMPLE_COLOR_RED = 0,
    /* Between yellow and blue. */
    SAMPLE_COLOR_GREEN = 1,
    SAMPLE_COLOR_BLUE = 5,
};
/* Open: a value that this version does not know is kept. */
enum sample_mood {
    SAMPLE_MOOD_CALM = 0,
    SAMPLE_MOOD_WILD = 7,
};
struct sample_maybe_u8 {
    bool has;
    uint8_t value;
};
struct sample_point {
    int32_t x;
    int32_t y;
};
struct sample_maybe_point {
    bool has;
    struct sample_point value;
};
struct sample_everything {
    bool flag;
    uint8_t tiny;
    uint16_t small;
    uint32_t large;
    uint64_t huge;
    int8_t signed_tiny;
    int16_t signed_small;
    int32_t signed_large;
    int64_t signed_huge;
    uint32_t limited; /* u32<=10 */
    struct troupe_text name; /* text<=8 */
    struct troupe_bytes raw; /* bytes<=4 */
    struct sample_key key;
    enum sample_color color;
    enum sample_mood mood;
    struct sample_point point;
    /* Optional ones are not written when they are absent. */
    bool has_maybe_number;
    uint32_t maybe_number;
    bool has_maybe_name;
    struct troupe_text maybe_name; /* text<=8 */
    bool has_maybe_point;
    struct sample_point maybe_point;
    bool has_maybe_color;
    enum sample_color maybe_color;
    /* Defaults are not written when they are equal. */
    int32_t level; /* -5 if it is missing */
    int64_t lowest; /* -9223372036854775808 if it is missing */
    bool is_on; /* true if it is missing */
    struct troupe_text title; /* text<=8, "none" if it is missing */
    struct troupe_text empty; /* text<=8, "" if it is missing */
    enum sample_color paint; /* green if it is missing */
    uint64_t most; /* 18446744073709551615 if it is missing */
    const uint16_t *numbers; /* [u16]<=3 */
    size_t numbers_count;
    const struct sample_point *points; /* [Point]<=2 */
    size_t points_count;
    const struct sample_maybe_point *holes; /* [Point?]<=4 */
    size_t holes_count;
    const struct troupe_text *words; /* [text<=3]<=2 */
    size_t words_count;
    const struct sample_key *keys; /* [Key]<=2 */
    size_t keys_count;
    const enum sample_color *colors; /* [Color]<=2 */
    size_t colors_count;
    bool has_maybe_numbers;
    const uint32_t *maybe_numbers; /* [u32]<=2 */
    size_t maybe_numbers_count;
    const struct sample_maybe_u8 *number_holes; /* [u8<=9?]<=3 */
    size_t number_holes_count;
};
/* A struct before and after it was extended. */
struct sample_old {
    uint32_t a;
};
struct sample_new {
    uint32_t a;
    bool has_b;
    struct troupe_text b; /* text<=8, since version 2 */
    uint32_t c; /* 9 if it is missing, since version 2 */
    bool has_d;
    const struct sample_point *d; /* [Point]<=2, since version 2 */
    size_t d_count;
};

/* ---- errors ---------------------------------------------------------------------------------- */

enum {
    SAMPLE_PLAIN = 101,
    /* Says more. */
    SAMPLE_DETAILED = 102,
};
struct sample_detailed {
    uint32_t code;
    struct troupe_text reason; /* text<=64 */
    bool has_where;
    struct sample_point where;
};

/* Each answers `call` with its error and takes it over, as troupe_fail does; `text` may be NULL. */
int sample_fail_plain(struct troupe_call *call, const char *text);
int sample_fail_detailed(struct troupe_call *call, const struct sample_detailed *data,
                         const char *text);

/* Reads the fields of that error; texts and bytes point into `error`. TROUPE_EINVAL if its code is
 * another, TROUPE_EMALFORMED if its fields are not valid. */
TROUPE_CHECKED int sample_detailed_from_error(const struct troupe_error *error,
                                              struct sample_detailed *ret_data);

/* ---- messages -------------------------------------------------------------------------------- */

/* The arguments of echo. */
struct sample_echo_args {
    struct sample_everything all;
};
/* The results of echo. */
struct sample_echo_results {
    struct troupe_message *message; /* owns what is pointed to: see the sync call */
    struct sample_everything all;
    const struct sample_everything *again; /* [Everything]<=3 */
    size_t again_count;
};
/* The arguments of unlock. */
struct sample_unlock_args {
    struct troupe_text passphrase; /* text<=64, secret */
    struct sample_key pin; /* secret */
};
/* The results of unlock. */
struct sample_unlock_results {
    struct sample_key key; /* secret */
};
/* The arguments of store. */
struct sample_store_args {
    struct troupe_text name; /* text<=64 */
    struct troupe_blob content; /* blob<=2097152 */
};
/* The results of store. */
struct sample_store_results {
    struct troupe_message *message; /* owns what is pointed to: see the sync call */
    bool has_before;
    struct troupe_blob before; /* blob<=2097152 */
};
/* The arguments of count. */
struct sample_count_args {
    uint32_t to; /* u32<=1000 */
};
/* One result of count. */
struct sample_count_item {
    uint32_t number;
    bool has_note;
    struct troupe_text note; /* text<=16 */
};
/* The arguments of note. */
struct sample_note_args {
    struct troupe_text text; /* text<=100 */
};
/* The arguments of hand. */
struct sample_hand_args {
    struct troupe_ref who; /* to Sample */
    const struct troupe_ref *others; /* [ref<other.Thing>]<=3 */
    size_t others_count;
};
/* The results of hand. */
struct sample_hand_results {
    bool has_back;
    struct troupe_ref back; /* to Sample */
};
/* The arguments of late. */
struct sample_late_args {
    struct sample_key key;
};
/* The results of late. */
struct sample_late_results {
    uint32_t number;
};
/* The results of get_points. */
struct sample_get_points_results {
    struct troupe_message *message; /* owns what is pointed to: see the sync call */
    const struct sample_point *points; /* [Point]<=100 */
    size_t points_count;
    uint64_t epoch;
    uint64_t sequence;
};

/* ---- skeleton: for the actor that serves it -------------------------------------------------- */

/* What troupe_service takes as `handlers`. `state` is the actor's own; `args` [borrowed] is
 * valid until the function returns: after troupe_defer keep a copy, what it points to stays with
 * the call. An entry that is NULL answers TROUPE_EUNIMPLEMENTED. */
struct sample_handlers {
    void (*nothing)(struct troupe_actor *self, void *state, struct troupe_call *call);
    void (*echo)(struct troupe_actor *self, void *state, struct troupe_call *call,
                 const struct sample_echo_args *args);
    void (*unlock)(struct troupe_actor *self, void *state, struct troupe_call *call,
                   const struct sample_unlock_args *args);
    void (*store)(struct troupe_actor *self, void *state, struct troupe_call *call,
                  const struct sample_store_args *args);
    void (*count)(struct troupe_actor *self, void *state, struct troupe_call *call,
                  const struct sample_count_args *args);
    void (*note)(struct troupe_actor *self, void *state, struct troupe_call *call,
                 const struct sample_note_args *args);
    void (*hand)(struct troupe_actor *self, void *state, struct troupe_call *call,
                 const struct sample_hand_args *args);
    void (*late)(struct troupe_actor *self, void *state, struct troupe_call *call,
                 const struct sample_late_args *args);
    void (*get_points)(struct troupe_actor *self, void *state, struct troupe_call *call);
};

/* Answers. Each but ..._item takes the call over, as troupe_reply does; _item is as troupe_item.
 * The reply of an event's snapshot fills in epoch and sequence itself: it has to hold what there
 * is when it is sent, and to come from the actor that publishes. */
int sample_nothing_reply(struct troupe_call *call);
int sample_echo_reply(struct troupe_call *call, const struct sample_echo_results *results);
int sample_unlock_reply(struct troupe_call *call, const struct sample_unlock_results *results);
int sample_store_reply(struct troupe_call *call, const struct sample_store_results *results);
TROUPE_CHECKED int sample_count_item(struct troupe_call *call,
                                     const struct sample_count_item *item);
int sample_count_end(struct troupe_call *call);
int sample_hand_reply(struct troupe_call *call, const struct sample_hand_results *results);
int sample_late_reply(struct troupe_call *call, const struct sample_late_results *results);
int sample_get_points_reply(struct troupe_call *call,
                            const struct sample_get_points_results *results);

/* ---- facade: for those who call it ----------------------------------------------------------- */

/* Each method three ways: NAME waits (plain threads only), NAME_ask completes later in the
 * actor, and sample_has_NAME says whether `to` serves it. Errors are those of troupe_call,
 * troupe_ask and troupe_tell, and what a method throws; a value that breaks a bound is
 * TROUPE_EINVAL and nothing is sent. `options` and `ret_error` may be NULL. Callbacks get
 * exactly one of `error` and results. A oneway method has only NAME: it never waits and may be
 * called from anywhere. */

/* Deadline 5000 ms. */
typedef void sample_nothing_done(struct troupe_actor *self, void *user,
                                 const struct troupe_error *error);
TROUPE_CHECKED int sample_nothing(struct troupe *troupe, struct troupe_ref to,
                                  struct troupe_error *ret_error,
                                  const struct troupe_options *options);
TROUPE_CHECKED int sample_nothing_ask(struct troupe_actor *self, struct troupe_ref to,
                                      sample_nothing_done *on_done, void *user,
                                      const struct troupe_options *options);
bool sample_has_nothing(struct troupe *troupe, struct troupe_ref to);

/* Gives back what it gets. Deadline 1500 ms. Throws SAMPLE_PLAIN, SAMPLE_DETAILED. Idempotent:
 * may be repeated after an unknown outcome. The results of the sync call point into
 * ret_results->message [owned]: free it with troupe_release. Those that a callback gets are
 * [borrowed] until it returns, and their message is NULL. */
typedef void sample_echo_done(struct troupe_actor *self, void *user,
                              const struct troupe_error *error,
                              const struct sample_echo_results *results);
TROUPE_CHECKED int sample_echo(struct troupe *troupe, struct troupe_ref to,
                               const struct sample_echo_args *args,
                               struct sample_echo_results *ret_results,
                               struct troupe_error *ret_error,
                               const struct troupe_options *options);
TROUPE_CHECKED int sample_echo_ask(struct troupe_actor *self, struct troupe_ref to,
                                   const struct sample_echo_args *args, sample_echo_done *on_done,
                                   void *user, const struct troupe_options *options);
bool sample_has_echo(struct troupe *troupe, struct troupe_ref to);

/* Deadline 5000 ms. */
typedef void sample_unlock_done(struct troupe_actor *self, void *user,
                                const struct troupe_error *error,
                                const struct sample_unlock_results *results);
TROUPE_CHECKED int sample_unlock(struct troupe *troupe, struct troupe_ref to,
                                 const struct sample_unlock_args *args,
                                 struct sample_unlock_results *ret_results,
                                 struct troupe_error *ret_error,
                                 const struct troupe_options *options);
TROUPE_CHECKED int sample_unlock_ask(struct troupe_actor *self, struct troupe_ref to,
                                     const struct sample_unlock_args *args,
                                     sample_unlock_done *on_done, void *user,
                                     const struct troupe_options *options);
bool sample_has_unlock(struct troupe *troupe, struct troupe_ref to);

/* Deadline 5000 ms. The results of the sync call point into ret_results->message [owned]: free
 * it with troupe_release. Those that a callback gets are [borrowed] until it returns, and their
 * message is NULL. */
typedef void sample_store_done(struct troupe_actor *self, void *user,
                               const struct troupe_error *error,
                               const struct sample_store_results *results);
TROUPE_CHECKED int sample_store(struct troupe *troupe, struct troupe_ref to,
                                const struct sample_store_args *args,
                                struct sample_store_results *ret_results,
                                struct troupe_error *ret_error,
                                const struct troupe_options *options);
TROUPE_CHECKED int sample_store_ask(struct troupe_actor *self, struct troupe_ref to,
                                    const struct sample_store_args *args,
                                    sample_store_done *on_done, void *user,
                                    const struct troupe_options *options);
bool sample_has_store(struct troupe *troupe, struct troupe_ref to);

/* Counts up. Deadline 2000 ms per item. `on_each` runs once for each item [borrowed], with self
 * NULL in the sync call; then the call ends. */
typedef void sample_count_each(struct troupe_actor *self, void *user,
                               const struct sample_count_item *item);
typedef void sample_count_done(struct troupe_actor *self, void *user,
                               const struct troupe_error *error);
TROUPE_CHECKED int sample_count(struct troupe *troupe, struct troupe_ref to,
                                const struct sample_count_args *args, sample_count_each *on_each,
                                void *user, struct troupe_error *ret_error,
                                const struct troupe_options *options);
TROUPE_CHECKED int sample_count_ask(struct troupe_actor *self, struct troupe_ref to,
                                    const struct sample_count_args *args,
                                    sample_count_each *on_each, sample_count_done *on_done,
                                    void *user, const struct troupe_options *options);
bool sample_has_count(struct troupe *troupe, struct troupe_ref to);

/* Oneway: nothing comes back. */
TROUPE_CHECKED int sample_note(struct troupe *troupe, struct troupe_ref to,
                               const struct sample_note_args *args);
bool sample_has_note(struct troupe *troupe, struct troupe_ref to);

/* Deadline 5000 ms. */
typedef void sample_hand_done(struct troupe_actor *self, void *user,
                              const struct troupe_error *error,
                              const struct sample_hand_results *results);
TROUPE_CHECKED int sample_hand(struct troupe *troupe, struct troupe_ref to,
                               const struct sample_hand_args *args,
                               struct sample_hand_results *ret_results,
                               struct troupe_error *ret_error,
                               const struct troupe_options *options);
TROUPE_CHECKED int sample_hand_ask(struct troupe_actor *self, struct troupe_ref to,
                                   const struct sample_hand_args *args, sample_hand_done *on_done,
                                   void *user, const struct troupe_options *options);
bool sample_has_hand(struct troupe *troupe, struct troupe_ref to);

/* Deadline 5000 ms. Since version 2. */
typedef void sample_late_done(struct troupe_actor *self, void *user,
                              const struct troupe_error *error,
                              const struct sample_late_results *results);
TROUPE_CHECKED int sample_late(struct troupe *troupe, struct troupe_ref to,
                               const struct sample_late_args *args,
                               struct sample_late_results *ret_results,
                               struct troupe_error *ret_error,
                               const struct troupe_options *options);
TROUPE_CHECKED int sample_late_ask(struct troupe_actor *self, struct troupe_ref to,
                                   const struct sample_late_args *args, sample_late_done *on_done,
                                   void *user, const struct troupe_options *options);
bool sample_has_late(struct troupe *troupe, struct troupe_ref to);

/* All points, and up to which `added` that is so. Deadline 5000 ms. Idempotent: may be repeated
 * after an unknown outcome. The results of the sync call point into ret_results->message
 * [owned]: free it with troupe_release. Those that a callback gets are [borrowed] until it
 * returns, and their message is NULL. */
typedef void sample_get_points_done(struct troupe_actor *self, void *user,
                                    const struct troupe_error *error,
                                    const struct sample_get_points_results *results);
TROUPE_CHECKED int sample_get_points(struct troupe *troupe, struct troupe_ref to,
                                     struct sample_get_points_results *ret_results,
                                     struct troupe_error *ret_error,
                                     const struct troupe_options *options);
TROUPE_CHECKED int sample_get_points_ask(struct troupe_actor *self, struct troupe_ref to,
                                         sample_get_points_done *on_done, void *user,
                                         const struct troupe_options *options);
bool sample_has_get_points(struct troupe *troupe, struct troupe_ref to);

/* ---- events ---------------------------------------------------------------------------------- */

/* Publishing is as troupe_publish, subscribing as troupe_subscribe; disconnect with
 * troupe_handler_disconnect. When events were LOST `event` is NULL and info->sequence is 0. */

/* sample_follow_NAME keeps a copy level with its source. on_snapshot gets all there is, at first
 * and again whenever events were missed: it replaces the copy. on_event gets each event that
 * came after it, once and in order, never NULL. on_snapshot with an error: the copy may be old;
 * it is fetched again, on and on, until troupe_handler_disconnect. No callback runs before this
 * returns. Errors: as troupe_subscribe. */

/* The newest counts.
 * A slow subscriber keeps the newest. */
struct sample_changed {
    struct sample_point point;
    const enum sample_color *colors; /* [Color]<=3 */
    size_t colors_count;
};
typedef void sample_changed_fn(struct troupe_actor *self, void *user,
                               const struct sample_changed *event,
                               const struct troupe_event_info *info);
int sample_publish_changed(struct troupe_actor *self, const struct sample_changed *event);
TROUPE_CHECKED int sample_on_changed(struct troupe_actor *self, struct troupe_ref source,
                                     sample_changed_fn *on_event, void *user,
                                     struct troupe_handler **ret_handler);

/* A slow subscriber is told what it missed. */
typedef void sample_done_fn(struct troupe_actor *self, void *user,
                            const struct troupe_event_info *info);
int sample_publish_done(struct troupe_actor *self);
TROUPE_CHECKED int sample_on_done(struct troupe_actor *self, struct troupe_ref source,
                                  sample_done_fn *on_event, void *user,
                                  struct troupe_handler **ret_handler);

/* A slow subscriber is told what it missed. Since version 2. */
struct sample_noted {
    struct troupe_text text; /* text<=100 */
};
typedef void sample_noted_fn(struct troupe_actor *self, void *user,
                             const struct sample_noted *event,
                             const struct troupe_event_info *info);
int sample_publish_noted(struct troupe_actor *self, const struct sample_noted *event);
TROUPE_CHECKED int sample_on_noted(struct troupe_actor *self, struct troupe_ref source,
                                   sample_noted_fn *on_event, void *user,
                                   struct troupe_handler **ret_handler);

/* A slow subscriber is told what it missed. */
struct sample_added {
    struct sample_point point;
};
typedef void sample_added_fn(struct troupe_actor *self, void *user,
                             const struct sample_added *event,
                             const struct troupe_event_info *info);
int sample_publish_added(struct troupe_actor *self, const struct sample_added *event);
TROUPE_CHECKED int sample_on_added(struct troupe_actor *self, struct troupe_ref source,
                                   sample_added_fn *on_event, void *user,
                                   struct troupe_handler **ret_handler);
TROUPE_CHECKED int sample_follow_added(struct troupe_actor *self, struct troupe_ref source,
                                       sample_get_points_done *on_snapshot,
                                       sample_added_fn *on_event, void *user,
                                       struct troupe_handler **ret_handler);

/* ---- codec: one record each way, for tests and tools ----------------------------------------- */

void sample_color_write(struct troupe_writer *writer, enum sample_color value, const char *what);
enum sample_color sample_color_read(struct troupe_reader *reader, const char *what);
void sample_mood_write(struct troupe_writer *writer, enum sample_mood value, const char *what);
enum sample_mood sample_mood_read(struct troupe_reader *reader, const char *what);
void sample_point_write(struct troupe_writer *writer, const struct sample_point *value);
void sample_point_read(struct troupe_reader *reader, struct sample_point *value);
void sample_everything_write(struct troupe_writer *writer, const struct sample_everything *value);
void sample_everything_read(struct troupe_reader *reader, struct sample_everything *value);
void sample_old_write(struct troupe_writer *writer, const struct sample_old *value);
void sample_old_read(struct troupe_reader *reader, struct sample_old *value);
void sample_new_write(struct troupe_writer *writer, const struct sample_new *value);
void sample_new_read(struct troupe_reader *reader, struct sample_new *value);
void sample_detailed_write(struct troupe_writer *writer, const struct sample_detailed *value);
void sample_detailed_read(struct troupe_reader *reader, struct sample_detailed *value);
void sample_echo_args_write(struct troupe_writer *writer, const struct sample_echo_args *value);
void sample_echo_args_read(struct troupe_reader *reader, struct sample_echo_args *value);
void sample_echo_results_write(struct troupe_writer *writer,
                               const struct sample_echo_results *value);
void sample_echo_results_read(struct troupe_reader *reader, struct sample_echo_results *value);
void sample_unlock_args_write(struct troupe_writer *writer, const struct sample_unlock_args *value);
void sample_unlock_args_read(struct troupe_reader *reader, struct sample_unlock_args *value);
void sample_unlock_results_write(struct troupe_writer *writer,
                                 const struct sample_unlock_results *value);
void sample_unlock_results_read(struct troupe_reader *reader, struct sample_unlock_results *value);
void sample_store_args_write(struct troupe_writer *writer, const struct sample_store_args *value);
void sample_store_args_read(struct troupe_reader *reader, struct sample_store_args *value);
void sample_store_results_write(struct troupe_writer *writer,
                                const struct sample_store_results *value);
void sample_store_results_read(struct troupe_reader *reader, struct sample_store_results *value);
void sample_count_args_write(struct troupe_writer *writer, const struct sample_count_args *value);
void sample_count_args_read(struct troupe_reader *reader, struct sample_count_args *value);
void sample_count_item_write(struct troupe_writer *writer, const struct sample_count_item *value);
void sample_count_item_read(struct troupe_reader *reader, struct sample_count_item *value);
void sample_note_args_write(struct troupe_writer *writer, const struct sample_note_args *value);
void sample_note_args_read(struct troupe_reader *reader, struct sample_note_args *value);
void sample_hand_args_write(struct troupe_writer *writer, const struct sample_hand_args *value);
void sample_hand_args_read(struct troupe_reader *reader, struct sample_hand_args *value);
void sample_hand_results_write(struct troupe_writer *writer,
                               const struct sample_hand_results *value);
void sample_hand_results_read(struct troupe_reader *reader, struct sample_hand_results *value);
void sample_late_args_write(struct troupe_writer *writer, const struct sample_late_args *value);
void sample_late_args_read(struct troupe_reader *reader, struct sample_late_args *value);
void sample_late_results_write(struct troupe_writer *writer,
                               const struct sample_late_results *value);
void sample_late_results_read(struct troupe_reader *reader, struct sample_late_results *value);
void sample_get_points_results_write(struct troupe_writer *writer,
                                     const struct sample_get_points_results *value);
void sample_get_points_results_read(struct troupe_reader *reader,
                                    struct sample_get_points_results *value);
void sample_changed_write(struct troupe_writer *writer, const struct sample_changed *value);
void sample_changed_read(struct troupe_reader *reader, struct sample_changed *value);
void sample_noted_write(struct troupe_writer *writer, const struct sample_noted *value);
void sample_noted_read(struct troupe_reader *reader, struct sample_noted *value);
void sample_added_write(struct troupe_writer *writer, const struct sample_added *value);
void sample_added_read(struct troupe_reader *reader, struct sample_added *value);

#ifdef __cplusplus
}
#endif

#endif
