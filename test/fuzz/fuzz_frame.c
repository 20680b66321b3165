/* fuzz_frame - any bytes as a sequence of frames, as they come from a peer.
 *
 * What must hold: no bad access; a frame that is taken is written again as the same bytes (there is
 * one way to write each), but for a hello, which may have elements of a later protocol. A libFuzzer
 * entry point; good seeds are the golden frames of test_frame. */
#include <stdlib.h>
#include <string.h>

#include "bus/frame.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool condition)
{
    if (!condition)
        abort();
}

static size_t write_heartbeat(uint8_t *to, size_t max, struct frame_heartbeat heartbeat)
{
    static struct frame_topic topics[TI_FRAME_HEARTBEAT_TOPICS_MAX];
    size_t count = 0;
    size_t left = heartbeat.topics.count;
    check(left <= TI_FRAME_HEARTBEAT_TOPICS_MAX);
    while (count < left && ti_frame_next_topic(&heartbeat.topics, &topics[count]))
        count++;
    check(count == left && heartbeat.topics.size == 0);
    return ti_frame_write_heartbeat(to, max, heartbeat.epoch, topics, count);
}

static void look_at_hello(struct frame_hello hello)
{
    struct frame_interface interface;
    struct troupe_text role;
    check(hello.interfaces.count <= TROUPE_INTERFACES_MAX);
    check(hello.roles.count <= TROUPE_ROLES_MAX);
    while (ti_frame_next_interface(&hello.interfaces, &interface))
        continue;
    while (ti_frame_next_role(&hello.roles, &role))
        check(role.size > 0 && role.size <= TROUPE_NAME_BYTES_MAX);
    check(hello.interfaces.size == 0 && hello.roles.size == 0);
}

static size_t write_frame(uint8_t *to, size_t max, const struct frame *frame)
{
    switch (frame->kind) {
    case FRAME_HELLO:
        return 0;
    case FRAME_REQUEST:
        return ti_frame_write_request(to, max, &frame->request);
    case FRAME_REPLY:
        return ti_frame_write_reply(to, max, &frame->reply);
    case FRAME_ERROR:
        return ti_frame_write_error(to, max, &frame->error);
    case FRAME_EVENT:
        return ti_frame_write_event(to, max, &frame->event);
    case FRAME_CANCEL:
        return ti_frame_write_cancel(to, max, frame->cancel);
    case FRAME_CREDIT:
        return ti_frame_write_credit(to, max, &frame->credit);
    case FRAME_ITEM:
        return ti_frame_write_item(to, max, &frame->item);
    case FRAME_CHUNK:
        return ti_frame_write_chunk(to, max, &frame->chunk);
    case FRAME_GOAWAY:
        return ti_frame_write_goaway(to, max, &frame->goaway);
    case FRAME_BYE:
        return ti_frame_write_bye(to, max);
    case FRAME_BYE_ACK:
        return ti_frame_write_bye_ack(to, max);
    case FRAME_HEARTBEAT:
        return write_heartbeat(to, max, frame->heartbeat);
    case FRAME_DROP:
        return ti_frame_write_drop(to, max, frame->drop);
    }
    abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static uint8_t output[TI_FRAME_BYTES_MAX];
    size_t at = 0;
    while (at < size) {
        struct frame frame;
        struct troupe_error error;
        size_t used = 0;
        int result = ti_frame_read(data + at, size - at, &used, &frame, &error);
        if (result != 0) {
            check(result == TROUPE_EMALFORMED || result == TROUPE_EPROTOCOL);
            check(error.code == result && strlen(error.text) > 0);
            return 0;
        }
        check(used > 0 && used <= size - at);
        if (frame.kind == FRAME_HELLO) {
            look_at_hello(frame.hello);
        } else {
            check(write_frame(output, sizeof output, &frame) == used);
            check(memcmp(output, data + at, used) == 0);
        }
        at += used;
    }
    return 0;
}
