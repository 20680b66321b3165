/* capture.c - messages that passed, in a file: a sequence of CBOR items (RFC 8742), in the deterministic
 * form that the bus uses, so that anything that reads CBOR reads it.
 *
 *   55799([0, "troupe capture", 1, program, version, ns since 1970, the same moment's CLOCK_MONOTONIC])
 *   [1, interface in words]        each that the program serves
 *   [2, process, pid]              from 0 on, as the others name them
 *   [3, process number, actor id, actor name, role or ""]
 *   [4, process number, Passed]    as in interfaces/bus.iface, by rising time
 *   [5, process number, missed, CLOCK_MONOTONIC]
 *   [6, messages, missed]          the last: without it the file was cut
 *
 * 55799 is the tag that says "CBOR" to whoever looks at the first bytes (RFC 8949, 3.4.6). Kinds that are
 * not known are passed over. What a file says is outside data, as what a program says is. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "command/passing.h"

enum kind { HEADER, INTERFACE, PROCESS, ACTOR, PASSED, MISSED, END };
enum { FORMAT = 1, BUFFER_BYTES = 2 * TROUPE_FRAME_BYTES_MAX, ITEMS_MAX = 16 };
static const uint8_t tag[] = {0xd9, 0xd9, 0xf7};
static const char magic[] = "troupe capture";

static bool fail(const struct tc_capture *capture, const char *why)
{
    tc_say(capture->session, "%s: %s", capture->path, why);
    return false;
}

/* ---- writing --------------------------------------------------------------------------------- */

static void begin(struct troupe_writer *writer, enum kind kind, size_t count)
{
    troupe_writer_init(writer);
    troupe_put_array(writer, count, ITEMS_MAX, "record");
    troupe_put_uint(writer, kind);
}

static void put_text(struct troupe_writer *writer, const char *text)
{
    troupe_put_text(writer, troupe_text(text), TROUPE_FRAME_BYTES_MAX, "text");
}

static bool put(struct tc_capture *capture, const struct troupe_writer *writer)
{
    if (writer->error != 0) {
        return fail(capture, troupe_error_text(writer->error));
    }
    if (fwrite(writer->data, 1, writer->size, capture->file) != writer->size) {
        return fail(capture, strerror(errno));
    }
    return true;
}

static bool put_scene(struct tc_capture *capture, const struct tc_scene *scene)
{
    const struct tc_session *session = scene->session;
    struct troupe_writer writer;
    begin(&writer, HEADER, 7);
    put_text(&writer, magic);
    troupe_put_uint(&writer, FORMAT);
    put_text(&writer, scene->program);
    put_text(&writer, scene->version);
    troupe_put_uint(&writer, scene->wall_ns);
    troupe_put_uint(&writer, scene->clock_ns);
    bool good = fwrite(tag, 1, sizeof tag, capture->file) == sizeof tag && put(capture, &writer);
    for (size_t i = 0; i < session->models_count && good; i++) {
        begin(&writer, INTERFACE, 2);
        put_text(&writer, session->models[i]->text);
        good = put(capture, &writer);
    }
    for (size_t i = 0; i < scene->processes_count && good; i++) {
        const struct tc_process *process = &scene->processes[i];
        begin(&writer, PROCESS, 3);
        put_text(&writer, process->name);
        troupe_put_uint(&writer, process->pid);
        good = put(capture, &writer);
        for (size_t k = 0; k < process->actors_count && good; k++) {
            begin(&writer, ACTOR, 5);
            troupe_put_uint(&writer, i);
            troupe_put_uint(&writer, process->actors[k].id);
            put_text(&writer, process->actors[k].name);
            put_text(&writer, process->actors[k].role);
            good = put(capture, &writer);
        }
    }
    return good;
}

bool tc_capture_create(struct tc_capture *capture, const struct tc_scene *scene, const char *path)
{
    *capture = (struct tc_capture){.session = scene->session, .path = path};
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600); /* contents are private */
    if (fd < 0) {
        return fail(capture, strerror(errno));
    }
    capture->file = fdopen(fd, "wb");
    if (capture->file == NULL) {
        close(fd);
        return fail(capture, strerror(errno));
    }
    if (!put_scene(capture, scene)) {
        fclose(capture->file);
        return false;
    }
    return true;
}

bool tc_capture_write(struct tc_capture *capture, const struct tc_passed *one)
{
    struct troupe_writer writer;
    if (one->missed != 0) {
        begin(&writer, MISSED, 4);
        troupe_put_uint(&writer, one->process);
        troupe_put_uint(&writer, one->missed);
        troupe_put_uint(&writer, one->passed.time_ns);
    } else {
        begin(&writer, PASSED, 3);
        troupe_put_uint(&writer, one->process);
        bus_passed_write(&writer, &one->passed);
    }
    return put(capture, &writer);
}

bool tc_capture_end(struct tc_capture *capture, uint64_t shown, uint64_t missed)
{
    struct troupe_writer writer;
    begin(&writer, END, 3);
    troupe_put_uint(&writer, shown);
    troupe_put_uint(&writer, missed);
    bool good = put(capture, &writer);
    return (fclose(capture->file) == 0 || fail(capture, strerror(errno))) && good;
}

/* ---- reading --------------------------------------------------------------------------------- */

struct reading {
    struct tc_capture capture;
    struct tc_scene *scene;
    enum tc_status (*on_scene)(void *user);
    tc_capture_fn *on_passed;
    void *user;
    bool begun; /* on_scene was called */
    bool ended; /* the last record was read */
    uint64_t messages;
    enum tc_status status;
};

static bool stop(struct reading *reading, const char *why)
{
    if (reading->status == TC_DONE) {
        tc_say(reading->capture.session, "%s: at byte %" PRIu64 ": %s", reading->capture.path,
               reading->capture.offset, why);
        reading->status = TC_FAILED;
    }
    return false;
}

static void read_header(struct reading *reading, struct troupe_reader *reader)
{
    struct tc_scene *scene = reading->scene;
    struct troupe_text text = troupe_get_text(reader, sizeof magic, "magic");
    uint64_t format = troupe_get_uint(reader, UINT64_MAX, "format");
    if (text.size != sizeof magic - 1 || memcmp(text.data, magic, text.size) != 0) {
        troupe_get_invalid(reader, "magic");
    } else if (format != FORMAT) {
        stop(reading, "it is of another format: a newer troupe reads it");
    }
    text = troupe_get_text(reader, TROUPE_NAME_BYTES_MAX, "program");
    snprintf(scene->program, sizeof scene->program, "%.*s", (int)text.size,
             text.data != NULL ? text.data : "");
    text = troupe_get_text(reader, TL_VISIT_VERSION_BYTES_MAX, "version");
    snprintf(scene->version, sizeof scene->version, "%.*s", (int)text.size,
             text.data != NULL ? text.data : "");
    scene->wall_ns = troupe_get_uint(reader, UINT64_MAX, "time");
    scene->clock_ns = troupe_get_uint(reader, UINT64_MAX, "clock");
}

static void read_interface(struct reading *reading, struct troupe_reader *reader)
{
    struct troupe_text text = troupe_get_text(reader, IDL_TEXT_BYTES_MAX, "interface");
    char why[IDL_WHY_BYTES_MAX];
    if (reader->error == 0 && !tc_model_add(reading->capture.session, text, why)) {
        stop(reading, why);
    }
}

static void read_process(struct reading *reading, struct troupe_reader *reader)
{
    struct tc_scene *scene = reading->scene;
    struct troupe_text text = troupe_get_text(reader, TROUPE_NAME_BYTES_MAX, "process");
    uint64_t pid = troupe_get_uint(reader, UINT64_MAX, "pid");
    if (scene->processes_count == TROUPE_ROLES_MAX) {
        stop(reading, "there are more processes than a program has");
        return;
    }
    struct tc_process *process = &scene->processes[scene->processes_count++];
    *process = (struct tc_process){.pid = pid};
    snprintf(process->name, sizeof process->name, "%.*s", (int)text.size,
             text.data != NULL ? text.data : "");
    value_clean(process->name);
}

/* The number of a process that there is. */
static size_t get_process(struct reading *reading, struct troupe_reader *reader)
{
    size_t count = reading->scene->processes_count;
    if (count == 0) {
        troupe_get_invalid(reader, "process");
        return 0;
    }
    return (size_t)troupe_get_uint(reader, count - 1, "process");
}

static void read_actor(struct reading *reading, struct troupe_reader *reader)
{
    size_t process = get_process(reading, reader);
    uint64_t id = troupe_get_uint(reader, UINT64_MAX, "actor");
    struct troupe_text name = troupe_get_text(reader, TROUPE_NAME_BYTES_MAX, "name");
    struct troupe_text role = troupe_get_text(reader, TROUPE_NAME_BYTES_MAX, "role");
    if (reader->error == 0 && !tc_scene_actor(reading->scene, process, id, name, role)) {
        stop(reading, "there are more actors than are kept");
    }
}

static void read_passed(struct reading *reading, struct troupe_reader *reader, bool is_missed)
{
    size_t process = get_process(reading, reader);
    struct bus_passed passed = {0};
    uint64_t missed = 0;
    if (is_missed) {
        missed = troupe_get_uint(reader, UINT64_MAX, "missed");
        passed.time_ns = troupe_get_uint(reader, UINT64_MAX, "time");
    } else {
        bus_passed_read(reader, &passed);
    }
    if (reader->error != 0 || (is_missed && missed == 0)) {
        return;
    }
    if (!reading->begun) {
        reading->begun = true;
        reading->status = reading->on_scene(reading->user);
    }
    struct tc_passed *one = tc_passed_copy(process, &passed, missed);
    if (one == NULL) {
        stop(reading, "out of memory");
    } else if (reading->status == TC_DONE) {
        reading->messages += !is_missed;
        reading->status = reading->on_passed(reading->user, one);
    }
    free(one);
}

static void read_record(struct reading *reading, struct troupe_reader *reader)
{
    size_t count = 0;
    troupe_get_array(reader, ITEMS_MAX, 0, &count, "record");
    uint64_t kind = troupe_get_uint(reader, UINT64_MAX, "kind");
    static const size_t counts[] = {7, 2, 3, 5, 3, 4, 3};
    if (reader->error == 0 && kind <= END && counts[kind] != count) {
        troupe_get_invalid(reader, "record");
    }
    switch (kind) {
    case HEADER:
        read_header(reading, reader);
        break;
    case INTERFACE:
        read_interface(reading, reader);
        break;
    case PROCESS:
        read_process(reading, reader);
        break;
    case ACTOR:
        read_actor(reading, reader);
        break;
    case PASSED:
    case MISSED:
        read_passed(reading, reader, kind == MISSED);
        break;
    default:
        for (size_t i = 1; i < count; i++) {
            troupe_get_skip(reader);
        }
        reading->ended = kind == END;
    }
    troupe_get_array_end(reader);
}

/* More of the file behind what is there. False: it can't be read. */
static bool fill(struct reading *reading)
{
    struct tc_capture *capture = &reading->capture;
    memmove(capture->bytes, capture->bytes + capture->from, capture->to - capture->from);
    capture->to -= capture->from;
    capture->from = 0;
    capture->to += fread(capture->bytes + capture->to, 1, BUFFER_BYTES - capture->to,
                         capture->file);
    return ferror(capture->file) == 0 || stop(reading, strerror(errno));
}

/* One record. False: there is none, or it was the last that can be read. */
static bool next(struct reading *reading)
{
    struct tc_capture *capture = &reading->capture;
    struct troupe_reader reader;
    bool fits = capture->to - capture->from > TROUPE_FRAME_BYTES_MAX;
    if (!fits && !fill(reading)) {
        return false;
    }
    if (capture->from == capture->to) {
        return reading->ended ? false : stop(reading, "it was cut: its last record is missing");
    }
    troupe_reader_init(&reader, capture->bytes + capture->from, capture->to - capture->from);
    read_record(reading, &reader);
    if (reader.error != 0 && reading->status == TC_DONE) {
        return stop(reading, feof(capture->file) ? "it was cut in this record, or is broken there"
                                                 : "this is no record of a capture");
    }
    capture->from += reader.at;
    capture->offset += reader.at;
    return reading->status == TC_DONE;
}

static bool begin_reading(struct reading *reading)
{
    struct tc_capture *capture = &reading->capture;
    uint8_t first[sizeof tag + 2];
    capture->file = fopen(capture->path, "rbe");
    capture->bytes = malloc(BUFFER_BYTES);
    if (capture->file == NULL || capture->bytes == NULL) {
        reading->status = TC_FAILED;
        return fail(capture, strerror(errno));
    }
    size_t size = fread(first, 1, sizeof first, capture->file);
    if (size != sizeof first || memcmp(first, tag, sizeof tag) != 0 || first[sizeof tag] != 0x87 ||
        first[sizeof tag + 1] != HEADER || fseek(capture->file, sizeof tag, SEEK_SET) != 0) {
        reading->status = TC_FAILED;
        return fail(capture, "it is no capture: troupe capture FILE makes one");
    }
    capture->offset = sizeof tag;
    return true;
}

enum tc_status tc_capture_read(const char *path, struct tc_scene *scene, struct tc_session *session,
                               enum tc_status (*on_scene)(void *user), tc_capture_fn *on_passed,
                               void *user)
{
    struct reading reading = {.capture = {.session = session, .path = path},
                              .scene = scene,
                              .on_scene = on_scene,
                              .on_passed = on_passed,
                              .user = user};
    *scene = (struct tc_scene){.session = session};
    if (begin_reading(&reading)) {
        while (next(&reading)) {
        }
    }
    if (reading.status == TC_DONE && !reading.begun) {
        reading.status = on_scene(
            user); /* nothing passed; whether the words are right is said all the same */
    }
    if (reading.capture.file != NULL) {
        fclose(reading.capture.file);
    }
    free(reading.capture.bytes);
    return reading.status;
}
