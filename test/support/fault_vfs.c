/* The shim: see fault_vfs.h. What only gives back (unlock, close) never fails: SQLite takes no
 * notice of it. */
#include "test/support/fault_vfs.h"

#include <errno.h>
#include <sqlite3.h>
#include <stdlib.h>

#include "test/support/fault.h"

struct file {
    sqlite3_file base;
    sqlite3_file *real; /* right behind it */
};

static sqlite3_vfs *system_vfs;

static sqlite3_file *real(sqlite3_file *file)
{
    return ((struct file *)file)->real;
}

/* ---- files ----------------------------------------------------------------------------------- */

/* METHOD, which then returns CODE. */
#define METHOD(name, code, parameters, ...)                                       \
    static int name parameters                                                    \
    {                                                                             \
        if (fault_now(FAULT_SQLITE)) {                                            \
            return (code);                                                        \
        }                                                                         \
        return real(file)->pMethods->name(real(file) __VA_OPT__(, ) __VA_ARGS__); \
    }
#define PASSED(type, name, parameters, ...)                                       \
    static type name parameters                                                   \
    {                                                                             \
        return real(file)->pMethods->name(real(file) __VA_OPT__(, ) __VA_ARGS__); \
    }

METHOD(xRead, SQLITE_IOERR_READ, (sqlite3_file * file, void *to, int size, sqlite3_int64 at), to,
       size, at)
METHOD(xTruncate, SQLITE_IOERR_TRUNCATE, (sqlite3_file * file, sqlite3_int64 size), size)
METHOD(xFileSize, SQLITE_IOERR_FSTAT, (sqlite3_file * file, sqlite3_int64 *ret_size), ret_size)
METHOD(xLock, SQLITE_IOERR_LOCK, (sqlite3_file * file, int kind), kind)
METHOD(xCheckReservedLock, SQLITE_IOERR_CHECKRESERVEDLOCK, (sqlite3_file * file, int *ret_held),
       ret_held)
METHOD(xShmMap, SQLITE_IOERR_SHMMAP,
       (sqlite3_file * file, int page, int size, int extend, void volatile **ret_page), page, size,
       extend, ret_page)
PASSED(int, xUnlock, (sqlite3_file * file, int kind), kind)
PASSED(int, xFileControl, (sqlite3_file * file, int what, void *value), what, value)
PASSED(int, xSectorSize, (sqlite3_file * file))
PASSED(int, xDeviceCharacteristics, (sqlite3_file * file))
PASSED(void, xShmBarrier, (sqlite3_file * file))
PASSED(int, xShmUnmap, (sqlite3_file * file, int remove), remove)

static int xClose(sqlite3_file *file)
{
    return real(file)->pMethods->xClose(real(file));
}

static int xWrite(sqlite3_file *file, const void *from, int size, sqlite3_int64 at)
{
    bool whole = !fault_now(FAULT_SQLITE);
    int result = real(file)->pMethods->xWrite(real(file), from, whole ? size : size / 2, at);
    if (whole) {
        return result;
    }
    return fault_errno() == ENOSPC ? SQLITE_FULL : SQLITE_IOERR_WRITE;
}

static int xSync(sqlite3_file *file, int flags)
{
    (void)file;
    (void)flags;
    return fault_now(FAULT_SQLITE) ? SQLITE_IOERR_FSYNC : SQLITE_OK;
}

static int xShmLock(sqlite3_file *file, int at, int count, int flags)
{
    if ((flags & SQLITE_SHM_LOCK) != 0 && fault_now(FAULT_SQLITE)) {
        return SQLITE_IOERR_SHMLOCK;
    }
    return real(file)->pMethods->xShmLock(real(file), at, count, flags);
}

static const sqlite3_io_methods methods = {
    .iVersion = 2,
    .xClose = xClose,
    .xRead = xRead,
    .xWrite = xWrite,
    .xTruncate = xTruncate,
    .xSync = xSync,
    .xFileSize = xFileSize,
    .xLock = xLock,
    .xUnlock = xUnlock,
    .xCheckReservedLock = xCheckReservedLock,
    .xFileControl = xFileControl,
    .xSectorSize = xSectorSize,
    .xDeviceCharacteristics = xDeviceCharacteristics,
    .xShmMap = xShmMap,
    .xShmLock = xShmLock,
    .xShmBarrier = xShmBarrier,
    .xShmUnmap = xShmUnmap,
};

/* ---- the file system ------------------------------------------------------------------------- */

static int xOpen(sqlite3_vfs *vfs, const char *name, sqlite3_file *file, int flags, int *ret_flags)
{
    struct file *own = (struct file *)file;
    (void)vfs;
    own->base.pMethods = NULL; /* then SQLite does not close it */
    own->real = (sqlite3_file *)(own + 1);
    if (fault_now(FAULT_SQLITE)) {
        return SQLITE_CANTOPEN;
    }
    int result = system_vfs->xOpen(system_vfs, name, own->real, flags, ret_flags);
    if (own->real->pMethods != NULL) {
        own->base.pMethods = &methods;
    }
    return result;
}

static int xDelete(sqlite3_vfs *vfs, const char *name, int sync)
{
    (void)vfs;
    (void)sync;
    return fault_now(FAULT_SQLITE) ? SQLITE_IOERR_DELETE : system_vfs->xDelete(system_vfs, name, 0);
}

static int xAccess(sqlite3_vfs *vfs, const char *name, int flags, int *ret_result)
{
    (void)vfs;
    return fault_now(FAULT_SQLITE) ? SQLITE_IOERR_ACCESS
                                   : system_vfs->xAccess(system_vfs, name, flags, ret_result);
}

static int xFullPathname(sqlite3_vfs *vfs, const char *name, int size, char *ret_name)
{
    (void)vfs;
    return fault_now(FAULT_SQLITE) ? SQLITE_CANTOPEN
                                   : system_vfs->xFullPathname(system_vfs, name, size, ret_name);
}

/* NOLINTNEXTLINE(readability-non-const-parameter): SQLite's type */
static int xGetLastError(sqlite3_vfs *vfs, int size, char *ret_text)
{
    (void)vfs;
    (void)size;
    (void)ret_text;
    return fault_fired() ? fault_errno() : errno;
}

/* ---- memory ---------------------------------------------------------------------------------- */

static sqlite3_mem_methods system_memory;

static void *xMalloc(int size)
{
    return fault_now(FAULT_SQLITE_MEMORY) ? NULL : system_memory.xMalloc(size);
}

static void *xRealloc(void *old, int size)
{
    return fault_now(FAULT_SQLITE_MEMORY) ? NULL : system_memory.xRealloc(old, size);
}

static void install_memory(void)
{
    if (sqlite3_config(SQLITE_CONFIG_GETMALLOC, &system_memory) != SQLITE_OK) {
        abort();
    }
    sqlite3_mem_methods shim = system_memory;
    shim.xMalloc = xMalloc;
    shim.xRealloc = xRealloc;
    if (sqlite3_config(SQLITE_CONFIG_MALLOC, &shim) != SQLITE_OK) {
        abort();
    }
}

void fault_vfs_install(void)
{
    install_memory();
    static sqlite3_vfs shim;
    system_vfs = sqlite3_vfs_find(NULL);
    if (system_vfs == NULL || system_vfs == &shim) {
        abort();
    }
    shim = *system_vfs;
    shim.pNext = NULL;
    shim.zName = "fault";
    shim.szOsFile = (int)sizeof(struct file) + system_vfs->szOsFile;
    shim.xOpen = xOpen;
    shim.xDelete = xDelete;
    shim.xAccess = xAccess;
    shim.xFullPathname = xFullPathname;
    shim.xGetLastError = xGetLastError;
    if (sqlite3_vfs_register(&shim, 1) != SQLITE_OK) {
        abort();
    }
}
