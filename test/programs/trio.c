/* trio - three roles for the tests of the launcher: `store` keeps a sum, `middle` passes calls on to
 * it, `front` adds 7 through middle, waits for the answer and for the store's event, and says so.
 *
 * Each role writes "ROLE PID" to stdout when it starts, front "sum 7 event 7" when both came. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "launcher/launcher.h"
#include "test/support/trio.h"

/* One write, because three processes share stdout. */
static void say(const char *format, ...) __attribute__((format(printf, 1, 2)));
static void say(const char *format, ...)
{
    char line[256];
    va_list arguments;
    va_start(arguments, format);
    int size = vsnprintf(line, sizeof line, format, arguments);
    va_end(arguments);
    ssize_t written = write(STDOUT_FILENO, line, (size_t)size);
    (void)written;
}

static bool chosen(const void *arguments, const char *option, const char *role)
{
    const char *value = troupe_argument(arguments, option);
    return value != NULL && strcmp(value, role) == 0;
}

/* ---- what every role does -------------------------------------------------------------------- */

struct seat {
    uint64_t sum;
    struct troupe_ref store;
    int lock;
};

static int hang(struct troupe_actor *self, void *state, const void *argument)
{
    (void)self;
    (void)state;
    (void)argument;
    while (nanosleep(&(struct timespec){.tv_sec = 1000}, NULL) == 0) {
    }
    return 0;
}

static int begin(struct troupe_actor *self, const char *role, const void *arguments)
{
    static const struct troupe_actor_def hanging = {
        .name = "hanging", .start = hang, .flags = TROUPE_DETACHED};
    struct troupe_ref ref;
    say("%s %d\n", role, (int)getpid());
    if (chosen(arguments, "fail", role)) {
        troupe_report(self, "this role was told to fail");
        return 1;
    }
    if (chosen(arguments, "hang", role)) {
        return troupe_spawn(troupe_runtime(self), &hanging, NULL, &ref);
    }
    return 0;
}

static void process(struct troupe_actor *self, void *state, struct troupe_call *call)
{
    struct trio_process_results results = {.pid = (uint32_t)getpid()};
    (void)self;
    (void)state;
    trio_process_reply(call, &results);
}

static void descriptors(struct troupe_actor *self, void *state, struct troupe_call *call)
{
    static char texts[TRIO_DESCRIPTORS_RESULTS_NAMES_MAX][160];
    struct troupe_text names[TRIO_DESCRIPTORS_RESULTS_NAMES_MAX];
    size_t count = 0;
    DIR *directory = opendir("/proc/self/fd");
    struct dirent *entry;
    (void)self;
    (void)state;
    while ((entry = readdir(directory)) != NULL && count < TRIO_DESCRIPTORS_RESULTS_NAMES_MAX) {
        char target[128];
        ssize_t size = readlinkat(dirfd(directory), entry->d_name, target, sizeof target - 1);
        if (size > 0 && atoi(entry->d_name) != dirfd(directory)) {
            snprintf(texts[count], sizeof texts[count], "%.20s %.*s", entry->d_name, (int)size,
                     target);
            names[count] = troupe_text(texts[count]);
            count++;
        }
    }
    closedir(directory);
    struct trio_descriptors_results results = {.names = names, .names_count = count};
    trio_descriptors_reply(call, &results);
}

static void quit(struct troupe_actor *self, void *state, struct troupe_call *call,
                 const struct trio_quit_args *args)
{
    (void)self;
    (void)state;
    troupe_quit(args->status);
    trio_quit_reply(call);
}

/* ---- store ----------------------------------------------------------------------------------- */

static void store_add(struct troupe_actor *self, void *state, struct troupe_call *call,
                      const struct trio_add_args *args)
{
    struct seat *seat = state;
    seat->sum += args->number;
    struct trio_added added = {.sum = seat->sum};
    struct trio_add_results results = {.sum = seat->sum};
    trio_add_reply(call, &results);
    trio_publish_added(self, &added);
}

/* Takes a lock in the data directory, as a store with a file would. */
static int store_start(struct troupe_actor *self, void *state, const void *argument)
{
    struct seat *seat = state;
    char path[4096];
    snprintf(path, sizeof path, "%s/store.lock", troupe_argument(argument, "datadir"));
    seat->lock = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (seat->lock < 0 || flock(seat->lock, LOCK_EX | LOCK_NB) != 0) {
        troupe_report(self, "%s is locked by another process", path);
        return 1;
    }
    return begin(self, "store", argument);
}

static void store_stop(struct troupe_actor *self, void *state)
{
    struct seat *seat = state;
    (void)self;
    close(seat->lock);
}

/* ---- middle ---------------------------------------------------------------------------------- */

static void middle_add(struct troupe_actor *self, void *state, struct troupe_call *call,
                       const struct trio_add_args *args)
{
    struct seat *seat = state;
    (void)self;
    (void)args;
    troupe_forward(call, seat->store);
}

static int middle_start(struct troupe_actor *self, void *state, const void *argument)
{
    struct seat *seat = state;
    int error = troupe_lookup(self, "store", &seat->store);
    return error != 0 ? error : begin(self, "middle", argument);
}

/* ---- front ----------------------------------------------------------------------------------- */

struct front {
    struct troupe_handler *handler;
    const void *arguments;
    uint64_t answer;
    uint64_t event;
};

static void both(struct troupe_actor *self, struct front *front)
{
    if (front->answer == 0 || front->event == 0) {
        return;
    }
    say("sum %" PRIu64 " event %" PRIu64 "\n", front->answer, front->event);
    const char *then = troupe_argument(front->arguments, "then");
    if (strncmp(then, "quit", 4) == 0) {
        troupe_quit(atoi(then + 4));
    } else if (strcmp(then, "end") == 0) {
        int error = troupe_stop(troupe_runtime(self), troupe_self(self));
        (void)error;
    }
}

static void on_added(struct troupe_actor *self, void *user, const struct trio_added *event,
                     const struct troupe_event_info *info)
{
    struct front *front = user;
    (void)info;
    if (event != NULL && front->event == 0) {
        front->event = event->sum;
        both(self, front);
    }
}

static void on_sum(struct troupe_actor *self, void *user, const struct troupe_error *error,
                   const struct trio_add_results *results)
{
    struct front *front = user;
    if (error != NULL) {
        say("front: %s\n", error->text);
        troupe_quit(3);
        return;
    }
    front->answer = results->sum;
    both(self, front);
}

static int front_start(struct troupe_actor *self, void *state, const void *argument)
{
    struct front *front = state;
    struct troupe_ref store;
    struct troupe_ref middle;
    struct trio_add_args args = {.number = 7};
    int error = begin(self, "front", argument);
    front->arguments = argument;
    error = error != 0 ? error : troupe_lookup(self, "store", &store);
    error = error != 0 ? error : troupe_lookup(self, "middle", &middle);
    error = error != 0 ? error : trio_on_added(self, store, on_added, front, &front->handler);
    error = error != 0 ? error : trio_add_ask(self, middle, &args, on_sum, front, NULL);
    return error;
}

/* ---- commands -------------------------------------------------------------------------------- */

static int find(struct troupe *troupe, const char *role, struct troupe_ref *ret_ref)
{
    int error = troupe_host_find(troupe, role, ret_ref);
    if (error != 0) {
        fprintf(stderr, "%s: %s\n", role, troupe_error_text(error));
    }
    return error;
}

static int command_add(struct troupe *troupe, const struct troupe_arguments *arguments, bool json,
                       int count, char *const *values)
{
    struct troupe_ref middle;
    struct troupe_error error;
    struct trio_add_results results;
    struct trio_add_args args = {.number = strtoull(values[0], NULL, 10)};
    (void)arguments;
    (void)count;
    if (find(troupe, "middle", &middle) != 0) {
        return 1;
    }
    if (trio_add(troupe, middle, &args, &results, &error, NULL) != 0) {
        fprintf(stderr, "add: %s\n", error.text);
        return 1;
    }
    say(json ? "{\"sum\": %" PRIu64 "}\n" : "sum %" PRIu64 "\n", results.sum);
    return 0;
}

static int command_descriptors(struct troupe *troupe, const struct troupe_arguments *arguments,
                               bool json, int count, char *const *values)
{
    struct troupe_ref ref;
    struct trio_descriptors_results results;
    (void)arguments;
    (void)json;
    (void)count;
    if (find(troupe, values[0], &ref) != 0 ||
        trio_descriptors(troupe, ref, &results, NULL, NULL) != 0) {
        return 1;
    }
    for (size_t i = 0; i < results.names_count; i++) {
        say("%.*s\n", (int)results.names[i].size, results.names[i].data);
    }
    troupe_release(results.message);
    return 0;
}

static int command_quit(struct troupe *troupe, const struct troupe_arguments *arguments, bool json,
                        int count, char *const *values)
{
    struct troupe_ref ref;
    struct trio_quit_args args = {.status = (uint8_t)atoi(values[1])};
    (void)arguments;
    (void)json;
    (void)count;
    return find(troupe, values[0], &ref) != 0 || trio_quit(troupe, ref, &args, NULL, NULL) != 0;
}

/* Stays until its process is killed, or the program ends and its links with it. */
static int command_stay(struct troupe *troupe, const struct troupe_arguments *arguments, bool json,
                        int count, char *const *values)
{
    struct troupe_ref store;
    int error = find(troupe, "store", &store);
    (void)arguments;
    (void)json;
    (void)count;
    (void)values;
    say("staying\n");
    while (error == 0) {
        struct trio_process_results results;
        error = trio_process(troupe, store, &results, NULL, NULL);
    }
    return 1;
}

/* ---- the program ----------------------------------------------------------------------------- */

static const char *data_directory(const struct troupe_arguments *arguments)
{
    const char *path = troupe_argument(arguments, "datadir");
    if (path == NULL) {
        fprintf(stderr, "trio: --datadir=DIR is missing\n");
        return NULL;
    }
    if (mkdir(path, 0700) != 0 && errno != EEXIST) {
        fprintf(stderr, "trio: %s: %s\n", path, strerror(errno));
        return NULL;
    }
    const char *executable = troupe_argument(arguments, "break-exec");
    if (executable != NULL && chmod(executable, 0600) != 0) {
        return NULL;
    }
    executable = troupe_argument(arguments, "unlink");
    if (executable != NULL && unlink(executable) != 0) {
        return NULL;
    }
    return path;
}

static const struct trio_handlers store_handlers = {
    .add = store_add, .process = process, .descriptors = descriptors, .quit = quit};
static const struct trio_handlers middle_handlers = {
    .add = middle_add, .process = process, .descriptors = descriptors, .quit = quit};
static const struct troupe_service store_services[] = {{&trio_interface, &store_handlers}};
static const struct troupe_service middle_services[] = {{&trio_interface, &middle_handlers}};
static const struct troupe_actor_def store = {.name = "store",
                                              .state_size = sizeof(struct seat),
                                              .start = store_start,
                                              .stop = store_stop,
                                              .services = store_services,
                                              .services_count = 1};
static const struct troupe_actor_def middle = {.name = "middle",
                                               .state_size = sizeof(struct seat),
                                               .start = middle_start,
                                               .services = middle_services,
                                               .services_count = 1};
static const struct troupe_actor_def front = {
    .name = "front", .state_size = sizeof(struct front), .start = front_start};
static const struct troupe_actor_def pinned_front = {.name = "front",
                                                     .state_size = sizeof(struct front),
                                                     .start = front_start,
                                                     .flags = TROUPE_PINNED};

static const char *const middle_uses[] = {"store", NULL};
static const char *const front_uses[] = {"store", "middle", NULL};
static const struct troupe_option options[] = {
    {.name = "datadir", .value = "DIR", .help = "where the control socket is"},
    {.name = "then", .value = "WHAT", .preset = "stay", .help = "after the sum: quitN, end, stay"},
    {.name = "fail", .value = "ROLE", .help = "its start fails"},
    {.name = "hang", .value = "ROLE", .help = "an actor in its process never ends"},
    {.name = "break-exec", .value = "FILE", .help = "takes the right to execute from it"},
    {.name = "unlink", .value = "FILE", .help = "removes it, before the children are started"},
};
static const struct troupe_command commands[] = {
    {.name = "add",
     .arguments = "NUMBER",
     .help = "adds to the sum",
     .arguments_min = 1,
     .arguments_max = 1,
     .run = command_add},
    {.name = "descriptors",
     .arguments = "ROLE",
     .help = "of its process",
     .arguments_min = 1,
     .arguments_max = 1,
     .run = command_descriptors},
    {.name = "quit",
     .arguments = "ROLE STATUS",
     .help = "troupe_quit in its process",
     .arguments_min = 2,
     .arguments_max = 2,
     .run = command_quit},
    {.name = "stay", .help = "calls the store until it is gone", .run = command_stay},
};

int main(int argc, char **argv)
{
    struct troupe_role roles[] = {
        {.name = "store", .actor = &store},
        {.name = "middle", .actor = &middle, .uses = middle_uses},
        {.name = "front", .actor = &front, .uses = front_uses},
    };
    const struct troupe_program program = {
        .name = "trio",
        .version = "1.0",
        .summary = "three roles that call one another",
        .options = options,
        .options_count = sizeof options / sizeof *options,
        .commands = commands,
        .commands_count = sizeof commands / sizeof *commands,
        .roles = roles,
        .roles_count = 3,
        .front = "front",
        .split = "all",
        .data_directory = data_directory,
    };
    if (getenv("TRIO_PINNED") != NULL) {
        roles[2].actor = &pinned_front;
    }
    if (getenv("TRIO_CYCLE") != NULL) {
        roles[0].uses = front_uses + 1; /* store uses middle, which uses store */
    }
    return troupe_main(argc, argv, &program);
}
