/* guard.c - what tells the person who started the program from whoever else can reach the port: another
 * user of this machine, a page of another place in the same browser. See web_impl.h. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>

#include "actors/web/web_impl.h"

bool web_make_secret(char to[WEB_SECRET_SIZE])
{
    static const char digits[] = "0123456789abcdef";
    uint8_t bytes[WEB_SECRET_BYTES];
    ssize_t got;
    do {
        got = getrandom(bytes, sizeof bytes, 0);
    } while (got < 0 && errno == EINTR);
    if (got != sizeof bytes) {
        return false;
    }
    for (size_t i = 0; i < sizeof bytes; i++) {
        to[2 * i] = digits[bytes[i] >> 4];
        to[2 * i + 1] = digits[bytes[i] & 15];
    }
    to[2 * sizeof bytes] = '\0';
    explicit_bzero(bytes, sizeof bytes);
    return true;
}

bool web_secret_equal(const char *secret, const char *given, size_t given_size)
{
    unsigned char differs = 0;
    if (given_size != WEB_SECRET_SIZE - 1) {
        return false;
    }
    for (size_t i = 0; i < given_size; i++) {
        differs |= (unsigned char)(secret[i] ^ given[i]);
    }
    return differs == 0;
}

/* Cookie: NAME=VALUE; NAME=VALUE (RFC 6265, 4.2.1). One of that name is looked at, the first. */
bool web_cookie_has(const struct web *web, const char *header)
{
    size_t name_size = strlen(web->cookie);
    while (header != NULL && *header != '\0') {
        size_t size = strcspn(header, ";");
        if (size > name_size && strncmp(header, web->cookie, name_size) == 0 &&
            header[name_size] == '=') {
            return web_secret_equal(web->session, header + name_size + 1, size - name_size - 1);
        }
        header += size;
        header += strspn(header, "; ");
    }
    return false;
}

bool web_origin_is_own(const struct web *web, const char *header)
{
    static const char scheme[] = "http://";
    return header != NULL && strncmp(header, scheme, sizeof scheme - 1) == 0 &&
           strcmp(header + sizeof scheme - 1, web->place) == 0;
}
