/* prober.h - the actor that the bus's tests call: one answer for each thing that a call can do. */
#ifndef TEST_SUPPORT_PROBER_H
#define TEST_SUPPORT_PROBER_H

#include "bus/troupe_host.h"

extern const struct troupe_actor_def probe_actor;
/* The same, run by whichever thread brings it something. */
extern const struct troupe_actor_def quick_probe_actor;

/* Two seats for it: "other" uses "probe". */
extern const struct troupe_role probe_role;
extern const struct troupe_role other_role;
extern const struct troupe_role quick_probe_role;
extern const struct troupe_role quick_other_role;

#endif
