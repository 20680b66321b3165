/* served.c - which interfaces an actor or a whole process serves, for who looks in. Any thread: what
 * it reads is constant. */
#include "bus/runtime.h"
#include "interfaces/bus.h"

size_t ti_serves(const struct troupe_actor_def *def, uint32_t *numbers, size_t max)
{
    size_t count = 0;
    while (count < def->services_count && count < max) {
        numbers[count] = def->services[count].interface->id;
        count++;
    }
    return count;
}

const struct troupe_interface *troupe_host_brings(const struct troupe_actor_def *def, size_t n)
{
    if (n < def->services_count) {
        return def->services[n].interface;
    }
    n -= def->services_count;
    const struct troupe_interface *const *more = def->hands_out;
    while (more != NULL && *more != NULL && n > 0) {
        more++;
        n--;
    }
    return more != NULL ? *more : NULL;
}

const struct troupe_interface *ti_interface_at(struct troupe *troupe, size_t n)
{
    if (n-- == 0) {
        return &bus_interface;
    }
    for (uint32_t number = 1; ti_role_at(troupe, number) != NULL; number++) {
        const struct troupe_role *role = ti_role_at(troupe, number)->role;
        const struct troupe_interface *brought;
        for (size_t i = 0; role != NULL && (brought = troupe_host_brings(role->actor, i)) != NULL;
             i++) {
            if (n-- == 0) {
                return brought;
            }
        }
    }
    return NULL;
}
