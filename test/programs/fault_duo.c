/* fault_duo - a program for test_fault_launcher: `front` adds 7 through `middle`, which passes it on
 * to `store`, and says what came of it. The command "add" does the same from outside.
 *
 * Linked with renamed calls (test/support/fault.h). FAULT=WHO:FILE names who of its processes takes
 * part in the plan that is kept in FILE: "launcher", "client", or a child by its name. Each process
 * says at its end what it holds then: "left WHO DESCRIPTORS PIECES-OF-MEMORY". */
#include <errno.h>
#include <inttypes.h>
#include <nng/nng.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "launcher/launcher.h"
#include "test/support/fault.h"
#include "test/support/say.h"
#include "test/support/trio.h"

/* ---- the roles ------------------------------------------------------------------------------- */

struct seat {
    uint64_t sum;
    struct troupe_ref used;
};

static void store_add(struct troupe_actor *self, void *state, struct troupe_call *call,
                      const struct trio_add_args *args)
{
    struct seat *seat = state;
    (void)self;
    seat->sum += args->number;
    trio_add_reply(call, &(struct trio_add_results){.sum = seat->sum});
}

static int store_start(struct troupe_actor *self, void *state, const void *argument)
{
    (void)self;
    (void)state;
    (void)argument;
    say("store %d\n", (int)getpid());
    return 0;
}

static void middle_add(struct troupe_actor *self, void *state, struct troupe_call *call,
                       const struct trio_add_args *args)
{
    struct seat *seat = state;
    (void)self;
    (void)args;
    troupe_forward(call, seat->used);
}

static int middle_start(struct troupe_actor *self, void *state, const void *argument)
{
    struct seat *seat = state;
    (void)argument;
    return troupe_lookup(self, "store", &seat->used);
}

static void on_sum(struct troupe_actor *self, void *user, const struct troupe_error *error,
                   const struct trio_add_results *results)
{
    (void)self;
    (void)user;
    if (error != NULL) {
        say("front: %s\n", error->text);
        troupe_quit(3);
        return;
    }
    say("sum %" PRIu64 "\n", results->sum);
}

static int front_start(struct troupe_actor *self, void *state, const void *argument)
{
    struct seat *seat = state;
    struct trio_add_args args = {.number = 7};
    (void)argument;
    int error = troupe_lookup(self, "middle", &seat->used);
    return error != 0 ? error : trio_add_ask(self, seat->used, &args, on_sum, NULL, NULL);
}

static int command_add(struct troupe *troupe, const struct troupe_arguments *arguments, bool json,
                       int count, char *const *values)
{
    struct troupe_ref middle;
    struct troupe_error error = {0};
    struct trio_add_results results;
    struct trio_add_args args = {.number = strtoull(values[0], NULL, 10)};
    (void)arguments;
    (void)json;
    (void)count;
    int code = troupe_host_find(troupe, "middle", &middle);
    if (code != 0 || trio_add(troupe, middle, &args, &results, &error, NULL) != 0) {
        fprintf(stderr, "add: %s\n", code != 0 ? troupe_error_text(code) : error.text);
        return 1;
    }
    say("sum %" PRIu64 "\n", results.sum);
    return 0;
}

/* ---- what is left ---------------------------------------------------------------------------- */

static const char *who(int argc, char **argv)
{
    const char *colon = strstr(argv[0], ": ");
    if (argc == 2 && strcmp(argv[1], "--as-child") == 0) {
        return colon != NULL ? colon + 2 : argv[0];
    }
    return strncmp(argv[argc - 2], "add", 4) == 0 ? "client" : "launcher";
}

static void join(const char *name)
{
    const char *plan = getenv("FAULT");
    size_t size = strlen(name);
    if (plan != NULL && strncmp(plan, name, size) == 0 && plan[size] == ':') {
        fault_share(plan + size + 1);
    }
}

/* ---- the program ----------------------------------------------------------------------------- */

static const char *data_directory(const struct troupe_arguments *arguments)
{
    return troupe_argument(arguments, "datadir");
}

static const struct trio_handlers store_handlers = {.add = store_add};
static const struct trio_handlers middle_handlers = {.add = middle_add};
static const struct troupe_service store_services[] = {{&trio_interface, &store_handlers}};
static const struct troupe_service middle_services[] = {{&trio_interface, &middle_handlers}};
static const struct troupe_actor_def store = {.name = "store",
                                              .state_size = sizeof(struct seat),
                                              .start = store_start,
                                              .services = store_services,
                                              .services_count = 1};
static const struct troupe_actor_def middle = {.name = "middle",
                                               .state_size = sizeof(struct seat),
                                               .start = middle_start,
                                               .services = middle_services,
                                               .services_count = 1};
static const struct troupe_actor_def front = {
    .name = "front", .state_size = sizeof(struct seat), .start = front_start};

static const char *const middle_uses[] = {"store", NULL};
static const char *const front_uses[] = {"middle", NULL};
static const struct troupe_option options[] = {
    {.name = "datadir", .value = "DIR", .help = "where the control socket is"},
};
static const struct troupe_command commands[] = {
    {.name = "add",
     .arguments = "NUMBER",
     .help = "adds to the sum",
     .arguments_min = 1,
     .arguments_max = 1,
     .run = command_add},
};
static const struct troupe_role roles[] = {
    {.name = "store", .actor = &store},
    {.name = "middle", .actor = &middle, .uses = middle_uses},
    {.name = "front", .actor = &front, .uses = front_uses},
};
static const enum troupe_restart restarts[] = {TROUPE_RESTART_ALWAYS, TROUPE_RESTART_ALWAYS,
                                               TROUPE_RESTART_NEVER};

int main(int argc, char **argv)
{
    const struct troupe_program program = {
        .name = "fault_duo",
        .version = "1.0",
        .summary = "three roles that may lack anything",
        .options = options,
        .options_count = sizeof options / sizeof *options,
        .commands = commands,
        .commands_count = sizeof commands / sizeof *commands,
        .roles = roles,
        .roles_count = 3,
        .front = "front",
        .restarts = restarts,
        .data_directory = data_directory,
    };
    char name[64];
    snprintf(name, sizeof name, "%s", who(argc, argv));
    join(name);
    int status = troupe_main(argc, argv, &program);
    nng_fini(); /* it closes what it was handed on a thread of its own */
    say("left %s %u %lld\n", name, fault_descriptors(), (long long)fault_live());
    return status;
}
