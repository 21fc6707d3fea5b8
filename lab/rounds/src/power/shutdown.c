/* shutdown DIRECTORY: ends the ext4 file system that holds the directory as a power cut does.
   Nothing that is not on the disk yet gets there: neither data nor the journal is flushed. The
   number of the call and the flag are those of the kernel's fs/ext4/ext4.h. A program of its own,
   since Rust reaches ioctl only through unsafe code. */
#include <fcntl.h>
#include <linux/types.h>
#include <stdio.h>
#include <sys/ioctl.h>

#define EXT4_IOC_SHUTDOWN _IOR('X', 125, __u32)
#define EXT4_GOING_FLAGS_NOLOGFLUSH 2

int main(int count, char **words) {
    __u32 flags = EXT4_GOING_FLAGS_NOLOGFLUSH;
    int directory = count == 2 ? open(words[1], O_RDONLY) : -1;
    if (directory < 0 || ioctl(directory, EXT4_IOC_SHUTDOWN, &flags) != 0) {
        perror("shutdown");
        return 1;
    }
    return 0;
}
