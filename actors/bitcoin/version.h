/* The version of troupe-bitcoin: what --version shows, and what its node and wallet say they are. */
#ifndef ACTORS_BITCOIN_VERSION_H
#define ACTORS_BITCOIN_VERSION_H

#define BTC_PROGRAM_NAME    "troupe-bitcoin"
#define BTC_PROGRAM_VERSION "0.1.0"

#endif
