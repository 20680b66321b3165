/* ear.h - an actor that hears every `changed` of the role "probe" and keeps account: each event is
 * received, or told lost, once and in order. Serves probe's `told`: times: received, sum: told lost,
 * cancelled: the last sequence that it knows of. */
#ifndef TEST_SUPPORT_EAR_H
#define TEST_SUPPORT_EAR_H

#include "bus/troupe_host.h"

extern const struct troupe_actor_def ear_def;

#endif
