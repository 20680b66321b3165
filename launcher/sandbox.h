/* sandbox.h - inside the launcher: who is sandboxed, and how a child goes about it. See sandbox.c. */
#ifndef TROUPE_LAUNCHER_SANDBOX_H
#define TROUPE_LAUNCHER_SANDBOX_H

#include "launcher/launch.h"

/* Sanitizers do what a role should not: those variants keep the locks that they can bear. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define TL_SANITIZED
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define TL_SANITIZED
#endif
#endif

/* The first role of the set that declares no sandbox; roles_count: all do. */
size_t tl_sandbox_lacks(const struct troupe_program *program, uint64_t roles);
/* Decides which processes are sandboxed; says on stderr which could be and are not. */
void tl_sandbox_settle(const struct troupe_program *program, bool off,
                       struct tl_composition *composition);
/* Restricts this process to what the roles of the set need; it has one thread. False: ret_text says
 * why not, and the process must end. True: ret_text says what the kernel lacks, or is "". */
bool tl_sandbox_enter(const struct troupe_arguments *arguments, uint64_t roles, char *ret_text,
                      size_t size);

/* ---- sandbox_calls.c ------------------------------------------------------------------------- */

/* 1: done; 0: this kernel has no filters of system calls; -1 with errno. */
int tl_sandbox_close_calls(bool connects, bool listens);

#endif
