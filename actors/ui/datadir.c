/* Where a person's data lies unless they say otherwise, by the XDG Base Directory Specification. */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#include "actors/bitcoin/version.h"
#include "actors/ui/ui.h"

static pthread_once_t once = PTHREAD_ONCE_INIT;
static char preset[4096]; /* written once, by find */

/* Relative paths in the variables are to be ignored. "" where there is no place: ui.h's callers say
 * so. */
static void find(void)
{
    const char *data = getenv("XDG_DATA_HOME");
    const char *home = getenv("HOME");
    int size = 0;
    if (data != NULL && data[0] == '/')
        size = snprintf(preset, sizeof(preset), "%s/%s", data, BTC_PROGRAM_NAME);
    else if (home != NULL && home[0] == '/')
        size = snprintf(preset, sizeof(preset), "%s/.local/share/%s", home, BTC_PROGRAM_NAME);
    if (size >= (int)sizeof(preset))
        preset[0] = '\0';
}

const char *ui_preset_datadir(void)
{
    pthread_once(&once, find);
    return preset;
}
