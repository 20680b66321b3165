/* troupe - one command to look into a program that is made of actors, and to touch all of it. */
#include "command/command.h"

int main(int argc, char **argv)
{
    return tc_main(argc, argv);
}
