/* help.c - what --help and `help COMMAND` print, from the program's tables alone. */
#include <stdio.h>
#include <string.h>

#include "launcher/launch.h"

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
    for (size_t i = 0; i < TL_OWN_COUNT + program->options_count; i++) {
        int size = heading(text, sizeof text, tl_option_at(program, i));
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
    for (size_t i = 0; i < tl_service_role(program); i++) {
        const struct troupe_role *role = &program->roles[i];
        printf("%s %s", i > 0 ? "," : "", role->name);
        for (const char *const *uses = role->uses; uses != NULL && *uses != NULL; uses++) {
            printf("%s%s", uses == role->uses ? " (uses " : ", ", *uses);
        }
        printf("%s", role->uses != NULL && *role->uses != NULL ? ")" : "");
    }
    printf(
        "\n%s stays in the first process; the end of it ends the program. Beside it is the role\n"
        "launcher, which lists, kills and restarts processes: troupe call launcher.\n"
        "A composition file has sections [process NAME] with roles = ROLE, ... and perhaps\n"
        "sandbox = off, and [role NAME] with uses = ROLE, ... where it is to use fewer than the\n"
        "above.\n",
        program->front);
}

static void help_options(const struct troupe_program *program, int width, bool commands)
{
    char text[128];
    for (size_t i = 0; i < program->options_count; i++) {
        const struct troupe_option *option = &program->options[i];
        if ((option->scope == TROUPE_SCOPE_COMMAND) == commands) {
            heading(text, sizeof text, option);
            help_row(width, text, option->help, option->preset);
        }
    }
}

static void help_own_options(const struct troupe_program *program, int width)
{
    char text[128];
    for (size_t i = 0; i < TL_OWN_COUNT; i++) {
        heading(text, sizeof text, &tl_own_options[i]);
        help_row(width, text, tl_own_options[i].help,
                 i == TL_SPLIT ? program->split : tl_own_options[i].preset);
    }
}

static void help_status(void)
{
    printf("\nExit status: 0 ended in order, by itself, Ctrl-C, SIGTERM or SIGHUP; 1 something "
           "failed,\nor a command was cut short; 2 the command line or the composition is wrong; "
           "130 a second\nCtrl-C, which ends all at once.\n");
}

static void help_commands(const struct troupe_program *program, int width)
{
    char text[128];
    printf("\nCommands, for the program that runs on the same data directory, or else started for\n"
           "the length of the command:\n");
    for (size_t i = 0; i < program->commands_count; i++) {
        const struct troupe_command *command = &program->commands[i];
        snprintf(text, sizeof text, "%s %s", command->name,
                 command->arguments != NULL ? command->arguments : "");
        help_row(width, text, command->help, NULL);
    }
    help_row(width, "help COMMAND", "all about one of them, with an example", NULL);
}

void tl_help(const struct troupe_program *program)
{
    int width = help_width(program);
    bool commands = program->commands_count != 0;
    bool scoped = false;
    printf("%s: %s\n\nUsage: %s [OPTIONS]%s\n\nOptions:\n", program->name, program->summary,
           program->name, commands ? " [COMMAND [ARGUMENTS]]" : "");
    help_options(program, width, false);
    help_own_options(program, width);
    for (size_t i = 0; i < program->options_count; i++) {
        scoped = scoped || program->options[i].scope == TROUPE_SCOPE_COMMAND;
    }
    if (scoped) {
        printf("\nOptions of some commands; `help COMMAND` says of which:\n");
        help_options(program, width, true);
    }
    if (commands) {
        help_commands(program, width);
    }
    help_roles(program);
    help_status();
    if (program->epilog != NULL) {
        printf("\n%s\n", program->epilog);
    }
}

/* The options that this command heeds, and the names of those that hold for all. */
static void help_command_options(const struct troupe_program *program,
                                 const struct troupe_command *command)
{
    char text[128];
    int width = 0;
    for (int print = 0; print < 2; print++) {
        for (const char *const *name = command->options; name != NULL && *name != NULL; name++) {
            size_t i = 0;
            while (strcmp(program->options[i].name, *name) != 0) {
                i++;
            }
            int size = heading(text, sizeof text, &program->options[i]);
            if (print != 0) {
                help_row(width, text, program->options[i].help, program->options[i].preset);
            }
            width = size > width ? size : width;
        }
    }
    printf("  and for all commands:");
    for (size_t i = 0; i < program->options_count; i++) {
        if (program->options[i].scope == TROUPE_SCOPE_ANY) {
            printf(" --%s", program->options[i].name);
        }
    }
    printf(" --json\n");
}

void tl_help_command(const struct troupe_program *program, const struct troupe_command *command)
{
    bool words = command->arguments != NULL && command->arguments[0] != '\0';
    printf("%s %s: %s\n\nUsage: %s [OPTIONS] %s%s%s\n", program->name, command->name, command->help,
           program->name, command->name, words ? " " : "", words ? command->arguments : "");
    if (command->about != NULL) {
        printf("\n%s\n", command->about);
    }
    printf("\nOptions:\n");
    help_command_options(program, command);
    if (command->example != NULL) {
        printf("\nExample:\n  %s %s\n", program->name, command->example);
    }
    help_status();
}
