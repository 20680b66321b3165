/* witness.h - how long the machine stood still.
 *
 * A loaded kernel may leave threads that could run waiting for many seconds, its own among them, while a
 * few that wake each other in turn keep the CPUs: seen with Linux 6.18 and three programs under load on
 * two CPUs. So a thread on each CPU wants to run all the time, and tells for how long it could not.
 * What has a bound in time does not count those seconds. */
#ifndef TEST_SUPPORT_WITNESS_H
#define TEST_SUPPORT_WITNESS_H

/* Calls the witnesses, once for the life of the process. */
void witness_call(void);
/* The seconds in which the machine stood still since then, this one included. */
double witness_stood(void);

#endif
