/* drehkreuz config import: reads a coturn configuration, prints ours to standard output and what
 * became of each line to standard error. */
#include "main/commands.h"
#include "main/store.h"
#include "main/text.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "import/import.h"

enum { FILE_MAX = 4 << 20 };

_Static_assert((int)IMPORT_SECRET_MIN == (int)AUTH_SECRET_MIN &&
                   (int)IMPORT_SECRET_MAX == (int)AUTH_SECRET_MAX &&
                   (int)IMPORT_SECRETS_MAX == (int)AUTH_SECRETS_MAX,
               "both rooms mean the same secrets");

/* --- The file --- */

static int read_file(const char *path, uint8_t *ret, size_t *ret_n)
{
    FILE *f = fopen(path, "re");
    if (!f)
        return -errno;
    size_t n = fread(ret, 1, FILE_MAX + 1, f);
    int r = ferror(f) ? -EIO : n > FILE_MAX ? -EFBIG : 0;
    fclose(f);
    if (r == 0)
        *ret_n = n;
    return r;
}

static int say(const char *path, int r)
{
    const char *why = r == -EINVAL  ? "no line of it is an option of coturn"
                      : r == -E2BIG ? "more options than coturn has a use for"
                                    : strerror(-r);
    fprintf(stderr, "drehkreuz: %s: %s\n", path, why);
    return EXIT_USAGE;
}

static int load(const char *path, struct import *ret)
{
    size_t n = 0;
    uint8_t *bytes = mem_zalloc(FILE_MAX + 1);
    int r = bytes ? read_file(path, bytes, &n) : -ENOMEM;
    if (r == 0)
        r = import_read(span_of(bytes, n), ret);
    mem_free_wiped(bytes, FILE_MAX + 1);
    return r == 0 ? EXIT_OK : say(path, r);
}

/* --- Secrets --- */

static bool holds(const struct auth_secrets *all, const struct import_secret *one)
{
    for (size_t i = 0; i < all->n; i++)
        if (all->v[i].len == one->len && memcmp(all->v[i].bytes, one->bytes, one->len) == 0)
            return true;
    return false;
}

static void pick_id(struct auth_secrets *all, struct auth_secret *one)
{
    snprintf(one->id, sizeof(one->id), "imported");
    for (unsigned i = 2; auth_secrets_find(all, one->id); i++)
        snprintf(one->id, sizeof(one->id), "imported-%u", i);
}

static int put(struct store *s, const struct import_secret *from)
{
    struct auth_secret one = {.len = (uint16_t)from->len};
    if (holds(&s->secrets, from))
        return EXIT_OK;
    memcpy(one.bytes, from->bytes, from->len);
    pick_id(&s->secrets, &one);
    int rc = store_put(s, &one);
    crypto_wipe(&one, sizeof(one));
    return rc;
}

/* Beside what the file holds already. The configuration names the file then. */
static int keep_secrets(const struct args *a, struct import *i)
{
    struct args as_file = *a;
    struct store *s = NULL;
    char path[PATH_MAX];
    if (!a->opt[OPT_SECRETS_FILE] || i->n_secrets == 0)
        return EXIT_OK;
    as_file.opt[OPT_FILE] = a->opt[OPT_SECRETS_FILE];
    int rc = store_open(&as_file, true, &s);
    for (size_t k = 0; rc == EXIT_OK && k < i->n_secrets; k++)
        rc = put(s, &i->secrets[k]);
    store_close(s);
    if (rc != EXIT_OK)
        return rc;
    if (!realpath(a->opt[OPT_SECRETS_FILE], path) || strlen(path) >= sizeof(conf_text)) {
        fprintf(stderr, "drehkreuz: the path of the secrets file is too long\n");
        return EXIT_USAGE;
    }
    memset(i->conf.secrets_file, 0, sizeof(conf_text));
    memcpy(i->conf.secrets_file, path, strlen(path));
    import_secrets_kept(i);
    return EXIT_OK;
}

/* --- What is printed --- */

static int print_conf(const struct conf *c)
{
    printf("# Made from a configuration of coturn; see drehkreuz.conf(5) and\n"
           "# drehkreuz config reference for the options that keep their defaults.\n");
    if (c->users.n || c->redis_password[0])
        printf("# Holds passwords: keep it unreadable for others.\n");
    int r = conf_print_changed(c, stdout);
    if (r == 0 && fflush(stdout) == 0 && !ferror(stdout))
        return EXIT_OK;
    fprintf(stderr, "drehkreuz: the configuration could not be printed\n");
    return EXIT_USAGE;
}

static void print_entry(const struct import_entry *e)
{
    fprintf(stderr, "%c ", e->by_hand ? '!' : ' ');
    if (e->line)
        fprintf(stderr, "line %u: ", e->line);
    fprintf(stderr, "%s%s", e->key, *e->key ? ": " : "");
    fprintf(stderr, "%s", import_verdict_name(e->verdict));
    if (e->option && e->verdict < IMPORT_NONE)
        fprintf(stderr, " (%s)", e->option);
    fprintf(stderr, ": %s\n", e->text);
}

static void print_report(const struct import *i)
{
    size_t n[IMPORT_VERDICTS] = {0};
    size_t by_hand = import_by_hand(i);
    for (size_t k = 0; k < i->n_entries; k++) {
        print_entry(&i->entries[k]);
        n[i->entries[k].verdict]++;
    }
    for (int v = 0; v < IMPORT_VERDICTS; v++)
        fprintf(stderr, "%zu %s, ", n[v], import_verdict_name((enum import_verdict)v));
    fprintf(stderr, "%zu left to you%s\n", by_hand, by_hand ? ", marked !" : "");
}

static void print_json_entry(const struct import_entry *e)
{
    fprintf(stderr, "{\"line\": %u, \"key\": ", e->line);
    text_json_to(stderr, e->key);
    fprintf(stderr, ", \"verdict\": \"%s\", \"option\": ", import_verdict_name(e->verdict));
    text_json_to(stderr, e->option && e->verdict < IMPORT_NONE ? e->option : "");
    fprintf(stderr, ", \"by_hand\": %s, \"text\": ", e->by_hand ? "true" : "false");
    text_json_to(stderr, e->text);
    fprintf(stderr, "}");
}

static void print_json(const struct import *i)
{
    fprintf(stderr, "{\"by_hand\": %zu, \"lines\": [", import_by_hand(i));
    for (size_t k = 0; k < i->n_entries; k++) {
        fprintf(stderr, k ? ",\n" : "\n");
        print_json_entry(&i->entries[k]);
    }
    fprintf(stderr, "\n]}\n");
}

int cmd_config_import(const struct args *a)
{
    struct import *i = mem_zalloc(sizeof(*i));
    if (!i)
        return say(a->word, -ENOMEM);
    int rc = load(a->word, i);
    if (rc == EXIT_OK)
        rc = keep_secrets(a, i);
    if (rc == EXIT_OK)
        rc = print_conf(&i->conf);
    if (rc == EXIT_OK) {
        (a->opt[OPT_JSON] ? print_json : print_report)(i);
        rc = import_by_hand(i) ? EXIT_FAILED : EXIT_OK;
    }
    mem_free_wiped(i, sizeof(*i));
    return rc;
}
