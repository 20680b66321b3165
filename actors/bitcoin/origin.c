/* Origins of keys: see origin.h. */
#include "actors/bitcoin/origin.h"

#include <string.h>

#include "actors/bitcoin/hash.h"

int btc_hd_fingerprint(const struct btc_hd_node *node,
                       uint8_t ret_fingerprint[BTC_FINGERPRINT_SIZE])
{
    struct btc_hash160 id;
    int rc = btc_hash160(node->key, BTC_KEY_SIZE, &id);
    if (rc == 0)
        memcpy(ret_fingerprint, id.bytes, BTC_FINGERPRINT_SIZE);
    return rc;
}
