/* policy.c - what a composition says about restarting a process, and what follows from it.
 *
 * The program says for each role whether it is restarted; a process is restarted as the most
 * careful of its roles allows: never before on failure before always. A composition file may say it
 * otherwise, process by process, and how often, how soon, and how long a process may be silent:
 *
 *     [process chain]
 *     roles = node, wallet
 *     restart = on-failure      never, on-failure or always
 *     intensity = 5 in 60 s     one death more within that time ends the program
 *     backoff = 100 ms          before the first restart; twice that before the next, and so on
 *     watchdog = 30 s           silent for so long counts as dead; 0: it may be
 *
 * The process with the front role is the launcher's own, which nobody could restart. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "launcher/launch.h"

enum { BACKOFF_MS_MAX = 10000, SECONDS_MAX = 24 * 3600 };

static const char *const words[] = {[TROUPE_RESTART_NEVER] = "never",
                                    [TROUPE_RESTART_ON_FAILURE] = "on-failure",
                                    [TROUPE_RESTART_ALWAYS] = "always"};

/* ---- reading --------------------------------------------------------------------------------- */

/* A number from 0 to `max` and the word after it; *at moves behind both. */
static bool take(const char **at, unsigned long max, const char *word, unsigned *ret_number)
{
    char *end = NULL;
    *at += strspn(*at, " \t");
    if (**at < '0' || **at > '9') {
        return false;
    }
    unsigned long number = strtoul(*at, &end, 10);
    end += strspn(end, " \t");
    if (number > max || strncmp(end, word, strlen(word)) != 0) {
        return false;
    }
    *at = end + strlen(word);
    *ret_number = (unsigned)number;
    return true;
}

static bool set_restart(struct tl_policy *policy, const char *value)
{
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        if (strcmp(value, words[i]) == 0) {
            policy->restart = (enum troupe_restart)i;
            return true;
        }
    }
    return false;
}

static bool set_intensity(struct tl_policy *policy, const char *value)
{
    return take(&value, TL_RESTARTS_MAX, "in", &policy->restarts_max) &&
           take(&value, SECONDS_MAX, "s", &policy->within_s) && *value == '\0' &&
           policy->restarts_max > 0 && policy->within_s > 0;
}

static bool set_backoff(struct tl_policy *policy, const char *value)
{
    return take(&value, BACKOFF_MS_MAX, "ms", &policy->backoff_ms) && *value == '\0';
}

static bool set_watchdog(struct tl_policy *policy, const char *value)
{
    bool off = strcmp(value, "0") == 0;
    policy->watchdog_s = 0;
    return off || (take(&value, SECONDS_MAX, "s", &policy->watchdog_s) && *value == '\0');
}

static const struct {
    const char *name;
    bool (*set)(struct tl_policy *policy, const char *value);
    const char *form;
} settings[] = {
    {"restart", set_restart, "never, on-failure or always"},
    {"intensity", set_intensity, "N in T s, N at most 128"},
    {"backoff", set_backoff, "N ms, at most 10000"},
    {"watchdog", set_watchdog, "N s, or 0"},
};

bool tl_policy_set(struct tl_policy *policy, const char *name, const char *value,
                   const char **ret_form)
{
    for (size_t i = 0; i < sizeof settings / sizeof *settings; i++) {
        if (strcmp(name, settings[i].name) == 0) {
            *ret_form = settings[i].form;
            policy->given |= 1u << i;
            return settings[i].set(policy, value);
        }
    }
    *ret_form = NULL;
    return false;
}

/* ---- presets --------------------------------------------------------------------------------- */

static enum troupe_restart declared(const struct troupe_program *program, uint64_t roles)
{
    enum troupe_restart restart = TROUPE_RESTART_ALWAYS;
    for (size_t i = 0; i < program->roles_count; i++) {
        if (roles & tl_bit(i)) {
            enum troupe_restart own = program->restarts != NULL ? program->restarts[i]
                                                                : TROUPE_RESTART_NEVER;
            restart = own < restart ? own : restart;
        }
    }
    return restart;
}

bool tl_policies_finish(const struct troupe_program *program, struct tl_composition *composition)
{
    static const struct tl_policy preset = {
        .restarts_max = 5, .within_s = 60, .backoff_ms = 100, .watchdog_s = 30};
    if (composition->places[0].policy.given != 0) {
        tl_say(
            program,
            "process \"%s\" has the role \"%s\", whose end ends the program: nothing restarts or "
            "watches it",
            composition->places[0].name, program->front);
        return false;
    }
    for (size_t i = 1; i < composition->places_count; i++) {
        struct tl_policy *policy = &composition->places[i].policy;
        struct tl_policy said = *policy;
        *policy = preset;
        policy->restart = said.given & 1u ? said.restart
                                          : declared(program, composition->places[i].roles);
        if (said.given & 2u) {
            policy->restarts_max = said.restarts_max;
            policy->within_s = said.within_s;
        }
        policy->backoff_ms = said.given & 4u ? said.backoff_ms : policy->backoff_ms;
        policy->watchdog_s = said.given & 8u ? said.watchdog_s : policy->watchdog_s;
    }
    return true;
}

/* ---- what follows ---------------------------------------------------------------------------- */

unsigned tl_policy_count(const struct tl_policy *policy, const struct tl_deaths *deaths,
                         uint64_t now_ms)
{
    unsigned count = 0;
    while (count < policy->restarts_max && count < deaths->count) {
        uint64_t at = deaths->at_ms[(deaths->count - 1 - count) % TL_RESTARTS_MAX];
        if (now_ms - at >= policy->within_s * UINT64_C(1000)) {
            break;
        }
        count++;
    }
    return count;
}

uint64_t tl_policy_delay_ms(const struct tl_policy *policy, unsigned count, unsigned random)
{
    uint64_t delay = policy->backoff_ms;
    while (count-- > 0 && delay < BACKOFF_MS_MAX) {
        delay *= 2;
        if (delay == 0) {
            break;
        }
    }
    delay = delay < BACKOFF_MS_MAX ? delay : BACKOFF_MS_MAX;
    /* Between three quarters and five, so that what died together does not come back together. */
    return delay * 3 / 4 + (delay != 0 ? random % (delay / 2 + 1) : 0);
}
