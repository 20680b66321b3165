/* wallet.h - the role "wallet": an actor that serves interfaces/wallets.iface, and one more for each
 * open wallet, which serves interfaces/wallet.iface over its book. They use the role "node". The
 * argument is the program's struct troupe_arguments: --network, --datadir. */
#ifndef ACTORS_WALLET_WALLET_H
#define ACTORS_WALLET_WALLET_H

#include "bus/troupe.h"

extern const struct troupe_actor_def wallets_actor;

#endif
