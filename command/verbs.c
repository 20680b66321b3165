/* verbs.c - what troupe can do: the verbs, with their help. */
#include "command/command.h"

const struct tc_verb tc_verbs[] = {
    {"ps", "", "the processes of the program, and what they do",
     "One line for each process: how many actors it has, what waits in their mailboxes, what they\n"
     "have handled, and what they asked others and wait for.\n\n"
     "  troupe ps\n  troupe ps --json\n",
     0, 0, 0, tc_verb_ps},
    {"tree", "", "processes, roles and actors, as a tree", "  troupe tree\n", 0, 0, 0,
     tc_verb_tree},
    {"list", "", "the roles, where they live and what they serve", "  troupe list\n", 0, 0, 0,
     tc_verb_list},
    {"introspect", "[ROLE|INTERFACE[.METHOD]]", "what can be called and watched, in words",
     "ROLE, ROLE/NAME, ROLE.bus (the bus of its process) or an interface; with the name of a "
     "method,\n"
     "an event, a type or an error after a dot, only that, with all it is made of.\n\n"
     "  troupe introspect node\n  troupe introspect node.get_tip\n  troupe introspect "
     "troupe.Wallet\n",
     0, 1, 0, tc_verb_introspect},
    {"call", "ROLE METHOD [ARGUMENTS]", "calls a method and prints what it answers",
     "Arguments are NAME=VALUE, or one {NAME: VALUE, ...} as in JSON with fewer quotes: numbers,\n"
     "true, false, null, \"text\", 0xHEX or @FILE for bytes, names of enums, [LISTS], {STRUCTS}. "
     "As\n"
     "NAME=VALUE a text needs no quotes. A secret is best given as @FILE. ROLE/NAME is what a "
     "role\n"
     "hands out by name, such as a wallet. A stream is printed item by item; Ctrl-C cancels it.\n\n"
     "  troupe call node get_tip\n"
     "  troupe call node get_block_hash height=1\n"
     "  troupe call wallet/default get_balance --json\n"
     "  troupe call node get_blocks '{from: 0, to: 10}'\n",
     2, TC_WORDS_MAX, 0, tc_verb_call},
    {"watch", "ROLE.EVENT|EVENT...", "prints events as they come",
     "An event of a role (node.tip_changed), of what it hands out "
     "(wallet/default.balance_changed), or\n"
     "of whichever role has one of that name; ROLE alone: all of its events. LOST says which were\n"
     "missed. --count=N ends after N, --timeout=TIME after that time.\n\n"
     "  troupe watch node.tip_changed\n  troupe watch tip_changed --count=1 --timeout=10s\n",
     1, 16, TC_TAKES_COUNT, tc_verb_watch},
    {"stats", "", "what each process has counted",
     "--openmetrics prints it as OpenMetrics text, for Prometheus and others.\n\n"
     "  troupe stats\n  troupe stats --openmetrics\n",
     0, 0, TC_TAKES_OPEN_METRICS, tc_verb_stats},
    {"wait", "ROLE...", "waits until the program runs and the roles are ready",
     "At most --timeout=TIME (30s).\n\n  troupe wait node wallet && troupe call node get_tip\n", 1,
     16, 0, tc_verb_wait},
    {"top", "", "what the processes do, each second anew",
     "--count=N ends after N times.\n\n  troupe top\n", 0, 0, TC_TAKES_COUNT, tc_verb_top},
    {"idl", "check|diff|fmt|cddl|doc ...", "works on interface files: runs troupe-idl",
     "  troupe idl check node.iface\n", 0, TC_WORDS_MAX, 0, tc_verb_idl},
    {"complete", "[WORDS...]", "what may stand where the last word is: for the shell",
     "See troupe.bash.\n", 0, TC_WORDS_MAX, 0, tc_verb_complete},
};
const size_t tc_verbs_count = sizeof tc_verbs / sizeof tc_verbs[0];
