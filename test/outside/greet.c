/* greet.c - a program outside of Troupe's tree: a greeter in a process of its own, and a front that
 * has it greet. Makefile and SConstruct beside it build it with an installed Troupe. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "greeter.h"
#include "launcher/launcher.h"

/* ---- the greeter ------------------------------------------------------------------------------ */

struct greeter {
    uint32_t times;
};

static void greet(struct troupe_actor *self, void *state, struct troupe_call *call,
                  const struct greeter_greet_args *args)
{
    struct greeter *greeter = state;
    char greeting[GREETER_GREET_RESULTS_GREETING_BYTES_MAX + 1];
    if (args->name.size == 0) {
        greeter_fail_nameless(call, "a name is needed");
        return;
    }
    snprintf(greeting, sizeof greeting, "Hello, %.*s!", (int)args->name.size, args->name.data);
    greeter_greet_reply(call, &(struct greeter_greet_results){.greeting = troupe_text(greeting),
                                                              .process = (uint32_t)getpid()});
    greeter->times++;
    greeter_publish_greeted(self, &(struct greeter_greeted){.times = greeter->times});
}

static const struct greeter_handlers handlers = {.greet = greet};
static const struct troupe_service serves = {&greeter_interface, &handlers};
static const struct troupe_actor_def greeter_actor = {
    .name = "greeter",
    .state_size = sizeof(struct greeter),
    .services = &serves,
    .services_count = 1,
};

/* ---- the front --------------------------------------------------------------------------------- */

static const char *const names[] = {"Ada", "", "Grace"};
enum { NAMES = sizeof names / sizeof names[0], GREETED = NAMES - 1 };

struct front {
    unsigned answers;
    uint32_t times; /* as the events say */
};

/* Answers and events have no order between them. */
static void end_if_all_is_said(const struct front *front)
{
    if (front->answers == NAMES && front->times == GREETED) {
        printf("greeted %u times\n", front->times);
        troupe_quit(0);
    }
}

static void answered(struct troupe_actor *self, void *user, const struct troupe_error *error,
                     const struct greeter_greet_results *results)
{
    struct front *front = user;
    (void)self;
    if (error == NULL) {
        printf("%.*s (from %s process)\n", (int)results->greeting.size, results->greeting.data,
               results->process == (uint32_t)getpid() ? "this" : "another");
    } else if (error->code == GREETER_NAMELESS) {
        printf("refused: %s\n", error->text);
    } else {
        fprintf(stderr, "greet: %s\n", error->text);
        troupe_quit(1);
    }
    front->answers++;
    end_if_all_is_said(front);
}

static void greeted(struct troupe_actor *self, void *user, const struct greeter_greeted *event,
                    const struct troupe_event_info *info)
{
    struct front *front = user;
    (void)self;
    (void)info;
    if (event != NULL) {
        front->times = event->times;
        end_if_all_is_said(front);
    }
}

static int front_start(struct troupe_actor *self, void *state, const void *argument)
{
    struct troupe_ref greeter;
    (void)argument;
    int error = troupe_lookup(self, "greeter", &greeter);
    if (error == 0) {
        error = greeter_on_greeted(self, greeter, greeted, state, NULL);
    }
    for (size_t i = 0; i < NAMES && error == 0; i++) {
        struct greeter_greet_args args = {.name = troupe_text(names[i])};
        error = greeter_greet_ask(self, greeter, &args, answered, state, NULL);
    }
    return error;
}

static const struct troupe_actor_def front_actor = {
    .name = "front",
    .state_size = sizeof(struct front),
    .start = front_start,
};

/* ---- the program --------------------------------------------------------------------------------- */

static const char *const front_uses[] = {"greeter", NULL};
static const struct troupe_role roles[] = {
    {.name = "greeter", .actor = &greeter_actor},
    {.name = "front", .actor = &front_actor, .uses = front_uses},
};
static const struct troupe_program program = {
    .name = "greet",
    .version = "1",
    .summary = "Greets from another process.",
    .roles = roles,
    .roles_count = 2,
    .front = "front",
    .split = "greeter",
};

int main(int argc, char **argv)
{
    return troupe_main(argc, argv, &program);
}
