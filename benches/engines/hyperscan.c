/* One message against all patterns with Hyperscan: prints one row of the table, as benches/measure/mod.rs does.
 *
 * hyperscan PATTERNS MESSAGES
 *
 * All patterns lie in one database, in block mode; each is reported once a message. The time is that of hs_scan with a
 * callback that notes the pattern, as nightdesk's is that of finding the rules. */
#include <hs/hs.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define PASSES 5

static unsigned *found;
static size_t found_count;

static int on_match(unsigned id, unsigned long long from, unsigned long long to, unsigned flags, void *context) {
    (void)from, (void)to, (void)flags, (void)context;
    found[found_count++] = id;
    return 0;
}

static double clock_of(clockid_t id) {
    struct timespec t;
    clock_gettime(id, &t);
    return t.tv_sec * 1e6 + t.tv_nsec / 1e3;
}

/* Time that this thread had the processor, so that what other processes do meanwhile does not count. */
static double busy(void) { return clock_of(CLOCK_THREAD_CPUTIME_ID); }

static long resident(void) {
    FILE *file = fopen("/proc/self/status", "r");
    char line[256];
    long kilobytes = 0;
    while (file && fgets(line, sizeof line, file))
        if (sscanf(line, "VmRSS: %ld", &kilobytes) == 1) break;
    if (file) fclose(file);
    return kilobytes;
}

static char **lines(const char *path, size_t *count) {
    FILE *file = fopen(path, "r");
    if (!file) perror(path), exit(2);
    size_t held = 0, room = 0;
    char **all = NULL, *line = NULL;
    ssize_t length;
    while ((length = getline(&line, &room, file)) > 0) {
        line[length - 1] = 0;
        if ((held & (held + 1)) == 0) all = realloc(all, (2 * held + 2) * sizeof *all);
        all[held++] = strdup(line);
    }
    fclose(file);
    *count = held;
    return all;
}

static int by_number(const void *a, const void *b) {
    unsigned x = *(const unsigned *)a, y = *(const unsigned *)b;
    return (x > y) - (x < y);
}

static int by_time(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static uint64_t sum = 0xcbf29ce484222325u;

static void add(uint32_t number) {
    for (int i = 0; i < 4; i++, number >>= 8) sum = (sum ^ (number & 255)) * 0x100000001b3u;
}

int main(int argc, char **argv) {
    if (argc != 3) return fprintf(stderr, "usage: %s PATTERNS MESSAGES\n", argv[0]), 2;
    size_t patterns, messages;
    char **pattern = lines(argv[1], &patterns), **message = lines(argv[2], &messages);
    unsigned *flags = malloc(patterns * sizeof *flags), *ids = malloc(patterns * sizeof *ids);
    for (size_t i = 0; i < patterns; i++) flags[i] = HS_FLAG_UTF8 | HS_FLAG_SINGLEMATCH, ids[i] = i;
    found = malloc(patterns * sizeof *found);

    long before = resident();
    double start = busy();
    hs_database_t *database;
    hs_compile_error_t *error;
    if (hs_compile_multi((const char **)pattern, flags, ids, patterns, HS_MODE_BLOCK, NULL, &database, &error)) {
        fprintf(stderr, "pattern %d: %s\n", error->expression, error->message);
        return 1;
    }
    hs_scratch_t *scratch = NULL;
    if (hs_alloc_scratch(database, &scratch)) return fprintf(stderr, "no scratch\n"), 1;
    double load = busy() - start;
    size_t size, scratch_size;
    hs_database_size(database, &size);
    hs_scratch_size(scratch, &scratch_size);

    size_t *length = malloc(messages * sizeof *length);
    for (size_t i = 0; i < messages; i++) length[i] = strlen(message[i]);
#define SCAN(i) (found_count = 0, hs_scan(database, message[i], length[i], 0, scratch, on_match, NULL))
    double first = busy();
    for (size_t i = 0; i < messages; i++) SCAN(i);
    first = (busy() - first) / messages;
    double means[PASSES];
    for (int pass = 0; pass < PASSES; pass++) {
        start = busy();
        for (size_t i = 0; i < messages; i++) SCAN(i);
        means[pass] = (busy() - start) / messages;
    }
    qsort(means, PASSES, sizeof *means, by_time);
    double(*times)[PASSES] = malloc(messages * sizeof *times), *each = malloc(messages * sizeof *each);
    for (int pass = 0; pass < PASSES; pass++)
        for (size_t i = 0; i < messages; i++) {
            start = clock_of(CLOCK_MONOTONIC);
            SCAN(i);
            times[i][pass] = clock_of(CLOCK_MONOTONIC) - start;
        }
    for (size_t i = 0; i < messages; i++) {
        qsort(times[i], PASSES, sizeof(double), by_time);
        each[i] = times[i][PASSES / 2];
    }
    qsort(each, messages, sizeof *each, by_time);

    char sums[256] = "";
    for (size_t i = 0; i < messages; i++) {
        SCAN(i);
        qsort(found, found_count, sizeof *found, by_number);
        add(found_count);
        for (size_t j = 0; j < found_count; j++) add(found[j]);
        if (i + 1 == 200 || i + 1 == 2000 || i + 1 == 5000)
            sprintf(sums + strlen(sums), "%s%zu:%016llx", *sums ? " " : "", i + 1, (unsigned long long)sum);
    }
    printf("Hyperscan\t%zu\t%.0f\t%zu\t%ld\t%zu\t%.3f\t%.3f\t%.3f\t%.3f\t%s\t\n", patterns, load,
           (size + scratch_size) / 1024, resident() - before, messages, first, means[PASSES / 2], each[messages / 2],
           each[messages * 99 / 100], sums);
    return 0;
}
