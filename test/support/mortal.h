/* mortal.h - a process that dies, by SIGKILL, at its n-th frame.
 *
 * The functions through which NNG writes and reads are ours in a program that calls mortal_link: it
 * counts the frames of all links, also inside a batch, and the batches that it reads. At the n-th it
 * has written what came before and not a byte more.
 *
 * MORTAL=NAME:FILE in the environment says whose life that is (the name of a process, as in
 * /proc/self/comm) and where "NUMBER STEP" is. Each life takes the number and leaves the next one, a step higher. */
#ifndef TEST_SUPPORT_MORTAL_H
#define TEST_SUPPORT_MORTAL_H

/* Does nothing but bring those functions into the program. */
void mortal_link(void);

#endif
