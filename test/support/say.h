/* say.h - a line on stdout in one write, because the processes of a test program share it. */
#ifndef TEST_SUPPORT_SAY_H
#define TEST_SUPPORT_SAY_H

void say(const char *format, ...) __attribute__((format(printf, 1, 2)));

#endif
