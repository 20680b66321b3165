/* page.h - the files of the page, compiled in: site_scons/page.py makes page.c of page/ and web/. */
#ifndef ACTORS_WEB_PAGE_H
#define ACTORS_WEB_PAGE_H

#include <stddef.h>

struct web_file {
    const char *path; /* as a browser asks for it */
    const char *type;
    const unsigned char *data;
    size_t size;
};
extern const struct web_file web_page[];
extern const size_t web_page_count;

#endif
