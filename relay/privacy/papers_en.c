/* The papers in English. Same structure as papers_de.c; a test compares them. */
#include "privacy/papers_int.h"

#define PARA(kind, any, none, undone, ...)                                                         \
    {                                                                                              \
        __VA_ARGS__, any, none, undone, PARA_##kind                                                \
    }

static const struct para PARAS[] = {
    PARA(TITLE, 0, 0, 0, "Data protection papers for the relay server {host}"),
    PARA(TEXT, 0, 0, 0,
         "Written by Drehkreuz {version} from the configuration in force and the state of this "
         "host. The papers describe the technology. Judging it by law remains the controller's "
         "task; they are not legal advice."),

    PARA(HEADING, 0, 0, 0, "1. Summary"),
    PARA(ITEM, 0, 0, 0,
         "The server forwards audio and video when devices cannot reach each other directly."),
    PARA(ITEM, 0, 0, MEMORY,
         "What it has to know about people for that is held in memory only and overwritten within "
         "{forget} of the end of the relaying."),
    PARA(ITEM, 0, 0, 0, "Neither log nor metrics hold addresses, ports or user names of people."),
    PARA(ITEM, PUBLISHES, 0, EXPORTER,
         "It gives out figures on usage only as sums over {window} with random noise added "
         "(ε = {epsilon} for a call of {group} allocations at most)."),
    PARA(ITEM, 0, PUBLISHES, EXPORTER, "It gives out no figures on usage (profile \"{profile}\")."),
    PARA(TEXT, MISSING, 0, 0, "Still to be filled in, as options in the configuration file:"),
    PARA(ITEM, NO_OPERATOR, 0, 0, "operator_name: the controller, with contact details"),
    PARA(ITEM, NO_OFFICER, 0, 0, "privacy_officer: contact details of the data protection officer"),
    PARA(ITEM, NO_AUTHORITY, 0, 0, "privacy_authority: the competent supervisory authority"),
    PARA(ITEM, NO_PLATFORM, 0, 0,
         "privacy_platform: what the calls are made with, e.g. Nextcloud Talk"),
    PARA(ITEM, NO_BASIS, 0, 0, "privacy_basis: letter of Art. 6(1) GDPR (b, e or f)"),
    PARA(TEXT, 0, MISSING, 0, "All details provided for have been filled in."),
    PARA(TEXT, 0, 0, 0, "For you to examine, because the program cannot know:"),
    PARA(ITEM, 0, 0, 0, "whether the operation can rest on the legal basis"),
    PARA(ITEM, 0, HAS_PROVIDER, 0,
         "whether somebody else runs the host on your behalf (privacy_provider, contract under "
         "Art. 28 GDPR)"),
    PARA(ITEM, HAS_PROVIDER, 0, 0,
         "whether there is a processing contract with {provider} (Art. 28 GDPR)"),
    PARA(ITEM, 0, 0, 0,
         "where the host stands, and whether routers, virtualisation or network operators record "
         "connections"),
    PARA(TEXT, WARNED, 0, 0,
         "These exceptions apply at present; below, they stand in place of what they undo:"),
    PARA(WARNINGS, WARNED, 0, 0, ""),
    PARA(TEXT, 0, WARNED, 0,
         "Nothing was found on this host that undoes the statements that follow."),

    PARA(HEADING, 0, 0, 0, "2. Entry for the record of processing activities (Art. 30(1) GDPR)"),
    PARA(TEXT, 0, 0, 0, "**Name:** operation of a relay server (STUN/TURN) for {platform}"),
    PARA(TEXT, 0, 0, 0, "**Controller (point a):** {operator}"),
    PARA(TEXT, 0, 0, 0, "**Data protection officer (point a):** {officer}"),
    PARA(TEXT, 0, 0, 0,
         "**Purposes (point b):** forwarding real-time data between devices that cannot reach each "
         "other directly; protecting the service from unauthorised use and overload."),
    PARA(TEXT, PUBLISHES, 0, EXPORTER,
         "Besides, totals with random noise added are formed to plan the operation (section 5)."),
    PARA(TEXT, 0, 0, 0, "**Legal basis:** {basis}"),
    PARA(TEXT, BASIS_B, 0, 0,
         "To be added: the contract with the participants that the operation serves to perform."),
    PARA(TEXT, BASIS_E, 0, 0,
         "To be added: the task, and the legal provision that lays it down (Art. 6(3) GDPR)."),
    PARA(TEXT, BASIS_F, 0, 0,
         "Legitimate interest: calls should also succeed from networks that do not allow direct "
         "connections. Public authorities cannot rely on point f in the performance of their tasks "
         "(Art. 6(1), second subparagraph, GDPR)."),
    PARA(TEXT, 0, 0, 0, "**Data subjects (point c):** participants in calls, including guests."),
    PARA(TEXT, 0, 0, 0,
         "**Personal data (point c):** IP addresses and ports of devices and of the other ends; "
         "transport protocol; the user name given by the platform (random or with an account's "
         "name, depending on the platform) and the key derived from it; times and volume. Audio "
         "and video pass through the server, which neither evaluates nor stores them."),
    PARA(TEXT, HAS_FIXED_USERS, 0, 0,
         "There are fixed accounts as well: their names and passwords or keys are stored in the "
         "configuration or in Redis until they are removed there."),
    PARA(TEXT, 0, 0, 0,
         "When a user name is blocked, its SHA-256 digest stays stored until the block expires."),
    PARA(TEXT, 0, 0, 0,
         "**Recipients (point d):** the other ends of the call at hand. On this path they see the "
         "server's address, not the device's."),
    PARA(TEXT, HAS_PROVIDER, 0, 0, "{provider} runs the host as a processor (Art. 28 GDPR)."),
    PARA(TEXT, TELLS_WEB, 0, 0,
         "Connections that are not for the relay are passed on to the web server {web}, which is "
         "told the device's address."),
    PARA(TEXT, HAS_WEB, TELLS_WEB, 0,
         "Connections that are not for the relay are passed on unchanged to the web server {web}."),
    PARA(TEXT, 0, 0, 0,
         "**Third countries (point e):** the server by itself transfers nothing to third countries "
         "or international organisations. Audio and video go to the participants' devices, "
         "wherever they are. To be added: where the host stands."),
    PARA(TEXT, 0, 0, MEMORY,
         "**Time limits for erasure (point f):** what belongs to an allocation is overwritten "
         "within {forget} of its end, and there is no backup of it. Section 4 has the details."),
    PARA(TEXT, 0, 0, 0, "**Technical and organisational measures (point g, Art. 32(1) GDPR):**"),
    PARA(ITEM, 0, 0, 0,
         "Relaying requires a login; passwords are not transmitted but proven by a digest."),
    PARA(ITEM, HAS_CREDENTIAL_END, 0, 0,
         "Time-limited credentials are good for {credential} at most."),
    PARA(ITEM, 0, HAS_CREDENTIAL_END, 0,
         "How long time-limited credentials are good is for the platform to decide."),
    PARA(ITEM, ONLY_TLS13, 0, NO_TLS,
         "TLS 1.3 and DTLS 1.2 are offered; logging in over UDP and TCP without encryption remains "
         "possible."),
    PARA(ITEM, 0, ONLY_TLS13, NO_TLS,
         "TLS 1.2, TLS 1.3 and DTLS 1.2 are offered; logging in over UDP and TCP without "
         "encryption remains possible."),
    PARA(ITEM, 0, 0, CORES, "The process is excluded from memory dumps."),
    PARA(ITEM, 0, 0, SWAP, "Its memory does not reach a disk in readable form."),
    PARA(ITEM, HAS_REDIS, 0, REDIS_CLEAR,
         "The connection to Redis stays on this host or is encrypted by TLS."),
    PARA(ITEM, HAS_REDIS, 0, 0,
         "Redis is read by the clock and never because somebody logs in; it does not show whether "
         "there are calls."),
    PARA(ITEM, 0, 0, 0, "After its start the process gives up special privileges."),
    PARA(ITEM, 0, 0, 0,
         "Addresses of internal networks are blocked as destinations unless they are expressly "
         "allowed."),
    PARA(TEXT, 0, 0, CONNTRACK | EXPORTER,
         "**Secrecy of telecommunications:** the design aims at operation without learning any "
         "circumstances of communication within the meaning of section 3 of the German TDDDG that "
         "forwarding does not need, failed attempts included. Whether that provision applies to "
         "this service is not judged here."),
    PARA(TEXT, 0, 0, 0,
         "**Impact assessment:** whether a data protection impact assessment is needed (Art. 35 "
         "GDPR) depends on the conference service as a whole."),

    PARA(HEADING, 0, 0, 0, "3. Notice for participants (Art. 13 GDPR)"),
    PARA(TEXT, 0, 0, 0,
         "If no direct connection can be made between your device and the others, audio and video "
         "pass through our server {host}."),
    PARA(TEXT, 0, 0, 0, "**Controller:** {operator}"),
    PARA(TEXT, 0, 0, 0, "**Data protection officer:** {officer}"),
    PARA(TEXT, 0, 0, 0,
         "**Data, purpose, legal basis:** to deliver your data, the server processes your device's "
         "IP address and port, the addresses of the other ends, the user name given by {platform}, "
         "times and volume while the connection lasts. The legal basis is {basis}."),
    PARA(TEXT, BASIS_F, 0, 0,
         "Our legitimate interest is that calls also succeed from networks that do not allow "
         "direct connections."),
    PARA(TEXT, 0, 0, MEMORY | CONNTRACK,
         "**Storage:** these details are held in memory only and overwritten within {forget} of "
         "the end of the connection. Who was connected to whom, and when, is not recorded."),
    PARA(TEXT, HAS_FIXED_USERS, 0, 0,
         "If a fixed account was set up for you, its name and credentials stay stored until the "
         "account is removed."),
    PARA(TEXT, 0, 0, 0,
         "When a user name is blocked because of abuse, a digest of it stays stored until the "
         "block expires."),
    PARA(TEXT, PUBLISHES, 0, EXPORTER,
         "**Statistics:** we form totals for each period of {window}. Random noise added to them "
         "hides what a single call contributes."),
    PARA(TEXT, 0, PUBLISHES, EXPORTER, "**Statistics:** we keep no statistics on usage."),
    PARA(TEXT, 0, 0, 0,
         "**Content:** as far as {platform} encrypts audio and video on the devices, the server "
         "cannot read them."),
    PARA(TEXT, 0, 0, NO_TLS,
         "Logging in to the server can take place over an encrypted connection (TLS)."),
    PARA(TEXT, 0, 0, 0,
         "**Recipients:** audio and video go to the others in the call. Network operators on the "
         "way can see that data flows between your connection and the server."),
    PARA(TEXT, HAS_PROVIDER, 0, 0, "{provider} runs the server on our behalf (Art. 28 GDPR)."),
    PARA(TEXT, 0, 0, 0,
         "**Necessity:** without these details the server cannot make the connection. There is no "
         "automated decision-making, including profiling."),
    PARA(TEXT, 0, 0, 0,
         "**Your rights:** under the conditions of the GDPR you have the right of access (Art. "
         "15), to rectification (Art. 16), to erasure (Art. 17) and to restriction of processing "
         "(Art. 18)."),
    PARA(TEXT, BASIS_B | NO_BASIS, 0, 0,
         "You also have the right to data portability (Art. 20 GDPR)."),
    PARA(TEXT, BASIS_E | BASIS_F | NO_BASIS, 0, 0,
         "**Right to object:** on grounds relating to your particular situation you may object to "
         "the processing at any time (Art. 21(1) GDPR)."),
    PARA(TEXT, 0, 0, MEMORY | CONNTRACK,
         "Once a connection has ended we hold nothing about it that we could relate to you; as a "
         "rule we "
         "therefore cannot give information on past connections (Art. 11 GDPR)."),
    PARA(TEXT, 0, 0, 0,
         "**Complaints:** you may lodge a complaint with a data protection authority (Art. 77 "
         "GDPR), in particular with: {authority}"),

    PARA(HEADING, 0, 0, 0, "4. Data flows and retention"),
    PARA(TEXT, 0, 0, 0, "Devices reach the server at: {listen}"),
    PARA(COLUMNS, 0, 0, 0, "Flow | Data | Where | How long"),
    PARA(ROW, 0, MEMORY, 0,
         "Device → server | address, port, user name | memory | until {forget} after the end"),
    PARA(ROW, MEMORY, 0, 0,
         "Device → server | address, port, user name | memory | see the exceptions in section 1"),
    PARA(ROW, 0, 0, 0, "Allocation | times, volume | memory | {lifetime}, renewable"),
    PARA(ROW, 0, 0, 0, "Permission | address of the other end | memory | {permission}, renewable"),
    PARA(ROW, 0, 0, 0, "Channel | address, port of the other end | memory | {channel}, renewable"),
    PARA(ROW, 0, 0, 0, "Device ↔ other end | audio and video | nowhere | in passing only"),
    PARA(ROW, HAS_CREDENTIAL_END, 0, 0,
         "Platform → device | user name, password | device | {credential} at most"),
    PARA(ROW, 0, HAS_CREDENTIAL_END, 0,
         "Platform → device | user name, password | device | for the platform to decide"),
    PARA(ROW, HAS_ISSUER, 0, 0,
         "Program → server | name for a credential | memory | until the answer"),
    PARA(ROW, HAS_FIXED_USERS, 0, 0,
         "Admin → server | names of fixed accounts | file or Redis | until removed"),
    PARA(ROW, 0, 0, 0, "Admin → server | shared secrets | file or Redis | until replaced"),
    PARA(ROW, HAS_REDIS, 0, 0, "Redis → server | shared secrets | memory | until replaced"),
    PARA(ROW, 0, 0, 0, "Admin → server | SHA-256 of blocked names | file or Redis | until expiry"),
    PARA(ROW, HAS_WEB, 0, 0,
         "Device → web server | connections not for the relay | web server | for that one to "
         "decide"),
    PARA(ROW, ON_DISK, 0, 0,
         "Server → monitoring | sums with noise | file | last {windows} "
         "windows"),
    PARA(ROW, PUBLISHES, ON_DISK, 0,
         "Server → monitoring | sums with noise | memory | last {windows} windows"),
    PARA(ROW, 0, 0, 0,
         "Server → journal | events that name nobody | disk | for the journal to decide"),
    PARA(ROW, 0, 0, 0, "Diagnosis | steps of one consenting person | terminal | {trace} at most"),
    PARA(TEXT, 0, 0, 0,
         "On diagnosis: there is detail only about credentials that were made for this purpose and "
         "handed to the person concerned with that person's consent; it appears on the terminal "
         "that asked for it, and the server does not store it."),

    PARA(HEADING, 0, 0, 0, "5. What the server gives out, and what that does not protect"),
    PARA(TEXT, 0, 0, 0,
         "Visible at any time are only details that do not depend on calls, such as version, time "
         "of the start, days left of the certificates and the connection to Redis."),
    PARA(TEXT, 0, PUBLISHES, 0,
         "In the profile \"{profile}\" the server gives out nothing beyond that."),
    PARA(COLUMNS, PUBLISHES, 0, 0, "Figure | What is counted | at most | noise scale b | ε"),
    PARA(USES, PUBLISHES, 0, 0,
         "{use.name} | {use.words} | {use.clip} | {use.scale} | {use.epsilon}"),
    PARA(ROW, PUBLISHES, 0, 0, "together |   |   |   | {epsilon}"),
    PARA(TEXT, PUBLISHES, 0, 0,
         "Each allocation and each login counts with the stated contribution at most. The noise "
         "follows a "
         "discrete Laplace distribution of scale b. Each window lasts {window} and is aligned to "
         "UTC; its value is given out once, when it is over, and does not change any more. "
         "Negative values occur. A restart discards the open window."),
    PARA(TEXT, HAS_ALARM, 0, 0,
         "The alarm on load, however, is determined anew every hour; its ε holds for a call that "
         "lasts a day at most."),
    PARA(TEXT, PUBLISHES, 0, EXPORTER,
         "ε holds for a call of {group} allocations at most. Even somebody who knows everything "
         "else can decide from the figures given out with about {bound} % of right answers at most "
         "whether a certain call took place; mere guessing is right in 50 %."),
    PARA(TEXT, 0, 0, 0, "**Not protected are:**"),
    PARA(
        ITEM, PUBLISHES, 0, 0,
        "Habits over months: when a call is repeated, its ε add up. In a model with one call every "
        "day (ε = 1.0, windows of 24 hours, everything else known) it was recognised with 59 % of "
        "right answers after 5 days, 69 % after 22 days and 79 % after 66 days. Whoever has to "
        "rule that out sets metrics_profile to \"strict\"."),
    PARA(ITEM, 0, 0, 0,
         "Details of present connections from people with administrative rights (root) on the "
         "host: they can read its memory and its traffic."),
    PARA(ITEM, 0, 0, 0,
         "Connections from observation in the network: whoever sees the traffic on both sides of "
         "the server can match one with the other."),
    PARA(ITEM, 0, 0, 0, "What the call itself shows to the other ends."),

    PARA(HEADING, 0, 0, 0, "6. Sheet for data breaches (Art. 33 and 34 GDPR)"),
    PARA(COLUMNS, 0, 0, 0, "Affected | What it reveals | To do at once"),
    PARA(ROW, 0, MEMORY, 0,
         "disk, backup | secrets, blocked names; no connections | replace the secrets"),
    PARA(ROW, MEMORY, 0, 0,
         "disk, backup | secrets, blocked names; parts of memory | replace the secrets, consider "
         "notification"),
    PARA(ROW, 0, 0, 0,
         "shared secret | allows use; no connections | drehkreuz secret new, "
         "then remove"),
    PARA(ROW, HAS_REDIS, 0, 0,
         "Redis ({redis}) | shared secrets | replace the password of Redis and the secrets"),
    PARA(ROW, HAS_FIXED_USERS, 0, 0,
         "fixed accounts | names, passwords or keys | block them, consider notification"),
    PARA(ROW, HAS_TLS, 0, 0,
         "key of the certificate | no past connections | revoke and replace the certificate"),
    PARA(ROW, 0, 0, 0, "journal, metrics | nothing on single calls | nothing needs to be done"),
    PARA(ROW, 0, 0, 0,
         "running host | present connections, secrets | disconnect it, consider notification"),
    PARA(TEXT, 0, 0, 0,
         "A personal data breach is to be notified without undue delay and, where feasible, within "
         "72 hours of becoming aware of it, unless it is unlikely to result in a risk to the "
         "rights and freedoms of natural persons (Art. 33(1) GDPR); where a high risk is likely, "
         "the people affected are to be told as well (Art. 34 GDPR). Every breach is to be "
         "documented (Art. 33(5) GDPR)."),
    PARA(TEXT, 0, 0, 0, "To be notified: {authority}"),
    PARA(TEXT, 0, 0, 0, "To be involved: {officer}"),
};

static const struct para_use USES[] = {
    {"relay_allocations", "allocations begun"},
    {"relay_volume", "volume of each allocation, in units of {unit}"},
    {"auth_rejected", "refused logins, as a band"},
    {"capacity_alarm", "load, as an alarm"},
    {NULL, NULL},
};

const struct papers PAPERS_EN = {
    .paras = PARAS,
    .n = sizeof(PARAS) / sizeof(PARAS[0]),
    .warning =
        {
            [PRIVACY_CORES] =
                "If the server crashes, this host may keep an image of its memory, which would "
                "hold details of the connections at that time.",
            [PRIVACY_SWAP] = "This host moves memory to a disk without any encryption that could "
                             "be seen; there, "
                             "details of connections may outlast their end.",
            [PRIVACY_CONNTRACK] =
                "It cannot be ruled out that the kernel of this host keeps the server's "
                "connections in a table (conntrack) that names both ends and that administrators "
                "can read.",
            [PRIVACY_EXPORTER] =
                "Another program on this host counts network traffic, or is able to; such counters "
                "tell when calls take place.",
            [PRIVACY_NO_TLS] =
                "The server offers neither TLS nor DTLS; user names and addresses of the other "
                "ends can be read in clear text on the way to the server.",
            [PRIVACY_REDIS_CLEAR] =
                "The connection to Redis on another host is not encrypted; the shared secrets can "
                "be read in clear text on that way.",
        },
    .uses = USES,
    .units = {{"hour", "hours"}, {"minute", "minutes"}, {"second", "seconds"}},
    .basis = {"point (b) of Art. 6(1) GDPR", "point (e) of Art. 6(1) GDPR",
              "point (f) of Art. 6(1) GDPR"},
    .fill_in = "to be filled in: ",
    .point = '.',
};
