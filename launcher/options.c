/* options.c - the command line: the launcher's own options, the program's, and its commands.
 *
 * Options may stand anywhere; "--" ends them. One that is given twice: the last counts. Whatever
 * is wrong ends the program with status 2 and a line that says what was probably meant. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "launcher/launch.h"

/* The launcher's own, before the program's. */
enum own { SPLIT, COMPOSE, SANDBOX, JSON, HELP, VERSION, OWN_COUNT };
static const struct troupe_option own_options[OWN_COUNT] = {
    [SPLIT] = {.name = "split",
               .value = "LIST",
               .help = "roles with a process each: all, none, or names with commas"},
    [COMPOSE] = {.name = "compose",
                 .value = "FILE",
                 .help = "which roles share a process, and who may use whom (INI)"},
    [SANDBOX] = {.name = "sandbox",
                 .value = "on|off",
                 .preset = "on",
                 .help = "off: roles in processes of their own keep all your rights"},
    [JSON] = {.name = "json", .help = "commands answer in JSON"},
    [HELP] = {.name = "help", .help = "this text"},
    [VERSION] = {.name = "version", .help = "the version"},
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

static const struct troupe_option *option_at(const struct troupe_program *program, size_t i)
{
    return i < OWN_COUNT ? &own_options[i] : &program->options[i - OWN_COUNT];
}

static const char *option_name(const void *names, size_t i)
{
    return option_at(names, i)->name;
}

static const char *command_name(const void *names, size_t i)
{
    const struct troupe_program *program = names;
    return program->commands[i].name;
}

/* ---- help ------------------------------------------------------------------------------------ */

static int heading(char *to, size_t size, const struct troupe_option *option)
{
    return option->value != NULL ? snprintf(to, size, "--%s=%s", option->name, option->value)
                                 : snprintf(to, size, "--%s", option->name);
}

static void help_row(int width, const char *left, const char *help, const char *preset)
{
    printf("  %-*s  %s", width, left, help);
    if (preset != NULL) {
        printf(" (%s)", preset);
    }
    putchar('\n');
}

static int help_width(const struct troupe_program *program)
{
    char text[128];
    int width = 0;
    for (size_t i = 0; i < OWN_COUNT + program->options_count; i++) {
        int size = heading(text, sizeof text, option_at(program, i));
        width = size > width ? size : width;
    }
    for (size_t i = 0; i < program->commands_count; i++) {
        const struct troupe_command *command = &program->commands[i];
        int size = snprintf(text, sizeof text, "%s %s", command->name,
                            command->arguments != NULL ? command->arguments : "");
        width = size > width ? size : width;
    }
    return width;
}

static void help_roles(const struct troupe_program *program)
{
    printf("\nRoles:");
    for (size_t i = 0; i < program->roles_count; i++) {
        const struct troupe_role *role = &program->roles[i];
        printf("%s %s", i > 0 ? "," : "", role->name);
        for (const char *const *uses = role->uses; uses != NULL && *uses != NULL; uses++) {
            printf("%s%s", uses == role->uses ? " (uses " : ", ", *uses);
        }
        printf("%s", role->uses != NULL && *role->uses != NULL ? ")" : "");
    }
    printf(
        "\n%s stays in the first process; the end of it ends the program.\n"
        "A composition file has sections [process NAME] with roles = ROLE, ... and perhaps\n"
        "sandbox = off, and [role NAME] with uses = ROLE, ... where it is to use fewer than the\n"
        "above.\n",
        program->front);
}

static void help(const struct troupe_program *program)
{
    char text[128];
    int width = help_width(program);
    bool commands = program->commands_count != 0;
    printf("%s: %s\n\nUsage: %s [OPTIONS]%s\n\nOptions:\n", program->name, program->summary,
           program->name, commands ? " [COMMAND [ARGUMENTS]]" : "");
    for (size_t i = OWN_COUNT; i < OWN_COUNT + program->options_count; i++) {
        const struct troupe_option *option = option_at(program, i);
        heading(text, sizeof text, option);
        help_row(width, text, option->help, option->preset);
    }
    for (size_t i = 0; i < OWN_COUNT; i++) {
        heading(text, sizeof text, &own_options[i]);
        help_row(width, text, own_options[i].help,
                 i == SPLIT ? program->split : own_options[i].preset);
    }
    if (commands) {
        printf("\nCommands, for the program that runs on the same data directory, or else started "
               "for\nthe length of the command:\n");
    }
    for (size_t i = 0; i < program->commands_count; i++) {
        const struct troupe_command *command = &program->commands[i];
        snprintf(text, sizeof text, "%s %s", command->name,
                 command->arguments != NULL ? command->arguments : "");
        help_row(width, text, command->help, NULL);
    }
    help_roles(program);
    printf("\nExit status: 0 ended in order, by itself, Ctrl-C, SIGTERM or SIGHUP; 1 something "
           "failed,\nor a command was cut short; 2 the command line or the composition is wrong; "
           "130 a second\nCtrl-C, which ends all at once.\n");
    if (program->epilog != NULL) {
        printf("\n%s\n", program->epilog);
    }
}

/* ---- parsing --------------------------------------------------------------------------------- */

struct parse {
    const struct troupe_program *program;
    struct tl_command_line *line;
    const char *sandbox; /* NULL: not given */
    bool help;
    bool version;
};

static bool unknown_option(const struct troupe_program *program, const char *text, size_t size)
{
    char word[WORD_BYTES_MAX + 1];
    snprintf(word, sizeof word, "%.*s", (int)size, text);
    const char *name = word + strspn(word, "-");
    const char *nearest = tl_nearest(name, OWN_COUNT + program->options_count, option_name,
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
    switch (i) {
    case SPLIT:
        parse->line->split = value;
        break;
    case COMPOSE:
        parse->line->compose = value;
        break;
    case SANDBOX:
        parse->sandbox = value;
        break;
    case JSON:
        parse->line->json = true;
        break;
    case HELP:
        parse->help = true;
        break;
    case VERSION:
        parse->version = true;
        break;
    default:
        parse->line->arguments.values[i - OWN_COUNT] = value;
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
    while (i < OWN_COUNT + program->options_count &&
           (size < 3 || strncmp(word, "--", 2) != 0 ||
            strlen(option_at(program, i)->name) != size - 2 ||
            strncmp(option_at(program, i)->name, word + 2, size - 2) != 0)) {
        i++;
    }
    if (i == OWN_COUNT + program->options_count) {
        return unknown_option(program, word, size);
    }
    const struct troupe_option *option = option_at(program, i);
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

static bool check_command(const struct troupe_program *program, int count, char **words,
                          struct tl_command_line *line)
{
    const struct troupe_command *command = NULL;
    for (size_t i = 0; i < program->commands_count && command == NULL; i++) {
        command = strcmp(program->commands[i].name, words[0]) == 0 ? &program->commands[i] : NULL;
    }
    if (command == NULL) {
        const char *nearest = tl_nearest(words[0], program->commands_count, command_name, program);
        tl_say(program, "unknown command %s%s%s%s", words[0],
               nearest != NULL ? "; did you mean " : "; --help lists them",
               nearest != NULL ? nearest : "", nearest != NULL ? "?" : "");
        return false;
    }
    unsigned given = (unsigned)count - 1;
    if (given < command->arguments_min || given > command->arguments_max) {
        tl_say(program, "%s takes other arguments: %s %s %s", command->name, program->name,
               command->name, command->arguments != NULL ? command->arguments : "");
        return false;
    }
    line->command = command;
    line->values_count = count - 1;
    line->values = words + 1;
    return true;
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
    if (parse->help || parse->version) {
        return true;
    }
    if (parse->line->split != NULL && parse->line->compose != NULL) {
        tl_say(parse->program, "--split and --compose both say where roles live: give one");
        return false;
    }
    if (parse->sandbox != NULL) {
        parse->line->sandbox_off = strcmp(parse->sandbox, "off") == 0;
        if (!parse->line->sandbox_off && strcmp(parse->sandbox, "on") != 0) {
            tl_say(parse->program, "--sandbox is on or off, not \"%s\"", parse->sandbox);
            return false;
        }
    }
    return words == 0 || check_command(parse->program, words, argv + 1, parse->line);
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
    *ret_status = 0;
    if (parse.help) {
        help(program);
    } else if (parse.version) {
        printf("%s %s\n", program->name, program->version);
    }
    return !parse.help && !parse.version;
}

const char *troupe_argument(const struct troupe_arguments *arguments, const char *name)
{
    const struct troupe_program *program = arguments->program;
    for (size_t i = 0; i < program->options_count; i++) {
        if (strcmp(program->options[i].name, name) == 0) {
            return arguments->values[i] != NULL ? arguments->values[i] : program->options[i].preset;
        }
    }
    return NULL;
}
