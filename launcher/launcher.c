/* launcher.c - troupe_main: a program's life, from the command line to its exit status.
 *
 * Five ways lead through it: a child (child.c); a command for a program that runs already
 * (visit.c); the front role at such a program (guest.c); a program of its own; and a command that
 * brings a program up for its own length, all but the front role. The last two are the same code:
 * the command, on a thread of its own, stands where the front role would be.
 *
 * Start, on the main thread: processes first, while this one has no other thread (fork, and NNG
 * aborts when used after a fork without exec), then this process's runtime, the links, and the
 * roles in order, each ready before the next. Then it serves what happens (supervise.c) until
 * something ends the program, and stops (stop.c). */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/signalfd.h>
#include <time.h>
#include <unistd.h>

#include "launcher/launch.h"
#include "launcher/sandbox.h"

/* ---- conditions ------------------------------------------------------------------------------ */

static bool never(const struct tl_launcher *launcher, size_t which)
{
    (void)which;
    return launcher->stop_wanted;
}

static bool all_opened(const struct tl_launcher *launcher, size_t which)
{
    bool opened = true;
    (void)which;
    for (size_t i = 1; i < launcher->composition.places_count; i++) {
        opened = opened && launcher->processes[i].opened;
    }
    return opened || launcher->stop_wanted;
}

static bool ends_up(const struct tl_launcher *launcher, size_t which)
{
    bool up = true;
    (void)which;
    for (size_t i = 0; i < launcher->composition.places_count; i++) {
        up = up && launcher->lives[i].awaited == 0;
    }
    return up || launcher->stop_wanted;
}

static bool role_ready(const struct tl_launcher *launcher, size_t which)
{
    return (launcher->ready & tl_bit(which)) != 0 || launcher->stop_wanted;
}

/* ---- start ----------------------------------------------------------------------------------- */

void tl_send_config(struct tl_launcher *launcher, size_t place)
{
    const struct troupe_program *program = launcher->program;
    struct tl_process *process = &launcher->processes[place];
    unsigned watchdog_s = launcher->composition.places[place].policy.watchdog_s;
    struct tl_message watch = {.kind = TL_WATCH, .code = (int)watchdog_s * 1000 / TL_BEATS};
    struct tl_message config = {.kind = TL_CONFIG,
                                .name = troupe_text(process->name),
                                .text = troupe_text(launcher->line->bind_allow),
                                .roles = launcher->composition.places[place].roles,
                                .uses_count = program->roles_count,
                                .values.count = program->options_count};
    if (launcher->composition.places[place].sandboxed) {
        config.code = launcher->sandbox_said ? TL_CLOSE : TL_CLOSE_AND_SAY;
        launcher->sandbox_said = true;
    }
    memcpy(config.uses, launcher->composition.uses, sizeof config.uses);
    for (size_t i = 0; i < program->options_count; i++) {
        config.values.items[i] = troupe_text(launcher->line->arguments.values[i]);
    }
    /* One that is gone already says why on its socket, or its pidfd does. */
    if ((tl_send(process->control, &config, TL_TERM_MS) != 0 ||
         tl_send(process->control, &watch, TL_TERM_MS) != 0) &&
        errno != EPIPE && errno != ECONNRESET) {
        tl_fail(launcher, "process %s could not be told the options: %s", process->name,
                strerror(errno));
    }
}

static void spawn_all(struct tl_launcher *launcher)
{
    for (size_t i = 1; i < launcher->composition.places_count && !launcher->stop_wanted; i++) {
        struct tl_process *process = &launcher->processes[i];
        if (tl_spawn(launcher->program, process) != 0) {
            tl_fail(launcher, "process %s could not be started: %s", process->name,
                    strerror(errno));
            return;
        }
        tl_send_config(launcher, i);
    }
    if (!tl_wait(launcher, all_opened, 0, troupe_now_ms() + TL_START_MS)) {
        tl_fail(launcher, "the processes did not come up within %d s", TL_START_MS / 1000);
    }
}

static void on_report(void *user, const char *text)
{
    tl_say_report(user, text, strlen(text));
}

static void open_runtime(struct tl_launcher *launcher)
{
    struct tl_composition *composition = &launcher->composition;
    struct troupe_config config = {.name = composition->places[0].name,
                                   .on_report = on_report,
                                   .user = composition->places[0].name};
    int error = troupe_open(&config, &launcher->troupe);
    if (error == 0) {
        troupe_host_on_event(launcher->troupe, tl_inbox_host, NULL);
        error = tl_declare(launcher->troupe, &launcher->line->arguments,
                           composition->places[0].roles, composition->uses, &launcher->seats);
    }
    if (error != 0) {
        tl_fail(launcher, "the runtime could not be opened: %s", troupe_error_text(error));
    }
}

const char *tl_hand_over(struct tl_launcher *launcher, size_t place, struct tl_message *end)
{
    if (place == 0) {
        int error = tl_link_open(launcher->program, launcher->line->bind_allow, launcher->troupe,
                                 end);
        return error == 0 ? NULL : troupe_error_text(error);
    }
    struct tl_process *process = &launcher->processes[place];
    bool told = tl_send(process->control, end, launcher->started ? 0 : TL_TERM_MS) == 0;
    int error = errno;
    tl_message_close(end);
    errno = error;
    return told ? NULL : strerror(error);
}

/* One that dies just now can't be told, and need not be: its pidfd says the rest. */
static const char *hand_end(struct tl_launcher *launcher, size_t place, size_t peer,
                            struct tl_message *end)
{
    const char *why = tl_hand_over(launcher, place, end);
    if (why == NULL) {
        tl_end_handed(launcher, place, peer);
    }
    int error = errno;
    if (why != NULL && place != 0 && launcher->started && error == EAGAIN) {
        tl_say(launcher->program, "process %s does not read what it is told: ended by force",
               launcher->processes[place].name);
        tl_signal(&launcher->processes[place], SIGKILL);
    }
    bool dead = error != ENOBUFS && error != ENOMEM;
    return launcher->started && place != 0 && dead ? NULL : why;
}

bool tl_join(struct tl_launcher *launcher, size_t a, size_t b)
{
    const struct tl_composition *composition = &launcher->composition;
    uint64_t a_roles = composition->places[a].roles & tl_place_uses(composition, b);
    uint64_t b_roles = composition->places[b].roles & tl_place_uses(composition, a);
    struct tl_message a_end;
    struct tl_message b_end;
    if ((a_roles | b_roles) == 0) {
        return true;
    }
    const char *why = NULL;
    if (tl_link_make(launcher->program, composition->places[a].name, a_roles,
                     composition->places[b].name, b_roles, true, &a_end, &b_end) != 0) {
        why = strerror(errno);
    } else {
        const char *b_why = hand_end(launcher, b, a, &b_end);
        why = hand_end(launcher, a, b, &a_end);
        why = why != NULL ? why : b_why;
    }
    if (why != NULL) {
        tl_say(launcher->program, "the link between %s and %s could not be made: %s",
               composition->places[a].name, composition->places[b].name, why);
    }
    return why == NULL;
}

static void wire_all(struct tl_launcher *launcher)
{
    for (size_t a = 0; a < launcher->composition.places_count; a++) {
        for (size_t b = a + 1; b < launcher->composition.places_count; b++) {
            if (!tl_join(launcher, a, b)) {
                tl_want_stop(launcher, TL_STATUS_FAILED);
                return;
            }
        }
    }
    if (!tl_wait(launcher, ends_up, 0, troupe_now_ms() + TL_START_MS)) {
        tl_fail(launcher, "the links between the processes did not come up within %d s",
                TL_START_MS / 1000);
    }
}

static void start_role(struct tl_launcher *launcher, size_t role)
{
    const char *name = launcher->program->roles[role].name;
    size_t place = tl_place_of(&launcher->composition, role);
    if (place == launcher->composition.places_count) {
        return; /* not asked for, or the front role, in whose place a command stands */
    }
    struct tl_message start = {.kind = TL_START, .name = troupe_text(name)};
    int error = place == 0 ? troupe_host_start(launcher->troupe, name)
                           : tl_send(launcher->processes[place].control, &start, TL_TERM_MS);
    if (error != 0) {
        tl_fail(launcher, "role %s could not be started: %s", name,
                place == 0 ? troupe_error_text(error) : strerror(errno));
    } else if (!tl_wait(launcher, role_ready, role, troupe_now_ms() + TL_START_MS)) {
        tl_fail(launcher, "role %s was not ready within %d s", name, TL_START_MS / 1000);
    }
}

static void *run_command(void *user)
{
    struct tl_launcher *launcher = user;
    const struct tl_command_line *line = launcher->line;
    tl_inbox_post(TL_NOTE_DONE, "", tl_command_run(launcher->program, line, launcher->troupe));
    return NULL;
}

static void start(struct tl_launcher *launcher)
{
    spawn_all(launcher);
    if (!launcher->stop_wanted) {
        open_runtime(launcher);
    }
    if (!launcher->stop_wanted) {
        wire_all(launcher);
    }
    for (size_t i = 0; i < launcher->program->roles_count && !launcher->stop_wanted; i++) {
        start_role(launcher, launcher->composition.order[i]);
    }
}

static void start_as_guest(struct tl_launcher *launcher)
{
    const struct troupe_program *program = launcher->program;
    open_runtime(launcher);
    if (launcher->stop_wanted) {
        return;
    }
    tl_guest_ask(launcher);
    /* It may be just starting. */
    uint64_t wait_ms = (uint64_t)TL_START_MS * (program->roles_count + 1);
    if (!tl_wait(launcher, tl_guest_is_linked, 0, troupe_now_ms() + wait_ms)) {
        tl_fail(launcher, "the program that runs on %s does not answer", launcher->guest->path);
    }
    if (!launcher->stop_wanted) {
        start_role(launcher, tl_role_find(program, program->front, strlen(program->front)));
    }
}

/* ---- the program ----------------------------------------------------------------------------- */

/* Descriptors 0 to 2 exist from here on, so that none of ours takes their number. */
static void fill_stdio(void)
{
    int fd;
    do {
        fd = open("/dev/null", O_RDWR);
    } while (fd >= 0 && fd <= STDERR_FILENO);
    if (fd > STDERR_FILENO) {
        close(fd);
    }
}

static int open_signals(void)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGHUP);
    sigprocmask(SIG_BLOCK, &set, NULL);
    return signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

static void init(struct tl_launcher *launcher)
{
    for (size_t i = 0; i < TL_PLACES_MAX; i++) {
        launcher->processes[i] = (struct tl_process){
            .name = launcher->composition.places[i].name, .pidfd = -1, .control = -1};
        launcher->lives[i].since_ms = troupe_now_ms();
    }
    for (size_t d = 0; d < TL_DOORS; d++) {
        struct tl_door *door = &launcher->doors[d];
        door->directory = door->listener = -1;
        door->roles = tl_roles_all(launcher->program);
        for (size_t i = 0; i < TL_CLIENTS_MAX; i++) {
            door->clients[i].fd = -1;
        }
    }
}

static int run(struct tl_launcher *launcher)
{
    bool command = launcher->line->command != NULL;
    pthread_t thread;
    launcher->signals = open_signals();
    launcher->inbox = tl_inbox_open();
    if (launcher->signals < 0 || launcher->inbox < 0) {
        tl_fail(launcher, "no descriptors: %s", strerror(errno));
    } else if (launcher->guest != NULL) {
        start_as_guest(launcher);
    } else {
        start(launcher);
    }
    launcher->started = !launcher->stop_wanted;
    launcher->turned_ms = 0; /* heartbeats count from here on */
    launcher->serving = launcher->started && !command;
    if (command && !launcher->stop_wanted) {
        launcher->command_running = pthread_create(&thread, NULL, run_command, launcher) == 0;
        if (!launcher->command_running) {
            tl_fail(launcher, "no thread for %s", launcher->line->command->name);
            command = false;
        }
    } else {
        command = false;
    }
    tl_wait(launcher, never, 0, TL_FOREVER);
    if (!tl_stop(launcher)) {
        fflush(NULL);
        _exit(launcher->status);
    }
    if (command) {
        pthread_join(thread, NULL);
    }
    tl_door_close(&launcher->doors[TL_DOOR_BIND]);
    tl_door_close(&launcher->doors[TL_DOOR_DATA]);
    if (launcher->guest != NULL) {
        tl_visit_close(&launcher->guest->visit);
    }
    tl_inbox_close();
    close(launcher->signals);
    return launcher->status;
}

static void say_nobody(const struct troupe_program *program, const struct tl_command_line *line,
                       const char *path)
{
    tl_say(program, "no program runs on %s: start it %s", path,
           line->where == TL_THERE ? "without --attach" : "first");
}

/* Attaches the command to the program that runs on `directory`, or makes this the one that does.
 * True: go on; otherwise *ret_status is the program's. */
static bool take_directory(struct tl_launcher *launcher, const char *directory, int *ret_status)
{
    const struct troupe_program *program = launcher->program;
    const struct tl_command_line *line = launcher->line;
    uint64_t due = line->command != NULL ? troupe_now_ms() + TL_START_MS : 0;
    enum tl_door_result door;
    pid_t pid;
    for (;;) {
        if (line->command != NULL && tl_attach_run(program, line, directory, ret_status)) {
            return false;
        }
        if (line->command != NULL && line->command->is_for_running) {
            say_nobody(program, line, directory);
            *ret_status = TL_STATUS_FAILED;
            return false;
        }
        door = tl_door_open(program, directory, &launcher->doors[TL_DOOR_DATA], &pid);
        if (door != TL_DOOR_TAKEN || troupe_now_ms() >= due) {
            break;
        }
        /* It ends just now: its command is done, or it was told to stop. */
        nanosleep(&(struct timespec){.tv_nsec = 20000000}, NULL);
    }
    if (door == TL_DOOR_TAKEN && pid != 0) {
        tl_say(program, "already running on %s (pid %d)", directory, (int)pid);
    } else if (door == TL_DOOR_TAKEN) {
        tl_say(program, "already running on %s", directory);
    }
    *ret_status = TL_STATUS_FAILED;
    return door == TL_DOOR_OPEN;
}

/* As the front role of the program that runs on `path`. False: there is none. */
static bool run_as_guest(struct tl_launcher *launcher, const char *path, int *ret_status)
{
    static struct tl_guest guest;
    const struct troupe_program *program = launcher->program;
    enum tl_visit_result result = tl_guest_open(launcher, path, &guest);
    *ret_status = TL_STATUS_FAILED;
    if (result == TL_VISIT_NOBODY && launcher->line->where == TL_AUTO) {
        return false;
    }
    if (result == TL_VISIT_NOBODY) {
        say_nobody(program, launcher->line, path);
    } else if (result != TL_VISIT_DONE) {
        tl_say(program, "%s", guest.visit.why);
    } else if (!tl_check_attached(program, launcher->line, path)) {
        *ret_status = TL_STATUS_USAGE;
    } else {
        launcher->guest = &guest;
        tl_composition_for_guest(program, &launcher->composition);
        *ret_status = run(launcher);
        return true;
    }
    tl_visit_close(&guest.visit);
    return true;
}

/* What is on the command line, at the program that runs already. True: that is all, and *ret_status
 * the program's. */
static bool run_there(struct tl_launcher *launcher, const char *path, int *ret_status)
{
    const struct tl_command_line *line = launcher->line;
    if (line->command == NULL) {
        return line->where != TL_HERE && run_as_guest(launcher, path, ret_status);
    }
    if (line->where != TL_THERE) {
        return false; /* take_directory() sees to it */
    }
    if (!tl_attach_run(launcher->program, line, path, ret_status)) {
        say_nobody(launcher->program, line, path);
    }
    return true;
}

/* What --bind and --bind-allow ask for. False: said why it can't be. */
static bool open_bind(struct tl_launcher *launcher)
{
    const struct tl_command_line *line = launcher->line;
    struct tl_door *door = &launcher->doors[line->bind_path != NULL ? TL_DOOR_BIND : TL_DOOR_DATA];
    if (line->bind_allow != NULL) {
        door->allow = line->bind_allow;
        door->roles = line->bind_roles;
    }
    return line->bind_path == NULL || tl_door_bind(launcher, line->bind_path, door);
}

static int launch(const struct troupe_program *program, struct tl_command_line *line)
{
    static struct tl_launcher launcher; /* large */
    int status;
    launcher.program = program;
    launcher.line = line;
    if (!tl_composition_make(program, line, &launcher.composition)) {
        return TL_STATUS_USAGE;
    }
    init(&launcher);
    tl_service_open(&launcher);
    if (line->path != NULL && run_there(&launcher, line->path, &status)) {
        return status;
    }
    if (program->data_directory != NULL) {
        const char *directory = program->data_directory(&line->arguments);
        if (directory == NULL) {
            return TL_STATUS_FAILED;
        }
        if (run_there(&launcher, directory, &status)) {
            return status;
        }
        line->arguments.attach = NULL; /* what it says is not to be had: `auto` */
        if (!take_directory(&launcher, directory, &status)) {
            return status;
        }
    }
    if (!open_bind(&launcher)) {
        tl_door_close(&launcher.doors[TL_DOOR_DATA]);
        return TL_STATUS_FAILED;
    }
    if (line->command != NULL) {
        tl_composition_for_command(program, &launcher.composition);
    }
    tl_sandbox_settle(program, line->sandbox_off, &launcher.composition);
    return run(&launcher);
}

int troupe_main(int argc, char **argv, const struct troupe_program *program)
{
    struct tl_command_line line;
    int status;
    fill_stdio();
    program = tl_service_add(program);
    if (program == NULL) {
        return TL_STATUS_FAILED;
    }
    if (argc == 2 && strcmp(argv[1], TL_CHILD_MARK) == 0) {
        return tl_child_main(program);
    }
    signal(SIGPIPE, SIG_IGN);
    if (!tl_command_line_parse(program, argc, argv, &line, &status)) {
        return status;
    }
    return launch(program, &line);
}
