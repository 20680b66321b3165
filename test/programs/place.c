/* place ROLE[,ROLE][,quick] LINK...: a process that hosts seats of the tests' prober (the quick one),
 * until the test's own link ends.
 * LINK is PEER:FD:EXPORTS:IMPORTS, each list ROLE@FD[,ROLE@FD], and with a bypass
 * PEER:FD:EXPORTS:IMPORTS:MEMORY,BELL_IN,BELL_OUT,END. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "test/support/prober.h"

static int ended[2];

static void on_host(void *user, const struct troupe_host_event *event)
{
    (void)user;
    if (event->kind == TROUPE_LINK_GONE && strcmp(event->name, "test") == 0) {
        ssize_t written = write(ended[1], "", 1);
        (void)written;
    }
}

static void report(void *user, const char *text)
{
    fprintf(stderr, "# %s: %s\n", (const char *)user, text);
}

static size_t grants(char *list, struct troupe_grant *to)
{
    size_t count = 0;
    char *save;
    for (char *word = strtok_r(list, ",", &save); word != NULL; word = strtok_r(NULL, ",", &save)) {
        char *at = strchr(word, '@');
        *at = '\0';
        to[count++] = (struct troupe_grant){.role = word, .events_fd = atoi(at + 1)};
    }
    return count;
}

static int open_link(struct troupe *troupe, char *text)
{
    struct troupe_grant exports[2];
    struct troupe_grant imports[2];
    char *peer = strsep(&text, ":");
    int fd = atoi(strsep(&text, ":"));
    size_t exports_count = grants(strsep(&text, ":"), exports);
    size_t imports_count = grants(strsep(&text, ":"), imports);
    struct troupe_bypass bypass;
    bool bypassed = text != NULL &&
                    sscanf(text, "%d,%d,%d,%u", &bypass.memory_fd, &bypass.bell_in_fd,
                           &bypass.bell_out_fd, &bypass.end) == 4;
    struct troupe_link_config config = {.peer = peer,
                                        .fd = fd,
                                        .bypass = bypassed ? &bypass : NULL,
                                        .exports = exports,
                                        .exports_count = exports_count,
                                        .imports = imports,
                                        .imports_count = imports_count};
    return troupe_host_link(troupe, &config, NULL);
}

int main(int argc, char **argv)
{
    struct troupe *troupe;
    struct troupe_config config = {.name = argv[1], .on_report = report, .user = argv[1]};
    bool probe = strstr(argv[1], "probe") != NULL;
    bool other = strstr(argv[1], "other") != NULL;
    bool quick = strstr(argv[1], "quick") != NULL;
    if (pipe(ended) != 0 || troupe_open(&config, &troupe) != 0) {
        return 1;
    }
    troupe_host_on_event(troupe, on_host, NULL);
    if ((probe &&
         troupe_host_declare(troupe, quick ? &quick_probe_role : &probe_role, NULL) != 0) ||
        (other &&
         troupe_host_declare(troupe, quick ? &quick_other_role : &other_role, NULL) != 0)) {
        return 2;
    }
    if ((probe && troupe_host_start(troupe, "probe") != 0) ||
        (other && troupe_host_start(troupe, "other") != 0)) {
        return 4;
    }
    for (int i = 2; i < argc; i++) {
        if (open_link(troupe, argv[i]) != 0) {
            return 3;
        }
    }
    char byte;
    if (read(ended[0], &byte, 1) != 1) {
        return 5;
    }
    troupe_close(troupe, 2000);
    return 0;
}
