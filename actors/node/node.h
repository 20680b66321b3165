/* node.h - the role "node": an actor that serves interfaces/node.iface over one chain. It uses
 * nobody. Its argument is the program's struct troupe_arguments: --network and --datadir. */
#ifndef ACTORS_NODE_NODE_H
#define ACTORS_NODE_NODE_H

#include "bus/troupe.h"

extern const struct troupe_actor_def node_actor;

#endif
