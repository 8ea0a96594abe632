/* Two small programs for the benches, compiled by them with `cc -O2 -pthread`.
 *
 *   floor stat FOLDER LIST THREADS   reads the metadata of every file that LIST names, one per line, relative to an open handle of
 *                                    FOLDER: what a check of that many files can't do without
 *   floor run COMMAND...             runs a command without input and output, and prints its time in milliseconds and the peak of its
 *                                    memory in kB. A process that Python starts reports at least Python's own memory.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

struct part {
    int folder;
    char **first, **last;
    long failed;
};

static void *stat_all(void *argument) {
    struct part *part = argument;
    for (char **path = part->first; path < part->last; path++) {
        struct statx found;
        if (statx(part->folder, *path, AT_SYMLINK_NOFOLLOW, STATX_BASIC_STATS, &found) != 0)
            part->failed++;
    }
    return NULL;
}

static int stat_files(const char *folder, const char *list, int threads) {
    int handle = open(folder, O_PATH | O_DIRECTORY), file = open(list, O_RDONLY);
    struct stat info;
    if (handle < 0 || file < 0 || fstat(file, &info) != 0)
        return 1;
    char *text = malloc(info.st_size + 1);
    if (read(file, text, info.st_size) != info.st_size)
        return 1;
    long count = 0;
    for (long at = 0; at < info.st_size; at++)
        count += text[at] == '\n';
    char **paths = malloc(count * sizeof *paths), *path = text;
    for (long number = 0; number < count; number++) {
        paths[number] = path;
        path = strchr(path, '\n');
        *path++ = 0;
    }
    struct part parts[64];
    pthread_t running[64];
    threads = threads < 1 ? 1 : threads > 64 ? 64 : threads;
    long failed = 0;
    for (int number = 0; number < threads; number++) {
        parts[number] = (struct part){handle, paths + count * number / threads, paths + count * (number + 1) / threads, 0};
        if (number > 0 && pthread_create(&running[number], NULL, stat_all, &parts[number]) != 0)
            return 1;
    }
    stat_all(&parts[0]);
    for (int number = 0; number < threads; number++) {
        if (number > 0)
            pthread_join(running[number], NULL);
        failed += parts[number].failed;
    }
    return failed == 0 ? 0 : 1;
}

static int run(char **command) {
    struct timespec start, end;
    clock_gettime(CLOCK_MONOTONIC, &start);
    pid_t pid = vfork();
    if (pid == 0) {
        int null = open("/dev/null", O_RDWR);
        dup2(null, 0);
        dup2(null, 1);
        dup2(null, 2);
        execvp(command[0], command);
        _exit(127);
    }
    int status;
    struct rusage usage;
    if (pid < 0 || wait4(pid, &status, 0, &usage) != pid)
        return 1;
    clock_gettime(CLOCK_MONOTONIC, &end);
    printf("%.4f %ld\n", (end.tv_sec - start.tv_sec) * 1e3 + (end.tv_nsec - start.tv_nsec) / 1e6, usage.ru_maxrss);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 1;
}

int main(int count, char **arguments) {
    if (count == 5 && strcmp(arguments[1], "stat") == 0)
        return stat_files(arguments[2], arguments[3], atoi(arguments[4]));
    if (count > 2 && strcmp(arguments[1], "run") == 0)
        return run(arguments + 2);
    fprintf(stderr, "usage: floor stat FOLDER LIST THREADS | floor run COMMAND...\n");
    return 2;
}
