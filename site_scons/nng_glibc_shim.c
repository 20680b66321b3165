/* nng_glibc_shim.c: what Debian 13's NNG and mbedTLS archives expect of a newer C library than Debian 12's.
 *
 * glibc 2.38 gave the strto* family new names for C2x (where "0b1" is a number) and added strlcpy. Linked, as the last
 * object, only where build/deps is used; no header declares these names here and nothing of ours calls them. */
#include <stdlib.h>
#include <string.h>

long __isoc23_strtol(const char *text, char **ret_end, int base);
unsigned long __isoc23_strtoul(const char *text, char **ret_end, int base);
unsigned long long __isoc23_strtoull(const char *text, char **ret_end, int base);
size_t strlcpy(char *to, const char *from, size_t size_bytes);

long __isoc23_strtol(const char *text, char **ret_end, int base)
{
    return strtol(text, ret_end, base);
}

unsigned long __isoc23_strtoul(const char *text, char **ret_end, int base)
{
    return strtoul(text, ret_end, base);
}

unsigned long long __isoc23_strtoull(const char *text, char **ret_end, int base)
{
    return strtoull(text, ret_end, base);
}

size_t strlcpy(char *to, const char *from, size_t size_bytes)
{
    size_t length = strlen(from);
    if (size_bytes > 0) {
        size_t copied = length < size_bytes ? length : size_bytes - 1;
        memcpy(to, from, copied);
        to[copied] = '\0';
    }
    return length;
}
