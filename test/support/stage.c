#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "test/support/stage.h"

static const char *const role_names[STAGE_PLACES] = {"user", "probe", "other"};

static void on_host(void *user, const struct troupe_host_event *event)
{
    struct stage_place *place = user;
    struct stage *stage = place->stage;
    int number = (int)(place - stage->places);
    if (event->kind == TROUPE_ROLE_READY || event->kind == TROUPE_ROLE_ENDED) {
        place->ready = event->kind == TROUPE_ROLE_READY;
        return;
    }
    for (int i = 0; i < STAGE_LINKS; i++) {
        for (int e = 0; e < 2; e++) {
            struct stage_end *end = &stage->links[i].ends[e];
            if (stage->links[i].place[e] == number && end->id == event->link) {
                end->up = event->kind == TROUPE_LINK_UP;
                end->gone = !end->up;
                end->code = event->code;
            }
        }
    }
}

/* ---- beginning --------------------------------------------------------------------------------------- */

static void open_place(struct stage *stage, int number)
{
    struct stage_place *place = &stage->places[number];
    struct troupe_config config = {.name = role_names[number], .schedule = stage->schedule};
    assert_int_equal(troupe_open(&config, &place->troupe), 0);
    place->stage = stage;
    place->lives++;
    troupe_host_on_event(place->troupe, on_host, place);
    troupe_trace(place->troupe, stage->on_trace, place);
    assert_int_equal(troupe_host_declare(place->troupe, stage->roles[number], NULL), 0);
    assert_int_equal(troupe_host_start(place->troupe, role_names[number]), 0);
    place->ready = true;
}

static void connect(struct stage *stage, struct stage_link *link)
{
    int fds[2];
    int events[2];
    assert_int_equal(troupe_schedule_wire(stage->schedule, fds, &link->wires[0]), 0);
    assert_int_equal(troupe_schedule_wire(stage->schedule, events, &link->wires[1]), 0);
    for (int e = 0; e < 2; e++) {
        struct troupe_grant grant = {.role = role_names[link->place[0]], .events_fd = events[e]};
        struct troupe_link_config config = {.peer = role_names[link->place[!e]], .fd = fds[e]};
        if (e == 0) {
            config.exports = &grant;
            config.exports_count = 1;
        } else {
            config.imports = &grant;
            config.imports_count = 1;
        }
        link->ends[e] = (struct stage_end){0};
        struct stage_place *place = &stage->places[link->place[e]];
        assert_int_equal(troupe_host_link(place->troupe, &config, &link->ends[e].id), 0);
    }
}

void stage_mend(struct stage *stage)
{
    for (int i = 0; i < STAGE_PLACES; i++) {
        struct stage_place *place = &stage->places[i];
        if (place->troupe == NULL) {
            open_place(stage, i);
        } else if (!place->ready) {
            assert_int_equal(troupe_host_start(place->troupe, role_names[i]), 0);
            place->ready = true;
        }
    }
    for (int i = 0; i < STAGE_LINKS; i++) {
        struct stage_link *link = &stage->links[i];
        if (link->ends[0].gone || link->ends[1].gone) { /* the other end may still be there */
            connect(stage, link);
        }
    }
}

void stage_open(struct stage *stage, uint64_t seed, const struct troupe_role *const *roles)
{
    static const int ends[STAGE_LINKS][2] = {
        {STAGE_PROBE, STAGE_USER}, {STAGE_OTHER, STAGE_USER}, {STAGE_PROBE, STAGE_OTHER}};
    assert_int_equal(troupe_schedule_open(seed, &stage->schedule), 0);
    for (int i = 0; i < STAGE_PLACES; i++) {
        stage->roles[i] = roles[i];
        stage->places[i] = (struct stage_place){0};
    }
    for (int i = 0; i < STAGE_LINKS; i++) {
        stage->links[i] = (struct stage_link){.place = {ends[i][0], ends[i][1]},
                                              .ends = {{.gone = true}, {.gone = true}}};
    }
    stage_mend(stage);
}

/* ---- ending ------------------------------------------------------------------------------------------ */

void stage_cut(struct stage *stage, struct stage_link *link)
{
    troupe_schedule_cut(stage->schedule, link->wires[0]);
    troupe_schedule_cut(stage->schedule, link->wires[1]);
}

void stage_end(struct stage *stage, int number, bool dies, uint32_t timeout_ms)
{
    struct stage_place *place = &stage->places[number];
    for (int i = 0; i < STAGE_LINKS; i++) {
        struct stage_link *link = &stage->links[i];
        if (dies && (link->place[0] == number || link->place[1] == number)) {
            stage_cut(stage, link);
        }
    }
    if (place->troupe != NULL) {
        troupe_close(place->troupe, timeout_ms);
        place->troupe = NULL;
    }
}

bool stage_settle(struct stage *stage, uint64_t steps_max)
{
    while (steps_max != 0 && troupe_schedule_step(stage->schedule) != 0) {
        steps_max--;
    }
    return steps_max != 0;
}

uint64_t stage_close(struct stage *stage, uint32_t timeout_ms)
{
    int first = (int)troupe_schedule_random(stage->schedule, STAGE_PLACES);
    for (int i = 0; i < STAGE_PLACES; i++) {
        stage_end(stage, (first + i) % STAGE_PLACES, false, timeout_ms);
    }
    uint64_t trace = troupe_schedule_trace(stage->schedule);
    troupe_schedule_close(stage->schedule);
    return trace;
}
