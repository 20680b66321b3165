/* wallet.h - the role "wallet": an actor that serves interfaces/wallet.iface over one book. It uses
 * the role "node". Its argument is the program's struct troupe_arguments: --network, --datadir. */
#ifndef ACTORS_WALLET_WALLET_H
#define ACTORS_WALLET_WALLET_H

#include "bus/troupe.h"

extern const struct troupe_actor_def wallet_actor;

#endif
