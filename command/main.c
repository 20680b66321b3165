/* main.c - the command line: options, help, and which verb (verbs.c). Options may stand anywhere; "--" ends them. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "command/command.h"
#include "interfaces/bus.h"
#include "launcher/launch.h"

enum { TC_ANY_VERB = 0 };
static const struct {
    const char *name;
    unsigned takes; /* the verbs that take it, by what they say; TC_ANY_VERB: all */
    const char *text;
} options_help[] = {
    {"--attach", TC_ANY_VERB,
     "  --attach=unix:PATH  the program: its control socket, or the data folder with it; else "
     "what\n"
     "                      TROUPE_ATTACH says, else the only program that runs in a usual "
     "place\n"},
    {"--json", TC_ANY_VERB,
     "  --json              for programs: one JSON value, of streams and events one a line\n"},
    {"--timeout", TC_ANY_VERB,
     "  --timeout=TIME      500ms, 10s, 2m or 1h; a number alone is seconds\n"},
    {"--count", TC_TAKES_COUNT, "  --count=N           ends after so many\n"},
    {"--openmetrics", TC_TAKES_OPEN_METRICS,
     "  --openmetrics       as OpenMetrics text, for Prometheus and others\n"},
    {"--contents", TC_TAKES_CONTENTS,
     "  --contents=BYTES    what messages hold, too, up to so many bytes of each (4096 at most)\n"},
    {"--bus", TC_TAKES_BUS, "  --bus               the bus's own messages, too\n"},
    {"--help", TC_ANY_VERB, "  --help              of a verb, too\n"},
    {"--version", TC_ANY_VERB, "  --version           which one this is\n"},
};
enum { OPTIONS_COUNT = sizeof options_help / sizeof options_help[0] };
static const char status_help[] = "Exit status: 0 done; 1 it failed; 2 the command line is wrong; "
                                  "3 no such program or role there,\n"
                                  "or it went away; 4 too late; 130 Ctrl-C.\n";

static void help_options(unsigned takes)
{
    printf("\nOptions:\n");
    for (size_t i = 0; i < OPTIONS_COUNT; i++) {
        if (options_help[i].takes == TC_ANY_VERB || (options_help[i].takes & takes) != 0) {
            printf("%s", options_help[i].text);
        }
    }
}

static void help(void)
{
    printf("troupe: looks into a running program that is made of actors, and calls them\n\n"
           "Usage: troupe [OPTIONS] VERB [ARGUMENTS]\n\nVerbs:\n");
    for (size_t i = 0; i < tc_verbs_count; i++) {
        printf("  %-11s %s\n", tc_verbs[i].name, tc_verbs[i].summary);
    }
    help_options(~0U);
    printf("\n%s", status_help);
}

static void help_verb(const struct tc_verb *verb)
{
    printf("troupe %s: %s\n\nUsage: troupe %s%s%s\n\n%s", verb->name, verb->summary, verb->name,
           verb->arguments[0] != '\0' ? " " : "", verb->arguments, verb->help);
    help_options(verb->takes);
    printf("\n%s", status_help);
}

const char *tc_option_name(size_t i)
{
    return i < OPTIONS_COUNT ? options_help[i].name : NULL;
}

static const char *verb_name(const void *names, size_t i)
{
    const struct tc_verb *verbs = names;
    return verbs[i].name;
}

static const char *option_name(const void *names, size_t i)
{
    (void)names;
    return options_help[i].name;
}

static bool usage(const char *format, const char *word)
{
    char text[512];
    snprintf(text, sizeof text, format, word);
    value_clean(text);
    fprintf(stderr, "troupe: %s\n", text);
    return false;
}

/* ---- options --------------------------------------------------------------------------------- */

static bool whole(const char *text, uint64_t max, uint64_t *ret_number, const char **ret_end)
{
    uint64_t number = 0;
    const char *at = text;
    for (; *at >= '0' && *at <= '9' && number <= max; at++) {
        number = number * 10 + (uint64_t)(*at - '0');
    }
    *ret_number = number;
    *ret_end = at;
    return at > text && number <= max;
}

static bool parse_timeout(const char *text, struct tc_options *options)
{
    static const struct {
        const char *unit;
        uint64_t ms;
    } units[] = {{"", 1000}, {"ms", 1}, {"s", 1000}, {"m", 60000}, {"h", 3600000}};
    uint64_t number;
    const char *end;
    if (whole(text, TROUPE_DEADLINE_MS_MAX, &number, &end)) {
        for (size_t i = 0; i < sizeof units / sizeof units[0]; i++) {
            uint64_t ms = number * units[i].ms;
            if (strcmp(end, units[i].unit) == 0 && ms > 0 && ms <= TROUPE_DEADLINE_MS_MAX) {
                options->timeout_ms = (uint32_t)ms;
                return true;
            }
        }
    }
    return usage("--timeout=%.100s is no time up to 24h: 500ms, 10s, 2m or 1h", text);
}

static bool parse_count(const char *text, struct tc_options *options)
{
    const char *end;
    options->given |= TC_TAKES_COUNT;
    return (whole(text, UINT32_MAX, &options->count, &end) && *end == '\0' && options->count > 0) ||
           usage("--count=%.100s is no number from 1 on", text);
}

static bool parse_contents(const char *text, struct tc_options *options)
{
    const char *end;
    options->given |= TC_TAKES_CONTENTS;
    return (whole(text, BUS_PASSED_CONTENTS_BYTES_MAX, &options->contents_bytes, &end) &&
            *end == '\0') ||
           usage("--contents=%.100s is no number of bytes up to 4096", text);
}

/* One option with a value, if that is it. */
static bool is_option(char **words, int *at, const char *name, const char **ret_value)
{
    size_t size = strlen(name);
    if (strncmp(words[*at], name, size) != 0) {
        return false;
    }
    if (words[*at][size] == '=') {
        *ret_value = words[*at] + size + 1;
        return true;
    }
    if (words[*at][size] == '\0' && words[*at + 1] != NULL) {
        *ret_value = words[++*at];
        return true;
    }
    return false;
}

static const char *nearest_option(const char *word)
{
    char name[64];
    snprintf(name, sizeof name, "%.*s", (int)strcspn(word, "="), word);
    return tl_nearest(name, OPTIONS_COUNT, option_name, NULL);
}

static bool parse_option(char **words, int *at, struct tc_options *options)
{
    const char *value;
    const char *word = words[*at];
    if (strcmp(word, "--json") == 0) {
        options->json = true;
    } else if (strcmp(word, "--openmetrics") == 0) {
        options->open_metrics = true;
        options->given |= TC_TAKES_OPEN_METRICS;
    } else if (strcmp(word, "--bus") == 0) {
        options->given |= TC_TAKES_BUS;
    } else if (is_option(words, at, "--contents", &value)) {
        return parse_contents(value, options);
    } else if (strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0) {
        options->help = true;
    } else if (is_option(words, at, "--attach", &value)) {
        options->attach = value;
    } else if (is_option(words, at, "--timeout", &value)) {
        return parse_timeout(value, options);
    } else if (is_option(words, at, "--count", &value)) {
        return parse_count(value, options);
    } else {
        char text[256];
        const char *nearest = nearest_option(word);
        snprintf(text, sizeof text, "unknown option %%.100s, or one without its value%s%s%s",
                 nearest != NULL ? "; did you mean " : ": troupe --help lists them",
                 nearest != NULL ? nearest : "", nearest != NULL ? "?" : "");
        return usage(text, word);
    }
    return true;
}

/* The words of what has options of its own stay as they are. */
static bool takes_all(const char *verb)
{
    return verb != NULL && (strcmp(verb, "idl") == 0 || strcmp(verb, "complete") == 0);
}

static bool parse(char **words, struct tc_options *options, const char **ret_verb)
{
    bool ended = false;
    *ret_verb = NULL;
    for (int at = 1; words[at] != NULL; at++) {
        bool option = !ended && !takes_all(*ret_verb) && words[at][0] == '-' &&
                      words[at][1] != '\0';
        if (option && strcmp(words[at], "--version") == 0) {
            *ret_verb = "--version";
            return true;
        }
        if (option && strcmp(words[at], "--") == 0) {
            ended = true;
        } else if (option) {
            if (!parse_option(words, &at, options)) {
                return false;
            }
        } else if (*ret_verb == NULL) {
            *ret_verb = words[at];
        } else if (options->words_count == TC_WORDS_MAX) {
            return usage("there are more words than it takes%s", "");
        } else {
            options->words[options->words_count++] = words[at];
        }
    }
    return true;
}

static enum tc_status run(const struct tc_verb *verb, const struct tc_options *options)
{
    struct tc_session session = {.options = options};
    tc_signals();
    enum tc_status status = verb->run(&session);
    tc_close(&session);
    if (fflush(stdout) != 0 && status == TC_DONE) {
        fprintf(stderr, "troupe: standard output could not be written: %s\n", strerror(errno));
        status = TC_FAILED;
    }
    return status;
}

static const struct tc_verb *find_verb(const char *name)
{
    for (size_t i = 0; i < tc_verbs_count; i++) {
        if (strcmp(tc_verbs[i].name, name) == 0) {
            return &tc_verbs[i];
        }
    }
    const char *nearest = tl_nearest(name, tc_verbs_count, verb_name, tc_verbs);
    char text[256];
    snprintf(text, sizeof text, "unknown verb %%.100s%s%s%s",
             nearest != NULL ? "; did you mean " : ": troupe --help lists them",
             nearest != NULL ? nearest : "", nearest != NULL ? "?" : "");
    usage(text, name);
    return NULL;
}

/* What the verb can do nothing with is refused. */
static bool suits(const struct tc_verb *verb, const struct tc_options *options)
{
    for (size_t i = 0; i < OPTIONS_COUNT; i++) {
        if ((options->given & options_help[i].takes & ~verb->takes) != 0) {
            fprintf(stderr, "troupe: %s has no effect on the verb %s\n", options_help[i].name,
                    verb->name);
            return false;
        }
    }
    if (options->words_count < verb->words_min || options->words_count > verb->words_max) {
        fprintf(stderr, "troupe: %s takes %s: troupe %s%s%s\n", verb->name,
                verb->words_max == 0 ? "no arguments" : "other arguments", verb->name,
                verb->arguments[0] != '\0' ? " " : "", verb->arguments);
        return false;
    }
    return true;
}

/* "help", "help VERB" and --help. */
static enum tc_status show_help(const char *name)
{
    const struct tc_verb *verb = name != NULL ? find_verb(name) : NULL;
    if (verb != NULL) {
        help_verb(verb);
    } else if (name == NULL) {
        help();
    }
    return name != NULL && verb == NULL ? TC_USAGE : fflush(stdout) == 0 ? TC_DONE : TC_FAILED;
}

int tc_main(int argc, char **argv)
{
    static struct tc_options options;
    const char *name;
    (void)argc;
    if (!parse(argv, &options, &name)) {
        return TC_USAGE;
    }
    if (name != NULL && strcmp(name, "--version") == 0) {
        printf("troupe %s\n", TROUPE_VERSION);
        return fflush(stdout) == 0 ? TC_DONE : TC_FAILED;
    }
    if (name != NULL && strcmp(name, "help") == 0) {
        return (int)show_help(options.words_count != 0 ? options.words[0] : NULL);
    }
    if (options.help) {
        return (int)show_help(name);
    }
    if (name == NULL) {
        usage("say what to do: troupe --help%s", "");
        return TC_USAGE;
    }
    const struct tc_verb *verb = find_verb(name);
    return verb != NULL && suits(verb, &options) ? (int)run(verb, &options) : TC_USAGE;
}
