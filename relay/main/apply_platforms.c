/* Prosody and Synapse: what else says the same there, so that our file counts and nothing breaks.
 */
#include "main/apply.h"

#include <errno.h>
#include <libgen.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"

static bool has_folder(const char *path)
{
    char folder[PATH_MAX];
    (void)snprintf(folder, sizeof(folder), "%s", path);
    return access(dirname(folder), F_OK) == 0 || errno == EACCES;
}

static enum apply_result elsewhere(const char *what, const char *path)
{
    (void)apply_refuse("no %s on this host: there is no folder for %s. Give it what stands below, "
                       "or name the file by --into FILE",
                       what, path);
    return APPLY_ELSEWHERE;
}

/* A file beside the folder that this one is in. */
static void main_file(const char *path, const char *name, char ret[PATH_MAX])
{
    char folder[PATH_MAX];
    (void)snprintf(folder, sizeof(folder), "%s", path);
    char *up = dirname(folder);
    char *slash = strrchr(up, '/');
    if (slash)
        *slash = 0;
    (void)snprintf(ret, PATH_MAX, "%.3000s/%.64s", slash ? up : ".", name);
}

/* --- Prosody --- */

struct prosody {
    struct apply_file *file;
    const char *at; /* the file at hand */
    bool is_comment;
    bool in_host;         /* behind a VirtualHost or Component */
    bool is_loaded;       /* some host has the module */
    bool is_set;          /* for all hosts, by somebody else */
    char clash[PATH_MAX]; /* sets it for one host */
};

static bool sets_services(const char *line)
{
    static const char *const names[] = {"external_services", "external_service_secret"};
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        size_t n = strlen(names[i]);
        if (strncmp(line, names[i], n) == 0 && line[n + strspn(line + n, " \t")] == '=')
            return true;
    }
    return false;
}

/* VirtualHost "name", VirtualHost 'name', VirtualHost("name"). */
static void take_host(struct prosody *p, const char *line)
{
    struct setup_hosts *h = &p->file->hosts;
    const char *from = strpbrk(line, "\"'");
    size_t n = from ? strcspn(from + 1, "\"'") : 0;
    p->in_host = true;
    if (n == 0 || n >= SETUP_HOST || h->n == SETUP_HOSTS_MAX)
        return;
    for (size_t i = 0; i < h->n; i++)
        if (strlen(h->v[i]) == n && strncmp(h->v[i], from + 1, n) == 0)
            return;
    memcpy(h->v[h->n], from + 1, n);
    h->v[h->n++][n] = 0;
}

static void prosody_line(void *ctx, const char *line)
{
    struct prosody *p = ctx;
    if (strncmp(line, "--[[", 4) == 0)
        p->is_comment = true;
    if (p->is_comment) {
        p->is_comment = !strstr(line, "]]");
        return;
    }
    if (strncmp(line, "--", 2) == 0)
        return;
    if (strncmp(line, "VirtualHost", 11) == 0)
        take_host(p, line);
    else if (strncmp(line, "Component", 9) == 0)
        p->in_host = true;
    else if (sets_services(line) && p->in_host)
        (void)snprintf(p->clash, sizeof(p->clash), "%s", p->at);
    else if (sets_services(line))
        p->is_set = true;
    const char *module = strstr(line, "\"external_services\"");
    const char *comment = strstr(line, "--");
    p->is_loaded = p->is_loaded || (module && (!comment || module < comment));
}

static bool prosody_file(void *ctx, const char *path)
{
    struct prosody *p = ctx;
    p->at = path;
    p->is_comment = false;
    p->in_host = false;
    return apply_lines(path, prosody_line, p);
}

static enum apply_result write_prosody(struct prosody *p, const struct setup_facts *f)
{
    char main_path[PATH_MAX];
    main_file(p->file->path, "prosody.cfg.lua", main_path);
    if (!prosody_file(p, main_path))
        return apply_refuse("%s cannot be read; run this as root", main_path);
    if (!apply_neighbours(p->file->path, ".cfg.lua", prosody_file, p))
        return apply_refuse("the files beside %s cannot be read; run this as root", p->file->path);
    if (p->clash[0])
        return apply_refuse("%s sets external_services for a host already, and which of two counts "
                            "is chance; take its lines out first",
                            p->clash);
    if (p->is_set && p->file->hosts.n == 0)
        return apply_refuse("Prosody's configuration has external_services already; take them out "
                            "first");
    if (p->is_set)
        printf("Prosody's configuration has external_services already; ours are set for each "
               "VirtualHost, which goes before\n");
    else
        p->file->hosts.n = 0;
    enum apply_result r = apply_write(p->file, f);
    if (r != APPLY_DONE)
        return r;
    printf("then: systemctl restart prosody\n");
    if (!p->is_loaded)
        printf("! \"external_services\" is not in modules_enabled yet, as the VirtualHost that "
               "people log in to needs it\n");
    return r;
}

enum apply_result apply_prosody(const struct setup_facts *f, const char *place)
{
    struct apply_file file = {
        .platform = SETUP_JITSI,
        .path = place ? place : "/etc/prosody/conf.d/drehkreuz.cfg.lua",
        .head = "-- Written by drehkreuz setup jitsi --apply, which replaces it as a whole.",
        .service = "prosody",
    };
    if (!has_folder(file.path))
        return elsewhere("Prosody", file.path);
    struct prosody *p = mem_zalloc(sizeof(*p));
    if (!p)
        return apply_refuse("out of memory");
    p->file = &file;
    enum apply_result r = write_prosody(p, f);
    mem_free(p);
    return r;
}

/* --- Synapse --- */

struct synapse {
    bool has_path; /* turn_shared_secret_path, which does not go together with ours */
    bool has_turn;
    char clash[PATH_MAX];
};

static void synapse_line(void *ctx, const char *line)
{
    struct synapse *s = ctx;
    bool is_path = strncmp(line, "turn_shared_secret_path:", 24) == 0;
    s->has_path = s->has_path || is_path;
    s->has_turn = s->has_turn || is_path || strncmp(line, "turn_uris:", 10) == 0 ||
                  strncmp(line, "turn_shared_secret:", 19) == 0;
}

static bool synapse_file(void *ctx, const char *path)
{
    struct synapse *s = ctx;
    struct synapse one = {0};
    if (!apply_lines(path, synapse_line, &one))
        return false;
    if (one.has_turn)
        (void)snprintf(s->clash, sizeof(s->clash), "%s", path);
    return true;
}

/* Of several files Synapse takes the last one's word for each key. */
static enum apply_result write_synapse(const struct apply_file *file, const struct setup_facts *f)
{
    struct synapse s = {0};
    char main_path[PATH_MAX];
    main_file(file->path, "homeserver.yaml", main_path);
    if (!apply_neighbours(file->path, ".yaml", synapse_file, &s))
        return apply_refuse("the files beside %s cannot be read; run this as root", file->path);
    if (s.clash[0])
        return apply_refuse("%s has turn_uris or a secret already; take them out first", s.clash);
    if (!apply_lines(main_path, synapse_line, &s))
        return apply_refuse("%s cannot be read; run this as root", main_path);
    if (s.has_path)
        return apply_refuse("%s has turn_shared_secret_path, which Synapse refuses beside "
                            "turn_shared_secret; take it out first",
                            main_path);
    if (s.has_turn)
        printf("%s has turn_uris already; this file's go before\n", main_path);
    enum apply_result r = apply_write(file, f);
    if (r == APPLY_DONE)
        printf("then: systemctl restart matrix-synapse\n");
    return r;
}

enum apply_result apply_synapse(const struct setup_facts *f, const char *place)
{
    const struct apply_file file = {
        .platform = SETUP_MATRIX,
        .path = place ? place : "/etc/matrix-synapse/conf.d/drehkreuz.yaml",
        .head = "# Written by drehkreuz setup matrix --apply, which replaces it as a whole.",
        .service = "matrix-synapse",
    };
    return has_folder(file.path) ? write_synapse(&file, f) : elsewhere("Synapse", file.path);
}
