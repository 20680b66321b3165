/* From bytes to whole messages: see p2p_impl.h. */
#include <stdlib.h>
#include <string.h>

#include "actors/node/p2p_impl.h"

#define KEPT_BYTES (2 * P2P_SLACK_BYTES) /* a larger buffer is given back when it is empty */

static size_t wanted(const struct p2p_inbox *inbox)
{
    return P2P_SLACK_BYTES + (inbox->has_head ? P2P_HEAD_SIZE + (size_t)inbox->head.size : 0);
}

size_t p2p_inbox_room(const struct p2p_inbox *inbox)
{
    size_t held = inbox->size - inbox->at;
    return wanted(inbox) > held ? wanted(inbox) - held : 0;
}

int p2p_inbox_put(struct p2p_inbox *inbox, const uint8_t *data, size_t size)
{
    if (inbox->at > 0) {
        memmove(inbox->data, inbox->data + inbox->at, inbox->size - inbox->at);
        inbox->size -= inbox->at;
        inbox->at = 0;
    }
    if (inbox->size + size > inbox->capacity) {
        /* Grows as bytes come, not as a head promises them. */
        size_t capacity = inbox->capacity * 2 > P2P_SLACK_BYTES ? inbox->capacity * 2
                                                                : P2P_SLACK_BYTES;
        capacity = capacity < inbox->size + size ? inbox->size + size : capacity;
        capacity = capacity > P2P_INBOX_BYTES_MAX ? P2P_INBOX_BYTES_MAX : capacity;
        uint8_t *larger = realloc(inbox->data, capacity);
        if (larger == NULL || capacity < inbox->size + size) {
            inbox->data = larger != NULL ? larger : inbox->data;
            return BTC_ENOMEM;
        }
        inbox->data = larger;
        inbox->capacity = capacity;
    }
    if (size > 0)
        memcpy(inbox->data + inbox->size, data, size);
    inbox->size += size;
    return 0;
}

int p2p_inbox_look(struct p2p_inbox *inbox, const struct btc_params *params,
                   struct btc_span *ret_payload, struct btc_error *err)
{
    size_t held = inbox->size - inbox->at;
    if (!inbox->has_head) {
        if (held < P2P_HEAD_SIZE)
            return 0;
        int rc = p2p_read_head(params, inbox->data + inbox->at, &inbox->head, err);
        if (rc != 0)
            return rc;
        inbox->has_head = true;
    }
    if (held < P2P_HEAD_SIZE + (size_t)inbox->head.size)
        return 0;
    struct btc_span payload = {inbox->data + inbox->at + P2P_HEAD_SIZE, inbox->head.size};
    if (!inbox->is_whole) {
        int rc = p2p_check_payload(&inbox->head, payload, err);
        if (rc != 0)
            return rc;
        inbox->is_whole = true;
    }
    *ret_payload = payload;
    return 1;
}

void p2p_inbox_next(struct p2p_inbox *inbox)
{
    inbox->at += P2P_HEAD_SIZE + (size_t)inbox->head.size;
    inbox->has_head = false;
    inbox->is_whole = false;
    if (inbox->at < inbox->size)
        return;
    inbox->at = 0;
    inbox->size = 0;
    if (inbox->capacity > KEPT_BYTES)
        p2p_inbox_free(inbox);
}

void p2p_inbox_free(struct p2p_inbox *inbox)
{
    free(inbox->data);
    *inbox = (struct p2p_inbox){.size = 0};
}
