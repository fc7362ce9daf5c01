/* The papers in German. Same structure as papers_en.c; a test compares them. */
#include "privacy/papers_int.h"

#define PARA(kind, any, none, undone, ...)                                                         \
    {                                                                                              \
        __VA_ARGS__, any, none, undone, PARA_##kind                                                \
    }

static const struct para PARAS[] = {
    PARA(TITLE, 0, 0, 0, "Datenschutzunterlagen zum Relayserver {host}"),
    PARA(
        TEXT, 0, 0, 0,
        "Erstellt von Drehkreuz {version} aus der geltenden Konfiguration und dem Zustand dieses "
        "Rechners. Die Unterlagen beschreiben die Technik. Die rechtliche Bewertung bleibt Aufgabe "
        "der verantwortlichen Stelle; eine Rechtsberatung sind sie nicht."),

    PARA(HEADING, 0, 0, 0, "1. Kurzfassung"),
    PARA(ITEM, 0, 0, 0,
         "Der Server leitet Bild und Ton weiter, wenn Endgeräte einander nicht direkt erreichen."),
    PARA(ITEM, 0, 0, MEMORY,
         "Was er dazu über die Beteiligten wissen muss, steht nur im Arbeitsspeicher und wird "
         "spätestens {forget} nach dem Ende der Vermittlung überschrieben."),
    PARA(ITEM, 0, 0, 0,
         "Weder Protokoll noch Kennzahlen enthalten Adressen, Ports oder Benutzernamen von "
         "Beteiligten."),
    PARA(ITEM, PUBLISHES, 0, EXPORTER,
         "Nutzungszahlen gibt er nur als Summen über {window} heraus, denen Zufallswerte zugesetzt "
         "sind (ε = {epsilon} für ein Gespräch aus höchstens {group} Vermittlungen)."),
    PARA(ITEM, 0, PUBLISHES, EXPORTER, "Nutzungszahlen gibt er nicht heraus (Profil „{profile}“)."),
    PARA(TEXT, MISSING, 0, 0, "Noch einzutragen, als Option in der Konfigurationsdatei:"),
    PARA(ITEM, NO_OPERATOR, 0, 0, "operator_name: wer verantwortlich ist, mit Kontaktdaten"),
    PARA(ITEM, NO_OFFICER, 0, 0,
         "privacy_officer: Kontaktdaten der datenschutzbeauftragten Person"),
    PARA(ITEM, NO_AUTHORITY, 0, 0, "privacy_authority: zuständige Aufsichtsbehörde"),
    PARA(ITEM, NO_PLATFORM, 0, 0,
         "privacy_platform: womit die Gespräche geführt werden, z. B. Nextcloud Talk"),
    PARA(ITEM, NO_BASIS, 0, 0, "privacy_basis: Buchstabe des Art. 6 Abs. 1 DS-GVO (b, e oder f)"),
    PARA(TEXT, 0, MISSING, 0, "Alle vorgesehenen Angaben sind eingetragen."),
    PARA(TEXT, 0, 0, 0, "Von Ihnen zu prüfen, weil das Programm es nicht wissen kann:"),
    PARA(ITEM, 0, 0, 0, "ob die Rechtsgrundlage den Betrieb trägt"),
    PARA(ITEM, 0, HAS_PROVIDER, 0,
         "ob Dritte den Rechner in Ihrem Auftrag betreiben (privacy_provider, Vertrag nach "
         "Art. 28 DS-GVO)"),
    PARA(ITEM, HAS_PROVIDER, 0, 0,
         "ob mit {provider} ein Vertrag zur Auftragsverarbeitung besteht (Art. 28 DS-GVO)"),
    PARA(ITEM, 0, 0, 0,
         "wo der Rechner steht, und ob Router, Virtualisierung oder Netzbetreiber "
         "Verbindungsdaten aufzeichnen"),
    PARA(
        TEXT, WARNED, 0, 0,
        "Diese Ausnahmen gelten derzeit; sie stehen unten anstelle der Zusagen, die sie aufheben:"),
    PARA(WARNINGS, WARNED, 0, 0, ""),
    PARA(TEXT, 0, WARNED, 0,
         "Auf diesem Rechner wurde nichts gefunden, was die folgenden Aussagen aufhebt."),

    PARA(HEADING, 0, 0, 0,
         "2. Eintrag für das Verzeichnis von Verarbeitungstätigkeiten (Art. 30 Abs. 1 DS-GVO)"),
    PARA(TEXT, 0, 0, 0, "**Bezeichnung:** Betrieb eines Relayservers (STUN/TURN) für {platform}"),
    PARA(TEXT, 0, 0, 0, "**Verantwortlich (Buchst. a):** {operator}"),
    PARA(TEXT, 0, 0, 0, "**Datenschutzbeauftragte Person (Buchst. a):** {officer}"),
    PARA(
        TEXT, 0, 0, 0,
        "**Zwecke (Buchst. b):** Weiterleitung von Echtzeitdaten zwischen Endgeräten, die einander "
        "nicht direkt erreichen; Schutz des Dienstes vor unbefugter Nutzung und Überlastung."),
    PARA(TEXT, PUBLISHES, 0, EXPORTER,
         "Daneben werden zur Planung des Betriebs Gesamtzahlen gebildet, denen Zufallswerte "
         "zugesetzt sind (Abschnitt 5)."),
    PARA(TEXT, 0, 0, 0, "**Rechtsgrundlage:** {basis}"),
    PARA(TEXT, BASIS_B, 0, 0,
         "Zu ergänzen: der Vertrag mit den Teilnehmenden, dessen Erfüllung der Betrieb dient."),
    PARA(TEXT, BASIS_E, 0, 0,
         "Zu ergänzen: die Aufgabe und die Rechtsvorschrift, in der sie festgelegt ist (Art. 6 "
         "Abs. 3 DS-GVO)."),
    PARA(TEXT, BASIS_F, 0, 0,
         "Berechtigtes Interesse: Gespräche sollen auch aus Netzen gelingen, die direkte "
         "Verbindungen nicht zulassen. Behörden können sich in Erfüllung ihrer Aufgaben nicht "
         "auf Buchst. f stützen (Art. 6 Abs. 1 UAbs. 2 DS-GVO)."),
    PARA(TEXT, 0, 0, 0,
         "**Betroffene Personen (Buchst. c):** Teilnehmende an Gesprächen, einschließlich Gästen."),
    PARA(TEXT, 0, 0, 0,
         "**Personenbezogene Daten (Buchst. c):** IP-Adressen und Ports der Endgeräte und der "
         "Gegenstellen; Transportprotokoll; der Benutzername, den die Plattform vergibt (je nach "
         "Plattform zufällig oder mit einer Kontokennung), und der daraus abgeleitete Schlüssel; "
         "Zeitpunkte und Datenmenge. Bild und Ton durchlaufen den Server; er wertet sie nicht aus "
         "und speichert sie nicht."),
    PARA(TEXT, HAS_FIXED_USERS, 0, 0,
         "Außerdem sind feste Konten eingerichtet, deren Namen und Passwörter oder Schlüssel in "
         "der Konfiguration oder in Redis gespeichert sind, bis sie dort entfernt werden."),
    PARA(TEXT, 0, 0, 0,
         "Wird ein Benutzername gesperrt, so bleibt sein SHA-256-Wert bis zum Ablauf der Sperre "
         "gespeichert."),
    PARA(TEXT, 0, 0, 0,
         "**Empfänger (Buchst. d):** die Gegenstellen des jeweiligen Gesprächs. Auf diesem Weg "
         "sehen sie die Adresse des Servers und nicht die des Endgeräts."),
    PARA(TEXT, HAS_PROVIDER, 0, 0, "{provider} betreibt den Rechner im Auftrag (Art. 28 DS-GVO)."),
    PARA(TEXT, TELLS_WEB, 0, 0,
         "Verbindungen, die nicht dem Relay gelten, gehen an den Webserver {web}; ihm wird dabei "
         "die Adresse des Endgeräts mitgeteilt."),
    PARA(TEXT, HAS_WEB, TELLS_WEB, 0,
         "Verbindungen, die nicht dem Relay gelten, gehen unverändert an den Webserver {web}."),
    PARA(TEXT, 0, 0, 0,
         "**Drittländer (Buchst. e):** Von sich aus übermittelt der Server nichts an Stellen in "
         "Drittländern oder an internationale Organisationen. Bild und Ton gehen an die Endgeräte "
         "der Teilnehmenden, wo immer diese sich befinden. Zu ergänzen: Standort des Rechners."),
    PARA(TEXT, 0, 0, MEMORY,
         "**Löschfristen (Buchst. f):** Angaben zu einer Vermittlung werden spätestens {forget} "
         "nach ihrem Ende überschrieben, ohne Sicherungskopie. Einzelheiten enthält Abschnitt 4."),
    PARA(TEXT, 0, 0, 0,
         "**Technische und organisatorische Maßnahmen (Buchst. g, Art. 32 Abs. 1 DS-GVO):**"),
    PARA(ITEM, 0, 0, 0,
         "Weiterleitung nur nach Anmeldung; Passwörter werden nicht übertragen, sondern durch eine "
         "Prüfsumme nachgewiesen."),
    PARA(ITEM, HAS_CREDENTIAL_END, 0, 0,
         "Zeitlich begrenzte Zugangsdaten gelten höchstens {credential}."),
    PARA(ITEM, 0, HAS_CREDENTIAL_END, 0,
         "Wie lange zeitlich begrenzte Zugangsdaten gelten, bestimmt die Plattform."),
    PARA(ITEM, ONLY_TLS13, 0, NO_TLS,
         "TLS 1.3 und DTLS 1.2 werden angeboten; eine unverschlüsselte Anmeldung über UDP und TCP "
         "bleibt möglich."),
    PARA(ITEM, 0, ONLY_TLS13, NO_TLS,
         "TLS 1.2, TLS 1.3 und DTLS 1.2 werden angeboten; eine unverschlüsselte Anmeldung über UDP "
         "und TCP bleibt möglich."),
    PARA(ITEM, 0, 0, CORES, "Der Prozess ist von Speicherabbildern ausgenommen."),
    PARA(ITEM, 0, 0, SWAP, "Sein Arbeitsspeicher gelangt nicht lesbar auf einen Datenträger."),
    PARA(ITEM, HAS_REDIS, 0, REDIS_CLEAR,
         "Die Verbindung zu Redis verlässt den Rechner nicht oder ist mit TLS verschlüsselt."),
    PARA(ITEM, HAS_REDIS, 0, 0,
         "Redis wird nach der Uhr gelesen und nie, weil sich jemand anmeldet; dort ist nicht zu "
         "erkennen, ob Gespräche stattfinden."),
    PARA(ITEM, 0, 0, 0, "Nach dem Start gibt der Prozess besondere Rechte ab."),
    PARA(ITEM, 0, 0, 0,
         "Adressen interner Netze sind als Ziele gesperrt, soweit sie nicht ausdrücklich "
         "freigegeben sind."),
    PARA(TEXT, 0, 0, CONNTRACK | EXPORTER,
         "**Fernmeldegeheimnis:** Ziel des Entwurfs ist, dass beim Betrieb keine näheren Umstände "
         "der Kommunikation im Sinne von § 3 TDDDG bekannt werden, die für das Weiterleiten nicht "
         "nötig sind; dazu gehören auch erfolglose Verbindungsversuche. Ob die Vorschrift für "
         "diesen Dienst gilt, ist hier nicht bewertet."),
    PARA(TEXT, 0, 0, 0,
         "**Folgenabschätzung:** Ob eine Datenschutz-Folgenabschätzung erforderlich ist (Art. 35 "
         "DS-GVO), richtet sich nach dem Konferenzdienst als Ganzem."),

    PARA(HEADING, 0, 0, 0, "3. Baustein für die Information der Teilnehmenden (Art. 13 DS-GVO)"),
    PARA(TEXT, 0, 0, 0,
         "Lässt sich zwischen Ihrem Gerät und den anderen Beteiligten keine direkte Verbindung "
         "aufbauen, laufen Bild und Ton über unseren Server {host}."),
    PARA(TEXT, 0, 0, 0, "**Verantwortlich:** {operator}"),
    PARA(TEXT, 0, 0, 0, "**Datenschutzbeauftragte Person:** {officer}"),
    PARA(TEXT, 0, 0, 0,
         "**Daten, Zweck, Rechtsgrundlage:** Um Ihre Daten zuzustellen, verarbeitet der Server "
         "während der Verbindung die IP-Adresse und den Port Ihres Geräts, die Adressen der "
         "Gegenstellen, den von {platform} vergebenen Benutzernamen sowie Zeitpunkte und "
         "Datenmenge. Rechtsgrundlage ist {basis}."),
    PARA(TEXT, BASIS_F, 0, 0,
         "Unser berechtigtes Interesse ist, dass Gespräche auch aus Netzen gelingen, die direkte "
         "Verbindungen nicht zulassen."),
    PARA(TEXT, 0, 0, MEMORY | CONNTRACK,
         "**Speicherdauer:** Diese Angaben stehen nur im Arbeitsspeicher. Spätestens {forget} nach "
         "dem Ende der Verbindung werden sie überschrieben. Wer wann mit wem verbunden war, wird "
         "nicht aufgezeichnet."),
    PARA(TEXT, HAS_FIXED_USERS, 0, 0,
         "Wurde für Sie ein festes Konto eingerichtet, bleiben dessen Name und Zugangsdaten "
         "gespeichert, bis das Konto entfernt wird."),
    PARA(TEXT, 0, 0, 0,
         "Wird ein Benutzername wegen Missbrauchs gesperrt, bleibt ein Prüfwert davon bis zum "
         "Ablauf der Sperre gespeichert."),
    PARA(TEXT, PUBLISHES, 0, EXPORTER,
         "**Statistik:** Für jeweils {window} bilden wir Gesamtzahlen. Zugesetzte Zufallswerte "
         "verdecken, was ein einzelnes Gespräch dazu beiträgt."),
    PARA(TEXT, 0, PUBLISHES, EXPORTER, "**Statistik:** Nutzungsstatistiken führen wir nicht."),
    PARA(TEXT, 0, 0, 0,
         "**Inhalte:** Soweit {platform} Bild und Ton auf den Geräten verschlüsselt, kann der "
         "Server sie nicht lesen."),
    PARA(TEXT, 0, 0, NO_TLS,
         "Die Anmeldung am Server kann über eine verschlüsselte Verbindung erfolgen (TLS)."),
    PARA(
        TEXT, 0, 0, 0,
        "**Empfänger:** Bild und Ton erhalten die anderen Beteiligten des Gesprächs. Netzbetreiber "
        "auf dem Weg können erkennen, dass Daten zwischen Ihrem Anschluss und dem Server fließen."),
    PARA(TEXT, HAS_PROVIDER, 0, 0,
         "{provider} betreibt den Server in unserem Auftrag (Art. 28 DS-GVO)."),
    PARA(TEXT, 0, 0, 0,
         "**Erforderlichkeit:** Ohne diese Angaben kann der Server die Verbindung nicht "
         "herstellen. Eine automatisierte Entscheidungsfindung einschließlich Profiling findet "
         "nicht statt."),
    PARA(
        TEXT, 0, 0, 0,
        "**Ihre Rechte:** Sie haben nach Maßgabe der DS-GVO das Recht auf Auskunft (Art. 15), "
        "Berichtigung (Art. 16), Löschung (Art. 17) und Einschränkung der Verarbeitung (Art. 18)."),
    PARA(TEXT, BASIS_B | NO_BASIS, 0, 0,
         "Sie haben außerdem das Recht auf Datenübertragbarkeit (Art. 20 DS-GVO)."),
    PARA(TEXT, BASIS_E | BASIS_F | NO_BASIS, 0, 0,
         "**Widerspruchsrecht:** Aus Gründen, die sich aus Ihrer besonderen Situation ergeben, "
         "können Sie der Verarbeitung jederzeit widersprechen (Art. 21 Abs. 1 DS-GVO)."),
    PARA(
        TEXT, 0, 0, MEMORY | CONNTRACK,
        "Nach dem Ende einer Verbindung liegt uns über sie nichts mehr vor, was wir Ihnen zuordnen "
        "könnten; zu früheren Verbindungen ist daher in der Regel keine Auskunft möglich (Art. 11 "
        "DS-GVO)."),
    PARA(TEXT, 0, 0, 0,
         "**Beschwerde:** Sie können sich bei einer Datenschutzaufsichtsbehörde beschweren "
         "(Art. 77 DS-GVO), insbesondere bei: {authority}"),

    PARA(HEADING, 0, 0, 0, "4. Datenflüsse und Speicherdauer"),
    PARA(TEXT, 0, 0, 0, "Endgeräte erreichen den Server unter: {listen}"),
    PARA(COLUMNS, 0, 0, 0, "Weg | Daten | Ort | Dauer"),
    PARA(ROW, 0, MEMORY, 0,
         "Endgerät → Server | Adresse, Port, Benutzername | Arbeitsspeicher | bis "
         "{forget} nach dem Ende"),
    PARA(ROW, MEMORY, 0, 0,
         "Endgerät → Server | Adresse, Port, Benutzername | Arbeitsspeicher | siehe Ausnahmen in "
         "Abschnitt 1"),
    PARA(ROW, 0, 0, 0,
         "Vermittlung | Zeitpunkte, Datenmenge | Arbeitsspeicher | {lifetime}, erneuerbar"),
    PARA(ROW, 0, 0, 0,
         "Freigabe | Adresse der Gegenstelle | Arbeitsspeicher | {permission}, erneuerbar"),
    PARA(ROW, 0, 0, 0,
         "Kanal | Adresse, Port der Gegenstelle | Arbeitsspeicher | {channel}, erneuerbar"),
    PARA(ROW, 0, 0, 0, "Endgerät ↔ Gegenstelle | Bild und Ton | keiner | nur Durchlauf"),
    PARA(ROW, HAS_CREDENTIAL_END, 0, 0,
         "Plattform → Endgerät | Benutzername, Passwort | Endgerät | höchstens {credential}"),
    PARA(ROW, 0, HAS_CREDENTIAL_END, 0,
         "Plattform → Endgerät | Benutzername, Passwort | Endgerät | bestimmt die Plattform"),
    PARA(ROW, HAS_ISSUER, 0, 0,
         "Programm → Server | Name für Zugangsdaten | Arbeitsspeicher | bis zur Antwort"),
    PARA(ROW, HAS_FIXED_USERS, 0, 0,
         "Verwaltung → Server | Namen fester Konten | Datei oder Redis | bis zur Entfernung"),
    PARA(ROW, 0, 0, 0,
         "Verwaltung → Server | gemeinsame Geheimnisse | Datei oder Redis | bis zum Austausch"),
    PARA(ROW, HAS_REDIS, 0, 0,
         "Redis → Server | gemeinsame Geheimnisse | Arbeitsspeicher | bis zum Austausch"),
    PARA(ROW, 0, 0, 0,
         "Verwaltung → Server | SHA-256 gesperrter Namen | Datei oder Redis | bis zum Ablauf"),
    PARA(ROW, HAS_WEB, 0, 0,
         "Endgerät → Webserver | Verbindungen, die nicht dem Relay gelten | Webserver | bestimmt "
         "dieser"),
    PARA(ROW, ON_DISK, 0, 0,
         "Server → Überwachung | Summen mit Zufallswerten | Datei | letzte {windows} Fenster"),
    PARA(ROW, PUBLISHES, ON_DISK, 0,
         "Server → Überwachung | Summen mit Zufallswerten | Arbeitsspeicher | letzte {windows} "
         "Fenster"),
    PARA(ROW, 0, 0, 0,
         "Server → Journal | Ereignisse ohne Personenbezug | Datenträger | bestimmt das Journal"),
    PARA(ROW, 0, 0, 0,
         "Diagnose | Vorgänge einer einwilligenden Person | Terminal | höchstens {trace}"),
    PARA(TEXT, 0, 0, 0,
         "Zur Diagnose: Detaillierte Angaben gibt es nur zu Zugangsdaten, die eigens dafür erzeugt "
         "und der betreffenden Person mit deren Einwilligung übergeben wurden; sie erscheinen auf "
         "dem Terminal, das sie angefordert hat, und werden vom Server nicht gespeichert."),

    PARA(HEADING, 0, 0, 0, "5. Was der Server herausgibt und was das nicht schützt"),
    PARA(TEXT, 0, 0, 0,
         "Jederzeit sichtbar sind nur Angaben, die nicht von Gesprächen abhängen, etwa Version, "
         "Startzeit, Restlaufzeit der Zertifikate und die Verbindung zu Redis."),
    PARA(TEXT, 0, PUBLISHES, 0,
         "Im Profil „{profile}“ gibt der Server darüber hinaus nichts heraus."),
    PARA(COLUMNS, PUBLISHES, 0, 0, "Kennzahl | Gezählt wird | höchstens | Rauschmaß b | ε"),
    PARA(USES, PUBLISHES, 0, 0,
         "{use.name} | {use.words} | {use.clip} | {use.scale} | {use.epsilon}"),
    PARA(ROW, PUBLISHES, 0, 0, "zusammen |   |   |   | {epsilon}"),
    PARA(TEXT, PUBLISHES, 0, 0,
         "Jede Vermittlung und jede Anmeldung zählt höchstens mit dem genannten Beitrag. Der "
         "Zufallswert folgt einer "
         "diskreten Laplace-Verteilung mit dem Maß b. Jedes Fenster dauert {window} und ist an der "
         "koordinierten Weltzeit (UTC) ausgerichtet; sein Wert wird einmal herausgegeben, wenn es "
         "zu Ende ist, "
         "und ändert sich nicht mehr. Negative Werte kommen vor. Ein Neustart verwirft das offene "
         "Fenster."),
    PARA(TEXT, HAS_ALARM, 0, 0,
         "Der Alarm zur Auslastung wird dagegen stündlich neu bestimmt; sein ε gilt für ein "
         "Gespräch, das höchstens einen Tag dauert."),
    PARA(TEXT, PUBLISHES, 0, EXPORTER,
         "ε gilt für ein Gespräch aus höchstens {group} Vermittlungen. Selbst wer alles Übrige "
         "weiß, kann aus den herausgegebenen Zahlen höchstens mit rund {bound} % Trefferquote "
         "entscheiden, ob ein bestimmtes Gespräch stattfand; bloßes Raten trifft zu 50 %."),
    PARA(TEXT, 0, 0, 0, "**Nicht geschützt sind:**"),
    PARA(ITEM, PUBLISHES, 0, 0,
         "Gewohnheiten über Monate: Wiederholt sich ein Gespräch, so addieren sich die ε. In einer "
         "Modellrechnung mit einem Gespräch an jedem Tag (ε = 1,0, Fenster von 24 Stunden, alles "
         "Übrige bekannt) wurde es nach 5 Tagen mit 59 %, nach 22 Tagen mit 69 % und nach 66 Tagen "
         "mit 79 % Trefferquote erkannt. Wer das ausschließen muss, setzt metrics_profile auf "
         "\"strict\"."),
    PARA(ITEM, 0, 0, 0,
         "Angaben zu laufenden Verbindungen vor Personen mit Administrationsrechten (root) auf "
         "dem Rechner: Sie können Arbeitsspeicher und Netzverkehr mitlesen."),
    PARA(ITEM, 0, 0, 0,
         "Verbindungen vor Beobachtung im Netz: Wer den Verkehr vor und hinter dem Server sieht, "
         "kann ihn einander zuordnen."),
    PARA(ITEM, 0, 0, 0, "Angaben, die das Gespräch selbst den Gegenstellen zeigt."),

    PARA(HEADING, 0, 0, 0, "6. Merkblatt bei Datenpannen (Art. 33 und 34 DS-GVO)"),
    PARA(COLUMNS, 0, 0, 0, "Betroffen | Das verrät es | Sofort zu tun"),
    PARA(ROW, 0, MEMORY, 0,
         "Datenträger, Sicherung | Geheimnisse, Sperrliste; keine Verbindungsdaten | Geheimnisse "
         "austauschen"),
    PARA(ROW, MEMORY, 0, 0,
         "Datenträger, Sicherung | Geheimnisse, Sperrliste; Teile des Arbeitsspeichers | "
         "Geheimnisse austauschen, Meldung prüfen"),
    PARA(ROW, 0, 0, 0,
         "gemeinsames Geheimnis | erlaubt Nutzung; keine Verbindungsdaten | "
         "drehkreuz secret new, dann remove"),
    PARA(ROW, HAS_REDIS, 0, 0,
         "Redis ({redis}) | gemeinsame Geheimnisse | Passwort von Redis und Geheimnisse "
         "austauschen"),
    PARA(ROW, HAS_FIXED_USERS, 0, 0,
         "feste Konten | Namen, Passwörter oder Schlüssel | Konten sperren, Meldung prüfen"),
    PARA(ROW, HAS_TLS, 0, 0,
         "Zertifikatsschlüssel | keine früheren Verbindungen | Zertifikat widerrufen und "
         "ersetzen"),
    PARA(ROW, 0, 0, 0,
         "Journal, Kennzahlen | nichts über einzelne Gespräche | keine "
         "Maßnahme nötig"),
    PARA(ROW, 0, 0, 0,
         "laufender Rechner | bestehende Verbindungen, Geheimnisse | vom Netz nehmen, Meldung "
         "prüfen"),
    PARA(TEXT, 0, 0, 0,
         "Eine Verletzung des Schutzes personenbezogener Daten ist unverzüglich und möglichst "
         "binnen 72 Stunden nach Bekanntwerden zu melden, es sei denn, sie führt voraussichtlich "
         "nicht zu einem Risiko für die Rechte und Freiheiten natürlicher Personen (Art. 33 Abs. 1 "
         "DS-GVO); bei voraussichtlich hohem Risiko sind auch die betroffenen Personen zu "
         "benachrichtigen (Art. 34 DS-GVO). Jede Verletzung ist zu dokumentieren (Art. 33 Abs. 5 "
         "DS-GVO)."),
    PARA(TEXT, 0, 0, 0, "Zu melden bei: {authority}"),
    PARA(TEXT, 0, 0, 0, "Zu beteiligen: {officer}"),
};

static const struct para_use USES[] = {
    {"relay_allocations", "begonnene Vermittlungen"},
    {"relay_volume", "Datenmenge je Vermittlung, in Einheiten zu {unit}"},
    {"auth_rejected", "abgelehnte Anmeldungen, als Größenklasse"},
    {"capacity_alarm", "Auslastung, als Alarm"},
    {NULL, NULL},
};

const struct papers PAPERS_DE = {
    .paras = PARAS,
    .n = sizeof(PARAS) / sizeof(PARAS[0]),
    .warning =
        {
            [PRIVACY_CORES] =
                "Stürzt der Server ab, kann dieser Rechner ein Abbild seines Arbeitsspeichers "
                "aufbewahren; darin stünden Angaben zu den laufenden Verbindungen.",
            [PRIVACY_SWAP] =
                "Dieser Rechner lagert Arbeitsspeicher auf einen Datenträger aus, ohne dass eine "
                "Verschlüsselung erkennbar ist; dort können Angaben zu Verbindungen deren Ende "
                "überdauern.",
            [PRIVACY_CONNTRACK] =
                "Es ist nicht ausgeschlossen, dass der Kernel dieses Rechners die Verbindungen des "
                "Servers in einer Tabelle führt (conntrack), die beide Enden nennt und von der "
                "Systemverwaltung gelesen werden kann.",
            [PRIVACY_EXPORTER] =
                "Ein anderes Programm auf diesem Rechner zählt den Netzverkehr oder kann es; aus "
                "solchen Zählern lässt sich schließen, wann Gespräche stattfinden.",
            [PRIVACY_NO_TLS] =
                "Der Server bietet weder TLS noch DTLS an; Benutzernamen und Adressen der "
                "Gegenstellen sind auf dem Weg zum Server im Klartext lesbar.",
            [PRIVACY_REDIS_CLEAR] =
                "Die Verbindung zu Redis auf einem anderen Rechner ist nicht verschlüsselt; die "
                "gemeinsamen Geheimnisse sind auf diesem Weg im Klartext lesbar.",
        },
    .uses = USES,
    .units = {{"Stunde", "Stunden"}, {"Minute", "Minuten"}, {"Sekunde", "Sekunden"}},
    .basis = {"Art. 6 Abs. 1 UAbs. 1 Buchst. b DS-GVO", "Art. 6 Abs. 1 UAbs. 1 Buchst. e DS-GVO",
              "Art. 6 Abs. 1 UAbs. 1 Buchst. f DS-GVO"},
    .fill_in = "noch einzutragen: ",
    .point = ',',
};
