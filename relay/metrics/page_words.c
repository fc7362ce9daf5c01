/* The page's sentences. */
#include "metrics/page_int.h"

static const struct page_words english = {
    .lang = "en",
    .other_lang = "de",
    .other_name = "Deutsch",
    .language = "Language",
    .separator = ',',
    .title = "Drehkreuz: statistics",
    .state = "State",
    .ready = "Ready: new allocations can be had.",
    .not_ready = "Not ready:",
    .no_credentials = " neither a secret nor a user is in force.",
    .no_address = " There is no address to relay from.",
    .draining = " The server is being drained; living allocations go on.",
    .version = "Version",
    .since = "Running since (UTC)",
    .certificate = "Certificate, days left",
    .ended = "has ended",
    .none = "none",
    .redis = "Redis",
    .redis_state = {"not used", "down", "up"},
    .redis_age = ", last read %1 s ago",
    .workers = "Worker threads",
    .trains = "UDP segmentation (GSO)",
    .yes = "yes",
    .no = "no",
    .generation = "Configuration, generation",
    .capacity = "Capacity",
    .is_full = "about four fifths of all possible allocations are in use, or more",
    .has_room = "enough room",
    .usage = "Usage",
    .strict = "Usage is not counted on this server: its profile is \u201cstrict\u201d.",
    .no_window = "Nothing to show yet. A window is shown once it is over, and only if it was "
                 "watched from its beginning. The first can be there at (UTC):",
    .noise = {"Every value holds random noise that hides each single call. It is shown once, when "
              "its window of ",
              " is over, and then stays as it is."},
    .length = {"one hour", "%1 hours", "%1 minutes"},
    .bars = "The line on each bar is the range that holds the value without noise in 95 of 100 "
            "cases. Where calls are few, bars are mostly noise. Gaps are windows that were not "
            "whole, because the server was restarted or its clock was set.",
    .use = {"Allocations", "Data relayed, in GiB", "Refused logins"},
    .use_text =
        {"How many allocations clients began; a call of two through this server takes at least "
         "one, with interruptions up to 16. In 95 of 100 windows noise changes it by %1 at most.",
         "Counted when an allocation ends, up to 256 MiB of each, so long calls count for less "
         "than they moved. In 95 of 100 windows noise changes it by %1 GiB at most.",
         "Only in steps of 1,000, 10,000 and 100,000. Many of these mean that a secret is wrong, "
         "or that somebody is guessing."},
    .chart = "Bar chart of the windows from ",
    .to = " to ",
    .as_table = "The same as a table",
    .window = "Window from (UTC)",
    .about = "about %1",
    .least = "fewer than %1",
    .band = "%1 or more",
    .below_bands = "fewer than 1,000",
    .promise = "What protects calls",
    .promise_text = "Everything that is ever shown is about as likely with any single call (up to "
                    "%1 allocations) as without it: the two probabilities differ by a factor of "
                    "e to the \u03b5 at most.",
    .promise_sum = "All together",
    .row = "Value",
    .clip = "Contribution at most",
    .scale = "Noise, scale b",
    .alarm = "Capacity alarm",
    .foot = "The same for programs:",
};

static const struct page_words german = {
    .lang = "de",
    .other_lang = "en",
    .other_name = "English",
    .language = "Sprache",
    .separator = '.',
    .title = "Drehkreuz: Statistik",
    .state = "Zustand",
    .ready = "Bereit: Neue Relay-Sitzungen werden angenommen.",
    .not_ready = "Nicht bereit:",
    .no_credentials = " Es gilt weder ein Geheimnis noch ein Benutzer.",
    .no_address = " Es gibt keine Adresse, von der aus vermittelt werden kann.",
    .draining = " Der Server wird geleert; laufende Sitzungen gehen weiter.",
    .version = "Version",
    .since = "In Betrieb seit (UTC)",
    .certificate = "Zertifikat, verbleibende Tage",
    .ended = "abgelaufen",
    .none = "keines",
    .redis = "Redis",
    .redis_state = {"nicht verwendet", "nicht erreichbar", "verbunden"},
    .redis_age = ", zuletzt gelesen vor %1 s",
    .workers = "Arbeitsthreads",
    .trains = "UDP-Segmentierung (GSO)",
    .yes = "ja",
    .no = "nein",
    .generation = "Konfiguration, Generation",
    .capacity = "Auslastung",
    .is_full = "etwa vier F\u00fcnftel aller m\u00f6glichen Relay-Sitzungen sind belegt, oder mehr",
    .has_room = "genug Platz",
    .usage = "Nutzung",
    .strict = "Auf diesem Server wird keine Nutzung gez\u00e4hlt: Sein Profil ist "
              "\u201estrict\u201c.",
    .no_window = "Noch ist nichts zu zeigen. Ein Zeitraum erscheint, wenn er vorbei ist, und nur, "
                 "wenn er von Anfang an beobachtet wurde. Der erste kann da sein am (UTC):",
    .noise = {"Jeder Wert enth\u00e4lt ein Zufallsrauschen, das jedes einzelne Gespr\u00e4ch "
              "verbirgt. Er wird einmal gezeigt, wenn sein Zeitraum von ",
              " vorbei ist, und bleibt dann, wie er ist."},
    .length = {"einer Stunde", "%1 Stunden", "%1 Minuten"},
    .bars = "Der Strich auf jedem Balken ist der Bereich, in dem der Wert ohne Rauschen in 95 von "
            "100 F\u00e4llen liegt. Bei wenigen Gespr\u00e4chen zeigen die Balken vor allem "
            "Rauschen. L\u00fccken sind Zeitr\u00e4ume, die nicht vollst\u00e4ndig waren, weil der "
            "Server neu gestartet oder seine Uhr gestellt wurde.",
    .use = {"Relay-Sitzungen (Allocations)", "Vermittelte Daten in GiB", "Abgewiesene Anmeldungen"},
    .use_text =
        {"So viele Relay-Sitzungen wurden begonnen; ein Gespr\u00e4ch zu zweit \u00fcber diesen "
         "Server braucht mindestens eine, mit Unterbrechungen bis zu 16. In 95 von 100 "
         "Zeitr\u00e4umen \u00e4ndert das Rauschen den Wert um h\u00f6chstens %1.",
         "Gez\u00e4hlt am Ende einer Relay-Sitzung, je Sitzung h\u00f6chstens 256 MiB; lange "
         "Gespr\u00e4che z\u00e4hlen also weniger, als sie \u00fcbertragen haben. In 95 von 100 "
         "Zeitr\u00e4umen \u00e4ndert das Rauschen den Wert um h\u00f6chstens %1 GiB.",
         "Nur in Stufen von 1.000, 10.000 und 100.000. Viele davon bedeuten, dass ein Geheimnis "
         "falsch ist oder jemand Passw\u00f6rter r\u00e4t."},
    .chart = "Balkendiagramm der Zeitr\u00e4ume vom ",
    .to = " bis zum ",
    .as_table = "Dasselbe als Tabelle",
    .window = "Zeitraum ab (UTC)",
    .about = "etwa %1",
    .least = "weniger als %1",
    .band = "%1 oder mehr",
    .below_bands = "weniger als 1.000",
    .promise = "Was Gespr\u00e4che sch\u00fctzt",
    .promise_text = "Alles, was jemals gezeigt wird, ist mit einem beliebigen Gespr\u00e4ch (bis "
                    "zu %1 Relay-Sitzungen) etwa so wahrscheinlich wie ohne es: Die beiden "
                    "Wahrscheinlichkeiten unterscheiden sich h\u00f6chstens um den Faktor e hoch "
                    "\u03b5.",
    .promise_sum = "Alles zusammen",
    .row = "Wert",
    .clip = "Beitrag h\u00f6chstens",
    .scale = "Rauschen, Skala b",
    .alarm = "Auslastungsalarm",
    .foot = "Dasselbe f\u00fcr Programme:",
};

const struct page_words *page_words(enum metrics_lang lang)
{
    return lang == METRICS_DE ? &german : &english;
}
