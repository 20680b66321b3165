/* ui.h - the role "ui": what a person sees, and the commands that scripts use.
 *
 * The actor serves interfaces/ui.iface and uses the roles "node" and "wallet"; it is the front role,
 * whose end ends the program. Its argument is the program's struct troupe_arguments: --import,
 * --import-headers, --watch, --network, --datadir. The commands run on a plain thread of a process
 * of their own, or of the program that is started for them. */
#ifndef ACTORS_UI_UI_H
#define ACTORS_UI_UI_H

#include "bus/troupe.h"
#include "launcher/launcher.h"

extern const struct troupe_actor_def ui_actor;

/* What --datadir is when it is not given. [static] The same for as long as the process runs. */
const char *ui_preset_datadir(void);

/* What the values of options are, or NULL when this one will do: struct troupe_option's check. */
const char *ui_check_network(const char *value);
const char *ui_check_wallet(const char *value);
const char *ui_check_kind(const char *value);
const char *ui_check_fee_rate(const char *value);
const char *ui_check_fee_max(const char *value);
const char *ui_check_coins(const char *value);
const char *ui_check_ask_reorg(const char *value);

extern const struct troupe_command ui_commands[];
extern const size_t ui_commands_count;

#endif
