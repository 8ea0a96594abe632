/* The program that the judged packages hold: it prints its version on --version, and its arguments otherwise.
 * It uses no C library, because compiling one for six platforms takes minutes. */
static long length(const char *text) {
    long n = 0;
    while (text[n]) n++;
    return n;
}
static int equal(const char *a, const char *b) {
    while (*a && *a == *b) a++, b++;
    return *a == *b;
}
static void print(const char *text, long size);
static void run(int count, char **words) {
    if (count > 1 && equal(words[1], "--version")) {
        print(VERSION "\n", sizeof VERSION);
        return;
    }
    if (count > 1 && equal(words[1], "--name")) {
        print(NAME "\n", sizeof NAME);
        return;
    }
    for (int i = 1; i < count; i++) {
        print(words[i], length(words[i]));
        print("\n", 1);
    }
}
#if defined(__linux__)
static long call(long number, long a, long b, long c) {
#if defined(__x86_64__)
    long result;
    __asm__ volatile("syscall" : "=a"(result) : "a"(number), "D"(a), "S"(b), "d"(c) : "rcx", "r11", "memory");
    return result;
#else
    register long x8 __asm__("x8") = number, x0 __asm__("x0") = a, x1 __asm__("x1") = b, x2 __asm__("x2") = c;
    __asm__ volatile("svc 0" : "+r"(x0) : "r"(x8), "r"(x1), "r"(x2) : "memory");
    return x0;
#endif
}
#if defined(__x86_64__)
enum { WRITE = 1, EXIT = 60 };
__asm__(".globl _start\n_start: xor %ebp, %ebp\n mov %rsp, %rdi\n and $-16, %rsp\n call entry\n");
#else
enum { WRITE = 64, EXIT = 93 };
__asm__(".globl _start\n_start: mov x29, #0\n mov x0, sp\n bl entry\n");
#endif
static void print(const char *text, long size) { call(WRITE, 1, (long)text, size); }
__attribute__((used)) void entry(long *stack) {
    run((int)stack[0], (char **)(stack + 1));
    call(EXIT, 0, 0, 0);
}
#elif defined(_WIN32)
__declspec(dllimport) void *__stdcall GetStdHandle(unsigned);
__declspec(dllimport) int __stdcall WriteFile(void *, const void *, unsigned, unsigned *, void *);
__declspec(dllimport) char *__stdcall GetCommandLineA(void);
__declspec(dllimport) void __stdcall ExitProcess(unsigned);
static void print(const char *text, long size) {
    unsigned written;
    WriteFile(GetStdHandle((unsigned)-11), text, (unsigned)size, &written, 0);
}
void entry(void) {
    /* The rest of the line after the program's name counts as one argument. */
    char *line = GetCommandLineA(), *words[2] = {line, line};
    char end = *line == '"' ? '"' : ' ';
    if (*words[1]) words[1]++;
    while (*words[1] && *words[1] != end) words[1]++;
    while (*words[1] == end || *words[1] == ' ') words[1]++;
    run(*words[1] ? 2 : 1, words);
    ExitProcess(0);
}
#else
long write(int, const void *, unsigned long);
static void print(const char *text, long size) { write(1, text, (unsigned long)size); }
int main(int count, char **words) {
    run(count, words);
    return 0;
}
#endif
