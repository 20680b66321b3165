/* web.h - the role "web": a page on 127.0.0.1 for the person who started the program, and a link for
 * each tab that shows it (a gate, bus/gate.c). It uses node and wallet. Its argument is the program's
 * struct troupe_arguments: --web=PORT. It faces whatever runs in a browser, so it has a process and
 * a sandbox of its own. */
#ifndef ACTORS_WEB_WEB_H
#define ACTORS_WEB_WEB_H

#include "bus/troupe.h"

/* Of --web. NULL: this value will do, else what one is. */
const char *web_check_port(const char *value);

extern const struct troupe_actor_def web_actor;

#endif
