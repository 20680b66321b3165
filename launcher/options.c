/* options.c - the command line: the launcher's own options, the program's, and its commands.
 *
 * Options may stand anywhere; "--" ends them. One that is given twice: the last counts. Whatever is
 * wrong, or can have no effect, ends the program with status 2 and a line that says what was probably
 * meant, before anything is started. */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "launcher/launch.h"

const struct troupe_option tl_own_options[TL_OWN_COUNT] = {
    [TL_SPLIT] = {.name = "split",
                  .value = "LIST",
                  .scope = TROUPE_SCOPE_START,
                  .help = "roles with a process each: all, none, or names with commas"},
    [TL_COMPOSE] = {.name = "compose",
                    .value = "FILE",
                    .scope = TROUPE_SCOPE_START,
                    .help = "which roles share a process, and who may use whom (INI)"},
    [TL_SANDBOX_OPTION] = {.name = "sandbox",
                           .value = "on|off",
                           .scope = TROUPE_SCOPE_START,
                           .preset = "on",
                           .help = "off: roles in processes of their own keep all your rights"},
    [TL_ATTACH_OPTION] = {.name = "attach",
                          .value = "WHERE",
                          .help = "use a program that runs: unix:PATH, its socket or data "
                                  "directory; unix, on --datadir; auto, if it does"},
    [TL_BIND] = {.name = "bind",
                 .value = "WHERE",
                 .scope = TROUPE_SCOPE_STAY,
                 .help =
                     "let others of yours attach: unix:PATH, at a socket of that name; unix, at "
                     "the one in --datadir, which is always there"},
    [TL_BIND_ALLOW] = {.name = "bind-allow",
                       .value = "LIST",
                       .scope = TROUPE_SCOPE_STAY,
                       .help =
                           "what they may ask for there, with commas: ROLE, ROLE:read (what only "
                           "looks), ROLE.METHOD; they hear all events of such a role"},
    [TL_JSON] = {.name = "json", .help = "commands answer in JSON"},
    [TL_HELP] = {.name = "help", .help = "this text; of a command, behind it"},
    [TL_VERSION] = {.name = "version", .help = "the version"},
};

/* ---- saying ---------------------------------------------------------------------------------- */

/* One write, so that lines of several processes do not mix. */
static void write_line(const char *who, const char *text, size_t size)
{
    char line[TROUPE_NAME_BYTES_MAX + TL_REPORT_BYTES_MAX + 8];
    int used = snprintf(line, sizeof line, "%s: %.*s\n", who, (int)size, text);
    if (used > 0) {
        size_t length = (size_t)used < sizeof line ? (size_t)used : sizeof line - 1;
        ssize_t written = write(STDERR_FILENO, line, length);
        (void)written; /* there is nobody else to tell */
    }
}

void tl_say(const struct troupe_program *program, const char *format, ...)
{
    char text[TL_REPORT_BYTES_MAX];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    write_line(program->name, text, strlen(text));
}

void tl_say_report(const char *name, const char *text, size_t size)
{
    /* An actor's report starts with the actor's name, often the same: once is enough. */
    size_t length = strlen(name);
    if (size > length + 2 && memcmp(text, name, length) == 0 &&
        memcmp(text + length, ": ", 2) == 0) {
        text += length + 2;
        size -= length + 2;
    }
    write_line(name, text, size < TL_REPORT_BYTES_MAX ? size : TL_REPORT_BYTES_MAX);
}

/* ---- what was probably meant ----------------------------------------------------------------- */

enum { WORD_BYTES_MAX = 64 };

/* Levenshtein's: insertions, deletions and replacements between two words. */
static size_t distance(const char *a, const char *b)
{
    size_t row[WORD_BYTES_MAX + 1];
    size_t width = strlen(b);
    if (width > WORD_BYTES_MAX || strlen(a) > WORD_BYTES_MAX) {
        return WORD_BYTES_MAX;
    }
    for (size_t j = 0; j <= width; j++) {
        row[j] = j;
    }
    for (size_t i = 0; a[i] != '\0'; i++) {
        size_t diagonal = row[0];
        row[0] = i + 1;
        for (size_t j = 0; j < width; j++) {
            size_t best = diagonal + (a[i] != b[j]);
            diagonal = row[j + 1];
            best = row[j] + 1 < best ? row[j] + 1 : best;
            row[j + 1] = row[j + 1] + 1 < best ? row[j + 1] + 1 : best;
        }
    }
    return row[width];
}

const char *tl_nearest(const char *word, size_t count,
                       const char *(*name)(const void *names, size_t), const void *names)
{
    const char *nearest = NULL;
    size_t best = strlen(word) / 3 + 2;
    for (size_t i = 0; i < count; i++) {
        size_t found = distance(word, name(names, i));
        if (found < best) {
            best = found;
            nearest = name(names, i);
        }
    }
    return nearest;
}

const struct troupe_option *tl_option_at(const struct troupe_program *program, size_t i)
{
    return i < TL_OWN_COUNT ? &tl_own_options[i] : &program->options[i - TL_OWN_COUNT];
}

static const char *option_name(const void *names, size_t i)
{
    return tl_option_at(names, i)->name;
}

static const char *command_name(const void *names, size_t i)
{
    const struct troupe_program *program = names;
    return program->commands[i].name;
}

/* ---- parsing --------------------------------------------------------------------------------- */

struct parse {
    const struct troupe_program *program;
    struct tl_command_line *line;
    const char *sandbox; /* NULL: not given */
    const char *bind;    /* likewise */
    bool help;
    bool version;
};

static bool unknown_option(const struct troupe_program *program, const char *text, size_t size)
{
    char word[WORD_BYTES_MAX + 1];
    snprintf(word, sizeof word, "%.*s", (int)size, text);
    const char *name = word + strspn(word, "-");
    const char *nearest = tl_nearest(name, TL_OWN_COUNT + program->options_count, option_name,
                                     program);
    if (nearest != NULL) {
        tl_say(program, "unknown option %s; did you mean --%s?", word, nearest);
    } else {
        tl_say(program, "unknown option %s; --help lists them", word);
    }
    return false;
}

static void set_option(struct parse *parse, size_t i, const char *value)
{
    parse->line->given |= tl_bit(i);
    switch (i) {
    case TL_SPLIT:
        parse->line->split = value;
        break;
    case TL_COMPOSE:
        parse->line->compose = value;
        break;
    case TL_SANDBOX_OPTION:
        parse->sandbox = value;
        break;
    case TL_ATTACH_OPTION:
        parse->line->arguments.attach = value;
        break;
    case TL_BIND:
        parse->bind = value;
        break;
    case TL_BIND_ALLOW:
        parse->line->bind_allow = value;
        break;
    case TL_JSON:
        parse->line->json = true;
        break;
    case TL_HELP:
        parse->help = true;
        break;
    case TL_VERSION:
        parse->version = true;
        break;
    default:
        parse->line->arguments.values[i - TL_OWN_COUNT] = value;
    }
}

/* `next` is the word after it, or NULL; *ret_taken: it was the value. */
static bool parse_option(struct parse *parse, const char *word, const char *next, bool *ret_taken)
{
    const struct troupe_program *program = parse->program;
    size_t size = strcspn(word, "=");
    const char *value = word[size] == '=' ? word + size + 1 : NULL;
    size_t i = 0;
    *ret_taken = false;
    while (i < TL_OWN_COUNT + program->options_count &&
           (size < 3 || strncmp(word, "--", 2) != 0 ||
            strlen(tl_option_at(program, i)->name) != size - 2 ||
            strncmp(tl_option_at(program, i)->name, word + 2, size - 2) != 0)) {
        i++;
    }
    if (i == TL_OWN_COUNT + program->options_count) {
        return unknown_option(program, word, size);
    }
    const struct troupe_option *option = tl_option_at(program, i);
    if (option->value == NULL && value != NULL) {
        tl_say(program, "--%s takes no value", option->name);
        return false;
    }
    if (option->value != NULL && value == NULL) {
        if (next == NULL) {
            tl_say(program, "--%s needs a value: --%s=%s", option->name, option->name,
                   option->value);
            return false;
        }
        value = next;
        *ret_taken = true;
    }
    if (value != NULL && strlen(value) >= TL_VALUE_BYTES_MAX) {
        tl_say(program, "the value of --%s is longer than %d bytes", option->name,
               TL_VALUE_BYTES_MAX - 1);
        return false;
    }
    set_option(parse, i, option->value == NULL ? "1" : value);
    return true;
}

static const struct troupe_command *find_command(const struct troupe_program *program,
                                                 const char *word)
{
    for (size_t i = 0; i < program->commands_count; i++) {
        if (strcmp(program->commands[i].name, word) == 0) {
            return &program->commands[i];
        }
    }
    const char *nearest = tl_nearest(word, program->commands_count, command_name, program);
    tl_say(program, "unknown command %s%s%s%s", word,
           nearest != NULL ? "; did you mean " : "; --help lists them",
           nearest != NULL ? nearest : "", nearest != NULL ? "?" : "");
    return NULL;
}

/* ---- what was given can have an effect, and is what it should be ----------------------------- */

static bool heeds(const struct troupe_command *command, const char *name)
{
    const char *const *option = command != NULL ? command->options : NULL;
    while (option != NULL && *option != NULL && strcmp(*option, name) != 0) {
        option++;
    }
    return option != NULL && *option != NULL;
}

static bool refuse_option(const struct parse *parse, const struct troupe_option *option)
{
    const struct troupe_program *program = parse->program;
    const struct troupe_command *command = parse->line->command;
    if (option->scope == TROUPE_SCOPE_STAY) {
        tl_say(program, "--%s has no effect on the command %s: give it without a command",
               option->name, command->name);
    } else if (command != NULL) {
        tl_say(program, "--%s has no effect on the command %s; `%s help %s` has the options of it",
               option->name, command->name, program->name, command->name);
    } else {
        tl_say(program, "--%s has no effect without a command; --help lists them", option->name);
    }
    return false;
}

static bool check_option(const struct parse *parse, size_t i)
{
    const struct troupe_option *option = tl_option_at(parse->program, i);
    const struct troupe_command *command = parse->line->command;
    if ((option->scope == TROUPE_SCOPE_STAY && command != NULL) ||
        (option->scope == TROUPE_SCOPE_COMMAND && !heeds(command, option->name))) {
        return refuse_option(parse, option);
    }
    const char *value = i < TL_OWN_COUNT ? NULL : parse->line->arguments.values[i - TL_OWN_COUNT];
    const char *wanted = option->check != NULL ? option->check(value) : NULL;
    if (wanted != NULL) {
        tl_say(parse->program, "--%s is %s, not \"%.64s\"", option->name, wanted, value);
    }
    return wanted == NULL;
}

static bool check_all(const struct parse *parse)
{
    const struct troupe_program *program = parse->program;
    const struct tl_command_line *line = parse->line;
    const struct troupe_command *command = line->command;
    for (size_t i = 0; i < TL_OWN_COUNT + program->options_count; i++) {
        if ((line->given & tl_bit(i)) != 0 && !check_option(parse, i)) {
            return false;
        }
    }
    if (command == NULL) {
        return true;
    }
    unsigned given = (unsigned)line->values_count;
    if (given < command->arguments_min || given > command->arguments_max) {
        tl_say(program, "%s takes other arguments: %s %s %s", command->name, program->name,
               command->name, command->arguments != NULL ? command->arguments : "");
        return false;
    }
    const char *wanted = command->check != NULL
                             ? command->check(&line->arguments, line->values_count, line->values)
                             : NULL;
    if (wanted != NULL) {
        tl_say(program, "%s: %s; `%s help %s` says more", command->name, wanted, program->name,
               command->name);
    }
    return wanted == NULL;
}

bool tl_check_attached(const struct troupe_program *program, const struct tl_command_line *line,
                       const char *directory)
{
    for (size_t i = 0; i < TL_OWN_COUNT + program->options_count; i++) {
        const struct troupe_option *option = tl_option_at(program, i);
        if ((line->given & tl_bit(i)) != 0 && option->scope == TROUPE_SCOPE_START) {
            tl_say(program,
                   "--%s has no effect on the program that runs already on %s: leave it away, or "
                   "end that program and start it with it",
                   option->name, directory);
            return false;
        }
    }
    return true;
}

/* ---- the words ------------------------------------------------------------------------------- */

/* `help`, unless the program has a command of that name. */
static bool parse_help(struct parse *parse, int *count, char ***words)
{
    const struct troupe_program *program = parse->program;
    bool own = false;
    for (size_t i = 0; i < program->commands_count; i++) {
        own = own || strcmp(program->commands[i].name, "help") == 0;
    }
    if (*count > 0 && !own && strcmp((*words)[0], "help") == 0) {
        parse->help = true;
        (*count)--;
        (*words)++;
    }
    if (!parse->help || *count == 0) {
        return true;
    }
    parse->line->command = find_command(program, (*words)[0]);
    return parse->line->command != NULL;
}

static bool parse_sandbox(struct parse *parse)
{
    const char *sandbox = parse->sandbox;
    parse->line->sandbox_off = sandbox != NULL && strcmp(sandbox, "off") == 0;
    if (sandbox == NULL || parse->line->sandbox_off || strcmp(sandbox, "on") == 0) {
        return true;
    }
    tl_say(parse->program, "--sandbox is on or off, not \"%s\"", sandbox);
    return false;
}

static bool parse_attach(struct parse *parse)
{
    static const char prefix[] = "unix:";
    struct tl_command_line *line = parse->line;
    const char *attach = line->arguments.attach;
    if (attach == NULL) {
        return true;
    }
    line->where = strcmp(attach, "auto") == 0 ? TL_AUTO : TL_THERE;
    if (strncmp(attach, prefix, sizeof prefix - 1) == 0 && attach[sizeof prefix - 1] != '\0') {
        line->path = attach + sizeof prefix - 1;
    } else if (line->where != TL_AUTO && strcmp(attach, "unix") != 0) {
        tl_say(parse->program, "--attach is unix:PATH, unix or auto, not \"%.64s\"", attach);
        return false;
    } else if (parse->program->data_directory == NULL) {
        tl_say(parse->program, "--attach needs the path of a control socket: --attach=unix:PATH");
        return false;
    }
    return true;
}

static bool parse_allow(struct parse *parse)
{
    struct tl_command_line *line = parse->line;
    struct tl_permits permits;
    if (line->bind_allow == NULL) {
        return true;
    }
    if (!tl_permits_read(parse->program, line->bind_allow, strlen(line->bind_allow), &permits)) {
        tl_say(parse->program, "--bind-allow: %s", permits.why);
        return false;
    }
    line->bind_roles = permits.roles;
    return true;
}

static bool parse_bind(struct parse *parse)
{
    static const char prefix[] = "unix:";
    struct tl_command_line *line = parse->line;
    const char *bind = parse->bind;
    if (bind == NULL && line->bind_allow == NULL) {
        return true;
    }
    if (bind == NULL) {
        tl_say(parse->program, "--bind-allow says what --bind lets others use: give that, too");
        return false;
    }
    if (line->where != TL_HERE) {
        tl_say(parse->program,
               "--bind has no effect on a program that runs already, as --attach has it");
        return false;
    }
    if (strncmp(bind, prefix, sizeof prefix - 1) == 0 && bind[sizeof prefix - 1] != '\0') {
        line->bind_path = bind + sizeof prefix - 1;
    } else if (strcmp(bind, "unix") != 0 || parse->program->data_directory == NULL) {
        tl_say(parse->program, "--bind is unix:PATH%s, not \"%.64s\"",
               parse->program->data_directory != NULL ? " or unix" : "", bind);
        return false;
    }
    return parse_allow(parse);
}

static bool parse_words(struct parse *parse, int argc, char **argv)
{
    /* Words that are no options move to the front, in order: the command and its arguments. */
    int words = 0;
    bool options = true;
    for (int i = 1; i < argc; i++) {
        if (options && strcmp(argv[i], "--") == 0) {
            options = false;
        } else if (options && argv[i][0] == '-' && argv[i][1] != '\0') {
            bool taken;
            if (!parse_option(parse, argv[i], i + 1 < argc ? argv[i + 1] : NULL, &taken)) {
                return false;
            }
            i += taken;
        } else {
            argv[1 + words++] = argv[i];
        }
    }
    char **left = argv + 1;
    if (!parse_help(parse, &words, &left)) {
        return false;
    }
    if (parse->help || parse->version) {
        return true;
    }
    if (parse->line->split != NULL && parse->line->compose != NULL) {
        tl_say(parse->program, "--split and --compose both say where roles live: give one");
        return false;
    }
    if (!parse_sandbox(parse) || !parse_attach(parse) || !parse_bind(parse)) {
        return false;
    }
    if (words > 0) {
        parse->line->command = find_command(parse->program, left[0]);
        parse->line->values_count = words - 1;
        parse->line->values = left + 1;
    }
    return (words == 0 || parse->line->command != NULL) && check_all(parse);
}

/* False, having said so: some of what was printed is lost. */
static bool written(const struct troupe_program *program)
{
    bool failed = ferror(stdout) != 0;
    if (fflush(stdout) == 0 && !failed) {
        return true;
    }
    tl_say(program, "standard output could not be written%s%s: what it shows is not all",
           failed ? "" : ": ", failed ? "" : strerror(errno));
    return false;
}

bool tl_command_line_parse(const struct troupe_program *program, int argc, char **argv,
                           struct tl_command_line *ret_line, int *ret_status)
{
    struct parse parse = {.program = program, .line = ret_line};
    *ret_line = (struct tl_command_line){.arguments.program = program};
    if (!parse_words(&parse, argc, argv)) {
        *ret_status = TL_STATUS_USAGE;
        return false;
    }
    if (parse.help && ret_line->command != NULL) {
        tl_help_command(program, ret_line->command);
    } else if (parse.help) {
        tl_help(program);
    } else if (parse.version) {
        printf("%s %s\n", program->name, program->version);
    }
    *ret_status = written(program) ? 0 : TL_STATUS_FAILED;
    return !parse.help && !parse.version;
}

int tl_command_run(const struct troupe_program *program, const struct tl_command_line *line,
                   struct troupe *troupe)
{
    int status = line->command->run(troupe, &line->arguments, line->json, line->values_count,
                                    line->values);
    return written(program) || status != 0 ? status : TL_STATUS_FAILED;
}

const char *troupe_argument(const struct troupe_arguments *arguments, const char *name)
{
    const struct troupe_program *program = arguments->program;
    for (size_t i = 0; i < program->options_count; i++) {
        if (strcmp(program->options[i].name, name) == 0) {
            return arguments->values[i] != NULL ? arguments->values[i] : program->options[i].preset;
        }
    }
    return strcmp(name, tl_own_options[TL_ATTACH_OPTION].name) == 0 ? arguments->attach : NULL;
}
