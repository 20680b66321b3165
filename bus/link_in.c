/* link_in.c - what arrives over a link. Every byte of it may be hostile.
 *
 * Frames are checked whole before anything is done with them (frame.c). What breaks a rule that an
 * honest peer can't break (malformed bytes, ids that do not rise, more than its window, a chunk that
 * does not fit) ends this link, with the reason told to the peer and to the report hook. What can
 * happen to an honest one (a target that has just ended, a late answer) is answered or passed over.
 *
 * Runs on whatever thread receives (link.h), one call at a time per link. Copies what it keeps, but for
 * a full piece that the carrier hands over (link_blob.c). Hands messages to actors and callers with the lock released. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bus/link.h"
#include "interfaces/bus.h"

#define BLOB_TOO_LARGE "a blob larger than any may be"

/* ---- bodies ------------------------------------------------------------------------------------------- */

/* What the peer names, as a ref of ours. The lock is held. */
static int ref_in(struct ti_link *link, const struct frame_ref *in, struct troupe_ref *ret_ref)
{
    if (in->owner == FRAME_OWNER_SENDER) {
        *ret_ref = (struct troupe_ref){.place = link->id, .id = in->id};
        if (in->id >= 1 && in->id <= link->imports_count) {
            *ret_ref = (struct troupe_ref){.place = TI_PLACE_ROLE,
                                           .id = link->imports[in->id - 1].number};
        }
        return 0;
    }
    if (in->id >= 1 && in->id <= link->exports_count) {
        *ret_ref = (struct troupe_ref){.place = TI_PLACE_ROLE,
                                       .id = link->exports[in->id - 1].number};
        return 0;
    }
    *ret_ref = ti_ref_here(in->id);
    return ti_table_get(&link->shared, in->id) != NULL ? 0 : TROUPE_EREF;
}

static int body_in(struct ti_link *link, const struct frame_body *in, struct troupe_ref *refs,
                   struct troupe_body *ret_body)
{
    *ret_body = (struct troupe_body){
        .data = in->data.data, .size = in->data.size, .refs = refs, .refs_count = in->refs_count};
    for (size_t i = 0; i < in->refs_count; i++) {
        int error = ref_in(link, &in->refs[i], &refs[i]);
        if (error != 0) {
            return error;
        }
    }
    return 0;
}

/* ---- requests ------------------------------------------------------------------------------------------- */

/* The actor that a target names; 0 with a reason if there is none for this peer. */
static uint64_t find_target(struct ti_link *link, uint64_t target, int *ret_code)
{
    struct troupe *troupe = link->troupe;
    if (target == 0) {
        return troupe->agent;
    }
    if (ti_gate_seat(link, target) != 0) {
        return ti_gate_seat(link, target);
    }
    if (target <= link->exports_count) {
        struct ti_role *role = ti_role_at(troupe, link->exports[target - 1].number);
        uint64_t actor = atomic_load(&role->actor);
        *ret_code = TROUPE_EDOWN;
        return actor;
    }
    *ret_code = TROUPE_EPERM;
    return ti_table_get(&link->shared, target) != NULL ? target : 0;
}

/* A method that a role of this process serves; NULL: none does, but an actor still may. */
static const struct troupe_method *find_method(struct troupe *troupe, uint32_t interface,
                                               uint32_t method)
{
    for (uint32_t number = 1; ti_role_at(troupe, number) != NULL; number++) {
        const struct troupe_role *role = ti_role_at(troupe, number)->role;
        for (size_t i = 0; role != NULL && i < role->actor->services_count; i++) {
            const struct troupe_interface *served = role->actor->services[i].interface;
            for (size_t m = 0; served->id == interface && m < served->methods_count; m++) {
                if (served->methods[m].ordinal == method) {
                    return &served->methods[m];
                }
            }
        }
    }
    return ti_gate_method(troupe, interface, method);
}

/* The peer may ask for it. A ref that was handed out may be of any of its roles. */
static bool is_permitted(const struct ti_link *link, const struct frame_request *request)
{
    enum { OBSERVE = 7 }; /* of bus.iface */
    bool found = link->permits == NULL ||
                 (request->interface == bus_interface.id && request->method != OBSERVE);
    for (size_t i = 0; i < link->permits_count && !found; i++) {
        const struct ti_permit *permit = &link->permits[i];
        found = permit->interface == request->interface &&
                (permit->method == 0 || permit->method == request->method) &&
                (permit->target == request->target || request->target > link->exports_count);
    }
    return found;
}

/* Whatever serves it: NULL, no such method is known here. */
static const char *method_name(struct troupe *troupe, const struct frame_request *request)
{
    const struct troupe_interface *interface;
    for (size_t n = 0; (interface = ti_interface_at(troupe, n)) != NULL; n++) {
        for (size_t m = 0; interface->id == request->interface && m < interface->methods_count;
             m++) {
            if (interface->methods[m].ordinal == request->method) {
                return interface->methods[m].name;
            }
        }
    }
    return NULL;
}

static void answer_error(struct ti_link *link, uint64_t id, int code, const char *text)
{
    struct troupe_error error;
    if (id == 0) {
        return;
    }
    ti_error_set(&error, code, text);
    int gone = ti_link_answer(link, id, TI_ERROR, false, NULL, &error);
    (void)gone;
}

static uint64_t deadline_of(const struct ti_link *link, const struct frame_request *request)
{
    return request->budget_ms != 0 ? link->arrived_ns + request->budget_ms * 1000000ull
                                   : 1; /* long over, by any clock */
}

static struct ti_incoming *new_incoming(struct ti_link *link, const struct frame_request *request,
                                        uint64_t actor)
{
    struct ti_incoming *incoming = calloc(1, sizeof *incoming);
    if (incoming != NULL && ti_table_put(&link->incoming, request->id, incoming)) {
        incoming->id = request->id;
        incoming->actor = actor;
        incoming->interface = request->interface;
        incoming->method = request->method;
        incoming->trace = request->trace;
        incoming->time = (struct ti_span){link->arrived_ns, deadline_of(link, request)};
        return incoming;
    }
    free(incoming);
    return NULL;
}

static struct troupe_call *new_call(struct ti_link *link, const struct frame_request *request,
                                    const struct troupe_method *method,
                                    const struct troupe_body *body)
{
    struct troupe_call *call = (struct troupe_call *)ti_message_new(TI_REQUEST, body);
    if (call == NULL) {
        return NULL;
    }
    struct troupe_message *message = &call->message;
    message->interface = request->interface;
    message->ordinal = request->method;
    message->trace = request->trace;
    message->waiter = request->waiting;
    message->deadline_ns = deadline_of(link, request);
    if (request->id != 0) {
        message->from = ti_address_hold(
            (struct ti_address){.kind = TI_TO_LINK, .object = link, .id = request->id});
    }
    message->wipe = method != NULL && (method->flags & TROUPE_SECRET_ARGS) != 0;
    call->arrived_on = ti_link_hold(link);
    call->credit_bytes = body->size;
    return call;
}

/* Rules that an honest peer keeps. NULL: kept. */
static const char *check_request(const struct ti_link *link, const struct frame_request *request)
{
    if (link->bye_in) {
        return "a request after BYE";
    }
    if (request->id != 0 && request->id <= link->last_id) {
        return "request ids must rise";
    }
    if (link->unread_messages >= TROUPE_LINK_WINDOW_MESSAGES ||
        link->unread_bytes + request->body.data.size > TROUPE_LINK_WINDOW_BYTES) {
        return "more requests than the credit given";
    }
    if (link->incoming.count - link->incoming_cancelled >= TROUPE_LINK_INFLIGHT_MAX) {
        return "more requests in flight than hello allows";
    }
    return request->body.blob_size > TROUPE_LINK_BLOB_BYTES_MAX ? BLOB_TOO_LARGE : NULL;
}

/* Takes one request in. Sets *ret_call to what is complete; answers what can't be taken. */
static void take_request(struct ti_link *link, const struct frame_request *request,
                         struct troupe_call **ret_call, uint64_t *ret_actor, uint32_t *ret_used,
                         int *ret_code)
{
    struct troupe_ref refs[TROUPE_REFS_MAX];
    struct troupe_body body;
    if (request->id != 0) {
        link->last_id = request->id;
    }
    *ret_used = link->unread_messages++;
    link->unread_bytes += request->body.data.size;
    *ret_code = 0;
    int code = 0;
    uint64_t actor = find_target(link, request->target, &code);
    struct ti_incoming *incoming = request->id != 0 ? new_incoming(link, request, actor) : NULL;
    *ret_code = actor == 0 ? code : body_in(link, &request->body, refs, &body);
    const struct troupe_method *method = find_method(link->troupe, request->interface,
                                                     request->method);
    if (*ret_code == 0 && method != NULL && request->body.blob_size > method->blob_args_bytes_max) {
        *ret_code = TROUPE_ETOOLARGE;
    }
    if (*ret_code == 0 && !is_permitted(link, request)) {
        *ret_code = TROUPE_EPERM;
    }
    if (*ret_code == 0 && link->incoming.count >= 2 * TROUPE_LINK_INFLIGHT_MAX) {
        *ret_code = TROUPE_EBUSY; /* cancelled by the peer, but still being worked on */
    }
    struct troupe_call *call = *ret_code == 0 ? new_call(link, request, method, &body) : NULL;
    if (*ret_code == 0 && (call == NULL || (request->id != 0 && incoming == NULL))) {
        *ret_code = TROUPE_ENOMEM;
    }
    if (request->id != 0 && incoming == NULL) {
        ti_link_refuse_request(link, request->id, TROUPE_ENOMEM);
    }
    if (*ret_code == 0 && request->body.blob_size != 0) {
        *ret_code = incoming != NULL ? ti_link_assemble(&incoming->assembly, &call->message,
                                                        request->body.blob_size)
                                     : TROUPE_EINVAL;
        if (*ret_code == 0) {
            return; /* delivered with its last chunk */
        }
    }
    *ret_call = call;
    *ret_actor = actor;
}

static void handle_request(struct ti_link *link, const struct frame_request *request)
{
    struct troupe_call *call = NULL;
    uint64_t actor = 0;
    uint32_t used = 0;
    int code = 0;
    pthread_mutex_lock(&link->lock);
    if (link->phase == TI_LINK_GONE) { /* what it brings is nobody's any more */
        pthread_mutex_unlock(&link->lock);
        return;
    }
    const char *broken = check_request(link, request);
    if (broken != NULL) {
        ti_link_refuse(link, TROUPE_EPROTOCOL, broken);
    } else {
        take_request(link, request, &call, &actor, &used, &code);
    }
    pthread_mutex_unlock(&link->lock);
    if (broken != NULL) {
        return;
    }
    uint64_t source = call != NULL ? ti_gate_source(link, request) : 0;
    actor = source != 0 ? source : actor;
    if (call != NULL && source == 0 && ti_agent_quick(link, request)) {
        ti_message_release(&call->message);
        return;
    }
    if (code == 0 && call != NULL) {
        code = ti_push_for_peer(link->troupe, actor, &call->message, used);
        if (code == 0) {
            return;
        }
    }
    if (code != 0) {
        if (request->id == 0) {
            ti_dead_letter(link->troupe, actor, request->interface, request->method, code);
        }
        char text[128];
        const char *name = code == TROUPE_EPERM && link->permits != NULL
                               ? method_name(link->troupe, request)
                               : NULL;
        snprintf(text, sizeof text, "%s is not granted to those who come this way",
                 name != NULL ? name : "");
        answer_error(link, request->id, code, name != NULL ? text : NULL);
        if (call != NULL) {
            ti_message_release(&call->message); /* gives the credit back */
        } else {
            ti_link_consumed(link, request->body.data.size);
        }
    }
}

/* ---- answers ---------------------------------------------------------------------------------------------- */

void ti_outgoing_free(struct ti_outgoing *outgoing)
{
    ti_address_release(&outgoing->failed.from);
    free(outgoing);
}

void ti_outgoing_fail(struct ti_link *link, struct ti_outgoing *outgoing, int code)
{
    ti_deliver_failed(link->troupe, &outgoing->failed, code);
}

/* Rules that an honest peer keeps. NULL: kept. */
static const char *check_answer(const struct ti_outgoing *outgoing, enum ti_kind kind,
                                uint64_t index, uint64_t blob_size)
{
    if (blob_size > TROUPE_LINK_BLOB_BYTES_MAX) {
        return BLOB_TOO_LARGE;
    }
    if (outgoing->assembly.message != NULL) {
        return "an answer before the blob of the one before it is whole";
    }
    if (kind == TI_REPLY) {
        return NULL;
    }
    if ((outgoing->method->flags & TROUPE_STREAM) == 0) {
        return "an item of a method that is not a stream";
    }
    if (index != outgoing->items) {
        return "an item out of its order";
    }
    return outgoing->items < outgoing->granted ? NULL : "more items than the credit given";
}

/* A reply, or an item with its index. */
static void handle_answer(struct ti_link *link, enum ti_kind kind, uint64_t id, uint64_t index,
                          const struct frame_body *in)
{
    struct troupe_ref refs[TROUPE_REFS_MAX];
    struct troupe_body body;
    struct troupe_message *message = NULL;
    struct ti_address to = {.kind = TI_NOBODY};
    int code = 0;
    pthread_mutex_lock(&link->lock);
    struct ti_outgoing *outgoing = ti_table_get(&link->outgoing, id);
    if (outgoing == NULL) { /* given up: late */
        pthread_mutex_unlock(&link->lock);
        ti_late(link->troupe, 0, &(struct troupe_message){.kind = kind});
        return;
    }
    const char *broken = check_answer(outgoing, kind, index, in->blob_size);
    if (broken != NULL) {
        ti_link_refuse(link, TROUPE_EPROTOCOL, broken);
        pthread_mutex_unlock(&link->lock);
        return;
    }
    outgoing->items += kind == TI_ITEM;
    code = body_in(link, in, refs, &body);
    if (code == 0 && in->blob_size > outgoing->method->blob_results_bytes_max) {
        code = TROUPE_ETOOLARGE;
    }
    if (code == 0 && (message = ti_message_new(kind, &body)) == NULL) {
        code = TROUPE_ENOMEM;
    }
    if (code == 0) {
        message->interface = outgoing->method->interface->id;
        message->ordinal = outgoing->method->ordinal;
        message->wipe = (outgoing->method->flags & TROUPE_SECRET_RESULTS) != 0;
        if (in->blob_size != 0) {
            code = ti_link_assemble(&outgoing->assembly, message, in->blob_size);
            if (code == 0) {
                pthread_mutex_unlock(&link->lock);
                return;
            }
            ti_message_release(message);
        }
    }
    to = ti_address_hold(outgoing->failed.from);
    if (code != 0 || kind == TI_REPLY) {
        ti_table_take(&link->outgoing, id);
        ti_assembly_free(link, &outgoing->assembly);
        if (kind == TI_ITEM) { /* the peer would go on with its stream */
            ti_link_put_cancel(link, id);
            ti_link_pump(link);
        }
        ti_link_progress(link);
    } else {
        outgoing = NULL; /* goes on */
    }
    pthread_mutex_unlock(&link->lock);
    if (code != 0) {
        ti_outgoing_fail(link, outgoing, code);
    } else {
        ti_deliver(link->troupe, &to, message);
        if (outgoing != NULL) {
            ti_outgoing_free(outgoing);
        }
    }
    ti_address_release(&to);
}

static void handle_error(struct ti_link *link, const struct frame_error *error)
{
    pthread_mutex_lock(&link->lock);
    struct ti_outgoing *outgoing = ti_table_take(&link->outgoing, error->id);
    if (outgoing != NULL) {
        ti_assembly_free(link, &outgoing->assembly);
        ti_link_progress(link);
    }
    pthread_mutex_unlock(&link->lock);
    if (outgoing == NULL) {
        ti_late(link->troupe, 0, &(struct troupe_message){.kind = TI_ERROR});
        return;
    }
    struct troupe_error story = {.data_size = error->data.size};
    story.code = ti_link_code(error->code);
    memcpy(story.text, error->text.data, error->text.size);
    if (error->data.size != 0) {
        memcpy(story.data, error->data.data, error->data.size);
    }
    struct troupe_message *message = ti_message_error_copy(&story);
    if (message != NULL) {
        ti_deliver(link->troupe, &outgoing->failed.from, message);
        ti_outgoing_free(outgoing);
    } else {
        ti_outgoing_fail(link, outgoing, story.code < 0 ? story.code : TROUPE_ENOMEM);
    }
}
/* ---- dispatch ---------------------------------------------------------------------------------------------------- */

static void refuse(struct ti_link *link, int why, const char *text)
{
    pthread_mutex_lock(&link->lock);
    ti_link_refuse(link, why, text);
    pthread_mutex_unlock(&link->lock);
}

static void dispatch(struct ti_link *link, struct frame *frame, struct troupe_chunk **piece)
{
    switch (frame->kind) {
    case FRAME_HELLO:
        ti_link_handle_hello(link, &frame->hello);
        break;
    case FRAME_REQUEST:
        handle_request(link, &frame->request);
        break;
    case FRAME_REPLY:
        handle_answer(link, TI_REPLY, frame->reply.id, 0, &frame->reply.body);
        break;
    case FRAME_ITEM:
        handle_answer(link, TI_ITEM, frame->item.id, frame->item.index, &frame->item.body);
        break;
    case FRAME_ERROR:
        handle_error(link, &frame->error);
        break;
    case FRAME_CHUNK:
        ti_link_handle_chunk(link, &frame->chunk, piece);
        break;
    case FRAME_CANCEL:
        ti_link_handle_cancel(link, frame->cancel);
        break;
    case FRAME_CREDIT:
        ti_link_handle_credit(link, &frame->credit);
        break;
    case FRAME_DROP:
        ti_link_handle_drop(link, frame->drop);
        break;
    case FRAME_BYE:
        ti_link_handle_bye(link, false);
        break;
    case FRAME_BYE_ACK:
        ti_link_handle_bye(link, true);
        break;
    case FRAME_GOAWAY:
        ti_link_handle_goaway(link, &frame->goaway);
        break;
    case FRAME_EVENT:
    case FRAME_HEARTBEAT:
        refuse(link, TROUPE_EPROTOCOL, "an event on the request socket");
        break;
    }
}

/* Takes what is in a batch, until the link ends; returns the number of frames. */
static uint64_t take_batch(struct ti_link *link, const uint8_t *data, size_t size,
                           struct troupe_chunk **piece)
{
    struct frame frame;
    struct troupe_error error;
    uint64_t frames = 0;
    while (size != 0 && !atomic_load_explicit(&link->ended, memory_order_relaxed)) {
        size_t used;
        if (ti_frame_read(data, size, &used, &frame, &error) != 0) {
            refuse(link, error.code, error.text);
            break;
        }
        frames++;
        /* Only who receives says that hello came. */
        if (!link->hello_in && frame.kind != FRAME_HELLO && frame.kind != FRAME_GOAWAY) {
            refuse(link, TROUPE_EPROTOCOL,
                   "the first frame must be hello: this one came before hello");
            break;
        }
        dispatch(link, &frame, used == size ? piece : NULL); /* nothing is read of it after that */
        data += used;
        size -= used;
    }
    return frames;
}

void ti_link_received(void *user, const uint8_t *data, size_t size, struct troupe_chunk **piece)
{
    struct ti_link *link = user;
    link->arrived_ns = ti_now_ns(link->troupe);
    bool begun = ti_quick_begin();
    uint64_t frames = take_batch(link, data, size, piece);
    ti_count(&link->troupe->counters, TI_BATCHES_IN, 1);
    ti_count(&link->troupe->counters, TI_BYTES_IN, size);
    ti_count(&link->troupe->counters, TI_FRAMES_IN, frames);
    pthread_mutex_lock(&link->lock);
    link->frames_in += frames;
    link->bytes_in += size;
    pthread_mutex_unlock(&link->lock);
    ti_quick_end(begun);
}

/* ---- events --------------------------------------------------------------------------------------------------------- */

static struct troupe_ref source_of(const struct ti_link_seat *seat, uint64_t source)
{
    return source == 0 ? (struct troupe_ref){.place = TI_PLACE_ROLE, .id = seat->number}
                       : (struct troupe_ref){.place = seat->link->id, .id = source};
}

void ti_link_event(void *user, const uint8_t *data, size_t size)
{
    struct ti_link_seat *seat = user;
    struct ti_link *link = seat->link;
    struct frame frame;
    struct troupe_error error;
    size_t used;
    int code = ti_frame_read(data, size, &used, &frame, &error);
    if (code != 0 || used != size || (frame.kind != FRAME_EVENT && frame.kind != FRAME_HEARTBEAT)) {
        refuse(link, code != 0 ? code : TROUPE_EPROTOCOL,
               code != 0 ? error.text : "something else than an event on an event socket");
        return;
    }
    if (frame.kind == FRAME_EVENT) {
        struct troupe_ref refs[TROUPE_REFS_MAX];
        struct troupe_body body = {.data = frame.event.body.data.data,
                                   .size = frame.event.body.data.size,
                                   .refs = refs,
                                   .refs_count = frame.event.body.refs_count};
        for (size_t i = 0; i < body.refs_count; i++) {
            refs[i] = (struct troupe_ref){.place = link->id, .id = frame.event.body.refs[i].id};
        }
        ti_topic_arrived(link->troupe, link->id, source_of(seat, frame.event.source),
                         frame.event.interface, frame.event.event, frame.event.epoch,
                         frame.event.sequence, &body);
        return;
    }
    struct frame_topic topic;
    while (ti_frame_next_topic(&frame.heartbeat.topics, &topic)) {
        ti_topic_arrived(link->troupe, link->id, source_of(seat, topic.source), topic.interface,
                         topic.event, frame.heartbeat.epoch, topic.sequence, NULL);
    }
}
