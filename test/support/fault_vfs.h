/* fault_vfs.h - makes SQLite's n-th call to the file system fail, or its n-th allocation:
 * FAULT_SQLITE and FAULT_SQLITE_MEMORY of fault.h.
 *
 * Shims over the system's own, for all of this process. A write that fails leaves half
 * of its bytes, as a disk that is full does. Nothing waits for the disk, so that thousands of runs
 * take seconds: what a real disk loses with the power is not tried here. */
#ifndef TEST_SUPPORT_FAULT_VFS_H
#define TEST_SUPPORT_FAULT_VFS_H

/* Before SQLite is used. */
void fault_vfs_install(void);

#endif
