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
    {"restart", "ROLE|PROCESS", "ends a process in order and starts it again",
     "Of a role: the process that it lives in. Done when it is ready again. What it has begun it\n"
     "finishes, what it is asked meanwhile it is not sent. Other processes go on.\n\n"
     "  troupe restart wallet\n  troupe restart node --timeout=2m\n",
     1, 1, 0, tc_verb_restart},
    {"kill", "ROLE|PROCESS", "ends a process by force, as a crash does",
     "By SIGKILL. It comes back as the program has it for crashes, of which this is one: too many "
     "end\n"
     "the program, and so does the first where nothing is restarted. troupe call launcher\n"
     "list_processes has its policy, how often it was started and how it ended.\n\n"
     "  troupe kill node && troupe wait node\n",
     1, 1, 0, tc_verb_kill},
    {"top", "", "what the processes do, each second anew",
     "--count=N ends after N times.\n\n  troupe top\n", 0, 0, TC_TAKES_COUNT, tc_verb_top},
    {"monitor", "[ROLE|INTERFACE[.METHOD]]...", "prints messages as they pass",
     "Of all processes, in the order of time: a request is sent, handled, answered and done, an\n"
     "event is published; one number goes with all that follows from one request. ROLE is what\n"
     "passes in its process, INTERFACE, METHOD and EVENT what is about them; of several words "
     "any.\n"
     "--contents=BYTES shows what they hold, but never of a method with a secret. What was missed\n"
     "is counted and said. While nobody looks it costs nothing.\n\n"
     "  troupe monitor\n  troupe monitor node --contents=200\n"
     "  troupe monitor wallet.get_balance tip_changed\n",
     0, 16, TC_TAKES_COUNT | TC_TAKES_CONTENTS | TC_TAKES_BUS, tc_verb_monitor},
    {"capture", "FILE [ROLE|INTERFACE[.METHOD]]...", "writes messages as they pass to a file",
     "As monitor, into a new file that only its owner reads: CBOR items (RFC 8742) with all that "
     "is\n"
     "needed to show them without the program. Ctrl-C, --timeout or --count end it.\n\n"
     "  troupe capture payment.cbor --contents=4096 --timeout=60s\n",
     1, 17, TC_TAKES_COUNT | TC_TAKES_CONTENTS | TC_TAKES_BUS, tc_verb_capture},
    {"read", "FILE [ROLE|INTERFACE[.METHOD]]...", "prints a capture, as monitor did",
     "No program needs to run.\n\n"
     "  troupe read payment.cbor\n  troupe read payment.cbor wallet --json\n",
     1, 17, TC_TAKES_COUNT, tc_verb_read},
    {"idl", "check|diff|fmt|cddl|doc ...", "works on interface files: runs troupe-idl",
     "  troupe idl check node.iface\n", 0, TC_WORDS_MAX, 0, tc_verb_idl},
    {"complete", "[WORDS...]", "what may stand where the last word is: for the shell",
     "See troupe.bash.\n", 0, TC_WORDS_MAX, 0, tc_verb_complete},
};
const size_t tc_verbs_count = sizeof tc_verbs / sizeof tc_verbs[0];
