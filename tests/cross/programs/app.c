/* A program for the scripts beside this folder: it prints its version and its arguments, ends with
 * an exit code, or waits for a file. Its version is defined by the compiler's command line. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#ifdef _WIN32
#include <windows.h>
#define pause() Sleep(50)
#else
#include <unistd.h>
#define pause() usleep(50000)
#endif

static int exists(const char *path) {
    FILE *file = fopen(path, "rb");
    if (file != NULL) fclose(file);
    return file != NULL;
}

int main(int count, char **arguments) {
    const char *what = count > 1 ? arguments[1] : "--version";
    if (strcmp(what, "args") == 0) {
        for (int i = 2; i < count; i++) printf("[%s]\n", arguments[i]);
        return 0;
    }
    if (strcmp(what, "exit") == 0 && count > 2) exit((int)strtoul(arguments[2], NULL, 0));
    if (strcmp(what, "wait") == 0 && count > 2) {
        char here[4096];
        snprintf(here, sizeof here, "%s.here", arguments[2]);
        FILE *file = fopen(here, "wb");
        if (file == NULL) return 1;
        fclose(file);
        for (int i = 0; i < 2400 && !exists(arguments[2]); i++) pause();
        printf("stopped %s\n", VERSION);
        return 0;
    }
    printf("app %s\n", VERSION);
    return 0;
}
