/* The scenarios: what a relay is for, and everything that may come in between. */
#include "scenario.h"

#include <errno.h>

#define STEPS(name) static const struct step name[]

STEPS(A_CALL) = {
    {BINDING, 0, 0, 0, 0},      {ALLOCATE, 0, 0, 0, 0},     {SEND, 0, 100, 0, 0},
    {FROM_PEER, 0, 0, 0, 0},    {PERMIT, 0, 0, 0, 0},       {SEND, 0, 100, 0, 1},
    {SEND, 0, 0, 0, 1},         {FROM_PEER, 0, 0, 0, 1},    {FROM_PEER, 0, 0, 1, 0},
    {BIND, 0, 0x4000, 0, 0},    {BIND, 0, 0x4FFF, 1, 0},    {BIND, 0, 0x5000, 2, 400},
    {BIND, 0, 0x3FFF, 2, 400},  {BIND, 0, 0x4000, 2, 400},  {BIND, 0, 0x4001, 0, 400},
    {BIND, 0, 0x4000, 0, 0},    {CHANNEL, 0, 0x4000, 0, 1}, {CHANNEL, 0, 0x4FFF, 1, 1},
    {CHANNEL, 0, 0x4001, 1, 0}, {FROM_PEER, 0, 0, 0, 2},    {FROM_PEER, 0, 0, 1, 2},
    {SEND, 0, 1200, 1, 1},      {FROM_PEER, 0, 0, 2, 0},    {LIVE, 0, 0, 0, 1},
    {REFRESH, 0, 0, 0, 0},      {LIVE, 0, 0, 0, 0},         {SEND, 0, 100, 0, 0},
    {CHANNEL, 0, 0x4000, 0, 0}, {FROM_PEER, 0, 0, 0, 0},    {REFRESH, 0, 600, 0, 437},
    {PERMIT, 0, 0, 0, 437},     {BIND, 0, 0x4000, 0, 437},  {END, 0, 0, 0, 0},
};

STEPS(EVERYBODY) = {
    {ALLOCATE, 0, 0, 0, 0},    {ALLOCATE, 1, 0, 0, 0}, {ALLOCATE, 2, 0, 0, 0},
    {ALLOCATE, 3, 0, 0, 0},    {ALLOCATE, 4, 0, 0, 0}, {ALLOCATE, 5, 0, 0, 0},
    {LIVE, 0, 0, 0, 6},        {PERMIT, 1, 0, 0, 0},   {PERMIT, 2, 0, 0, 0},
    {PERMIT, 3, 0, 0, 0},      {PERMIT, 4, 0, 0, 0},   {PERMIT, 5, 0, 0, 0},
    {SEND, 1, 10, 0, 1},       {SEND, 2, 10, 0, 1},    {SEND, 3, 10, 0, 1},
    {SEND, 4, 10, 0, 1},       {SEND, 5, 10, 0, 1},    {FROM_PEER, 1, 0, 0, 1},
    {FROM_PEER, 4, 0, 0, 1},   {CLOSE, 5, 0, 0, 0},    {LIVE, 0, 0, 0, 5},
    {SEND, 5, 10, 0, 0},       {ALLOCATE, 5, 0, 0, 0}, {KILL, 3, 0, 0, 0},
    {REFRESH, 3, 600, 0, 437}, {LIVE, 0, 0, 0, 5},     {END, 0, 0, 0, 0},
};

STEPS(TIME) = {
    {ALLOCATE, 0, 0, 0, 0},     {PERMIT, 0, 0, 0, 0},       {BIND, 0, 0x4000, 1, 0},
    {WAIT, 0, 299, 0, 0},       {SEND, 0, 10, 0, 1},        {CHANNEL, 0, 0x4000, 1, 1},
    {WAIT, 0, 1, 0, 0},         {SEND, 0, 10, 0, 0},        {FROM_PEER, 0, 0, 0, 0},
    {CHANNEL, 0, 0x4000, 1, 0}, {FROM_PEER, 0, 0, 1, 0},    {PERMIT, 0, 0, 1, 0},
    {CHANNEL, 0, 0x4000, 1, 1}, {FROM_PEER, 0, 0, 1, 2},    {REFRESH, 0, 3600, 0, 0},
    {WAIT, 0, 299, 0, 0},       {FROM_PEER, 0, 0, 1, 2},    {PERMIT, 0, 0, 1, 0},
    {WAIT, 0, 1, 0, 0}, /* 600 s: the channel is over, its permission is not */
    {FROM_PEER, 0, 0, 1, 1},    {CHANNEL, 0, 0x4000, 1, 0}, {BIND, 0, 0x4000, 2, 0},
    {BIND, 0, 0x4001, 1, 0},    {FROM_PEER, 0, 0, 1, 2},    {WAIT, 0, 3299, 0, 0},
    {LIVE, 0, 0, 0, 1},         {WAIT, 0, 1, 0, 0},         {LIVE, 0, 0, 0, 0},
    {REFRESH, 0, 600, 0, 437},  {ALLOCATE, 0, 0, 0, 0},     {WAIT, 0, 599, 0, 0},
    {LIVE, 0, 0, 0, 1},         {WAIT, 0, 1, 0, 0},         {FROM_PEER, 0, 0, 0, 0},
    {LIVE, 0, 0, 0, 0},         {END, 0, 0, 0, 0},
};

STEPS(FAMILIES) = {
    {ALLOCATE, 0, V6, 0, 0},    {PERMIT, 0, 0, 0, 443},
    {BIND, 0, 0x4000, 0, 443},  {PERMIT, 0, 0, 3, 0},
    {SEND, 0, 10, 3, 1},        {FROM_PEER, 0, 0, 3, 1},
    {ALLOCATE, 0, 0, 0, 437},   {ALLOCATE, 1, BOTH, 0, 0},
    {BIND, 1, 0x4000, 0, 0},    {BIND, 1, 0x4001, 3, 0},
    {CHANNEL, 1, 0x4001, 3, 1}, {FROM_PEER, 1, 0, 3, 2},
    {REFRESH, 1, 0, 6, 0},      {LIVE, 0, 0, 0, 2},
    {CHANNEL, 1, 0x4001, 3, 0}, {PERMIT, 1, 0, 3, 443},
    {REFRESH, 1, 600, 6, 443},  {CHANNEL, 1, 0x4000, 0, 1},
    {FROM_PEER, 1, 0, 0, 2},    {REFRESH, 1, 0, 4, 0},
    {LIVE, 0, 0, 0, 1},         {ALLOCATE, 1, V6 | BOTH, 0, 400},
    {ALLOCATE, 1, BOTH, 0, 0},  {REFRESH, 1, 1200, 4, 0},
    {WAIT, 0, 601, 0, 0},       {LIVE, 0, 0, 0, 1},
    {PERMIT, 1, 0, 0, 0},       {PERMIT, 1, 0, 3, 443},
    {CONF, 0, CONF_V4, 0, 0},   {ALLOCATE, 2, V6, 0, 440},
    {ALLOCATE, 2, BOTH, 0, 0},  {PERMIT, 2, 0, 3, 443},
    {END, 0, 0, 0, 0},
};

STEPS(PORT_PAIRS) = {
    {ALLOCATE, 0, EVEN, 0, 0},
    {ALLOCATE, 1, PAIR, 0, 0},
    {ALLOCATE, 2, TOKEN, 1, 0},
    {NEXT_TO, 2, 0, 1, 0},
    {ALLOCATE, 3, TOKEN, 1, 508},
    {ALLOCATE, 4, PAIR, 0, 0},
    {WAIT, 0, 29, 0, 0},
    {ALLOCATE, 5, TOKEN, 4, 0},
    {NEXT_TO, 5, 0, 4, 0},
    {REFRESH, 5, 0, 0, 0},
    {REFRESH, 4, 0, 0, 0},
    {ALLOCATE, 4, PAIR, 0, 0},
    {WAIT, 0, 40, 0, 0},
    {ALLOCATE, 5, TOKEN, 4, 508},
    {ALLOCATE, 3, TOKEN | V6, 4, 400},
    {ALLOCATE, 3, TOKEN | EVEN, 4, 400},
    {ALLOCATE, 3, PAIR | BOTH, 0, 400},
    {LIVE, 0, 0, 0, 4},
    {END, 0, 0, 0, 0},
};

STEPS(FORBIDDEN_PEERS) = {
    {ALLOCATE, 0, 0, 0, 0},
    {PERMIT, 0, 0, OWN_SOCKET, 403},
    {BIND, 0, 0x4000, LOOPBACK, 403},
    {PERMIT, 0, 0, LOOPBACK, 403},
    {PERMIT, 0, 0, 2, 0},
    {BIND, 0, 0x4000, 2, 0},
    {SEND, 0, 10, 2, 1},
    {CONF, 0, CONF_DENY, 0, 0},
    {SEND, 0, 10, 2, 0},
    {CHANNEL, 0, 0x4000, 2, 0},
    {FROM_PEER, 0, 0, 2, 0},
    {PERMIT, 0, 0, 2, 403},
    {BIND, 0, 0x4000, 2, 403},
    {PERMIT, 0, 0, 1, 0},
    {SEND, 0, 10, 1, 1},
    {CONF, 0, CONF_PLAIN, 0, 0},
    {CHANNEL, 0, 0x4000, 2, 1},
    {FROM_PEER, 0, 0, 2, 2},
    {BINDING, 0, 0, 0, 0},
    {CONF, 0, CONF_DENY, 0, 0},
    {BINDING, 0, 0, 0, -1},
    {END, 0, 0, 0, 0},
};

/* Clients 0 and 2 are on one engine, 1 is on the other. */
STEPS(RELAY_TO_RELAY) = {
    {ALLOCATE, 0, BOTH, 0, 0},
    {ALLOCATE, 1, BOTH, 0, 0},
    {ALLOCATE, 2, 0, 0, 0},
    {PERMIT, 0, 0, RELAY + 1, 0},
    {SEND, 0, 10, RELAY + 1, 0},
    {PERMIT, 1, 0, RELAY + 0, 0},
    {SEND, 0, 10, RELAY + 1, 1},
    {SEND, 1, 10, RELAY + 0, 1},
    {SEND, 0, 10, RELAY + 2, 0},
    {PERMIT, 2, 0, RELAY + 0, 0},
    {SEND, 0, 10, RELAY + 2, 1},
    {BIND, 0, 0x4002, RELAY + 2, 0},
    {BIND, 2, 0x4002, RELAY + 0, 0},
    {CHANNEL, 0, 0x4002, RELAY + 2, 1},
    {CHANNEL, 2, 0x4002, RELAY + 0, 1},
    {SEND, 0, 1001, RELAY + 0, 1},
    {BIND, 0, 0x4006, RELAY_SIX + 1, 0},
    {BIND, 1, 0x4006, RELAY_SIX + 0, 0},
    {CHANNEL, 0, 0x4006, RELAY_SIX + 1, 1},
    {CHANNEL, 1, 0x4006, RELAY_SIX + 0, 1},
    {SEND, 0, 10, OWN_SOCKET, 0},
    {KILL, 1, 0, 0, 0},
    {CHANNEL, 0, 0x4006, RELAY_SIX + 1, 0},
    {SEND, 0, 10, RELAY + 1, 0},
    {SEND, 0, 10, RELAY + 2, 1},
    {CONF, 0, CONF_STRICT, 0, 0},
    {SEND, 0, 10, RELAY + 2, 1},
    {CHANNEL, 2, 0x4002, RELAY + 0, 1},
    {END, 0, 0, 0, 0},
};

STEPS(LIMITS) = {
    {CONF, 0, CONF_TIGHT, 0, 0}, {ALLOCATE, 5, 0, 0, 0}, /* bert */
    {ALLOCATE, 1, 0, 0, 486},                            /* bert again */
    {PERMIT, 5, 0, 0, 0},        {PERMIT, 5, 0, 1, 0},
    {PERMIT, 5, 0, 2, 508},      {PERMIT, 5, 0, 1, 0},
    {BIND, 5, 0x4000, 2, 508},   {BIND, 5, 0x4000, 0, 0},
    {BIND, 5, 0x4001, 1, 508},   {WAIT, 0, 10, 0, 0},
    {ALLOCATE, 3, 0, 0, 0},      {USER, 1, 0, 0, 0},
    {ALLOCATE, 1, 0, 0, 486}, /* the prefix is full on this engine */
    {REFRESH, 3, 0, 0, 0},       {ALLOCATE, 1, 0, 0, 0},
    {WAIT, 0, 100, 0, 0}, /* the nonces are over */
    {REFRESH, 5, 600, 0, 0},     {REFRESH, 1, 600, 0, 0},
    {WAIT, 0, 600, 0, 0},        {LIVE, 0, 0, 0, 0},
    {END, 0, 0, 0, 0},
};

STEPS(NO_SOCKETS) = {
    {OPEN_FAILS, 0, EADDRINUSE, 3, 0},
    {ALLOCATE, 0, 0, 0, 0},
    {OPEN_FAILS, 0, EADDRINUSE, 100, 0},
    {ALLOCATE, 1, 0, 0, 508},
    {OPEN_FAILS, 0, EMFILE, 1, 0},
    {ALLOCATE, 1, PAIR, 0, 508},
    {OPEN_FAILS, 0, EMFILE, 1, 0},
    {ALLOCATE, 1, BOTH, 0, 0},
    {PERMIT, 1, 0, 0, 443},
    {PERMIT, 1, 0, 3, 0},
    {ALLOCATE, 2, PAIR, 0, 0},
    {OPEN_FAILS, 0, EADDRINUSE, 1, 0},
    {ALLOCATE, 3, TOKEN, 2, 508},
    {ALLOCATE, 3, TOKEN, 2, 508},
    {ALLOCATE, 3, 0, 0, 0},
    {LIVE, 0, 0, 0, 4},
    {END, 0, 0, 0, 0},
};

STEPS(NEW_ADDRESS) = {
    {ALLOCATE, 0, 0, 0, 0},    {PERMIT, 0, 0, 0, 0},   {REBIND, 0, 0, 0, 0}, {SEND, 0, 10, 0, 0},
    {REFRESH, 0, 600, 0, 437}, {ALLOCATE, 0, 0, 0, 0}, {LIVE, 0, 0, 0, 2},   {PERMIT, 0, 0, 0, 0},
    {SEND, 0, 10, 0, 1},       {WAIT, 0, 600, 0, 0},   {LIVE, 0, 0, 0, 0},   {END, 0, 0, 0, 0},
};

STEPS(RETRANSMISSIONS) = {
    {ALLOCATE, 0, 0, 0, 0}, {AGAIN, 0, 0, 0, 0},   {LIVE, 0, 0, 0, 1},    {WAIT, 0, 10, 0, 0},
    {AGAIN, 0, 0, 0, 0},    {PERMIT, 0, 0, 0, 0},  {AGAIN, 0, 0, 0, 0},   {BIND, 0, 0x4000, 0, 0},
    {AGAIN, 0, 0, 0, 0},    {REFRESH, 0, 0, 0, 0}, {AGAIN, 0, 0, 0, 437}, {ALLOCATE, 1, PAIR, 0, 0},
    {AGAIN, 1, 0, 0, 0},    {LIVE, 0, 0, 0, 1},    {END, 0, 0, 0, 0},
};

STEPS(CREDENTIALS) = {
    {USER, 0, 2, 0, 0},       {ALLOCATE, 0, 0, 0, 401}, {USER, 0, 0, 0, 0},
    {ALLOCATE, 0, 0, 0, 0},   {USER, 0, 1, 0, 0},       {REFRESH, 0, 600, 0, 441},
    {ALLOCATE, 0, 0, 0, 437}, {USER, 0, 2, 0, 0},       {REFRESH, 0, 600, 0, 401},
    {USER, 0, 0, 0, 0},       {REFRESH, 0, 600, 0, 0},  {LOGIN, 2, 100, 0, 0},
    {ALLOCATE, 2, 0, 0, 0},   {WAIT, 0, 200, 0, 0},     {REFRESH, 2, 600, 0, 0},
    {PERMIT, 2, 0, 0, 0},     {REBIND, 2, 0, 0, 0},     {ALLOCATE, 2, 0, 0, 401},
    {LOGIN, 4, 100, 0, 0},    {ALLOCATE, 4, 0, 0, 0},   {CONF, 0, CONF_STRICT, 0, 0},
    {REFRESH, 4, 600, 0, 0},  {WAIT, 0, 200, 0, 0},     {REFRESH, 4, 600, 0, 401},
    {LIVE, 0, 0, 0, 3},       {END, 0, 0, 0, 0},
};

STEPS(NONCES) = {
    {ALLOCATE, 0, 0, 0, 0}, {TRIES, 0, 0, 0, 2},     {REFRESH, 0, 3600, 0, 0},
    {TRIES, 0, 0, 0, 1},    {WAIT, 0, 1780, 0, 0},   {PERMIT, 0, 0, 0, 0},
    {TRIES, 0, 0, 0, 1},    {WAIT, 0, 20, 0, 0},     {PERMIT, 0, 0, 0, 0},
    {TRIES, 0, 0, 0, 2},    {REFRESH, 0, 0, 0, 0},   {ALLOCATE, 1, 0, 0, 0},
    {FORGET, 1, 0, 0, 0},   {REFRESH, 1, 900, 0, 0}, {WAIT, 0, 100000, 0, 0},
    {ALLOCATE, 1, 0, 0, 0}, {TRIES, 1, 0, 0, 2},     {LIVE, 0, 0, 0, 1},
    {END, 0, 0, 0, 0},
};

STEPS(DRAINING) = {
    {ALLOCATE, 0, 0, 0, 0},   {PERMIT, 0, 0, 0, 0}, {DRAIN, 0, 0, 0, 0},
    {ALLOCATE, 1, 0, 0, 508}, {SEND, 0, 10, 0, 1},  {REFRESH, 0, 1200, 0, 0},
    {WAIT, 0, 1200, 0, 0},    {LIVE, 0, 0, 0, 0},   {ALLOCATE, 0, 0, 0, 508},
    {END, 0, 0, 0, 0},
};

STEPS(ICMP) = {
    {ALLOCATE, 0, 0, 0, 0},    {UNREACHABLE, 0, 0, 0, 0}, {PERMIT, 0, 0, 0, 0},
    {UNREACHABLE, 0, 0, 0, 1}, {UNREACHABLE, 0, 0, 1, 0}, {BIND, 0, 0x4000, 1, 0},
    {UNREACHABLE, 0, 0, 1, 1}, {WAIT, 0, 300, 0, 0},      {UNREACHABLE, 0, 0, 0, 0},
    {END, 0, 0, 0, 0},
};

/* 46 x 1400 are the least burst of 64 KiB; the account's is another one. */
STEPS(RATES) = {
    {CONF, 0, CONF_SLOW, 0, 0}, {ALLOCATE, 0, 0, 0, 0},      {PERMIT, 0, 0, 0, 0},
    {BURST, 0, 60, 0, 46},      {SEND, 0, 1400, 0, 0},       {WAIT, 0, 10, 0, 0},
    {BURST, 0, 20, 0, 7},       {CONF, 0, CONF_PLAIN, 0, 0}, {BURST, 0, 60, 0, 60},
    {END, 0, 0, 0, 0},
};

/* One family of two is over, but perhaps not swept yet. */
STEPS(HALF_EXPIRED) = {
    {ALLOCATE, 0, BOTH, 0, 0}, {REFRESH, 0, 1200, 4, 0},   {WAIT, 0, 590, 0, 0},
    {BIND, 0, 0x4000, 0, 0},   {BIND, 0, 0x4001, 3, 0},    {CHANNEL, 0, 0x4001, 3, 1},
    {WAIT, 0, 10, 0, 0},       {CHANNEL, 0, 0x4001, 3, 0}, {SEND, 0, 10, 3, 0},
    {UNREACHABLE, 0, 0, 3, 0}, {FROM_PEER, 0, 0, 3, 0},    {CHANNEL, 0, 0x4000, 0, 1},
    {REFRESH, 0, 600, 6, 443}, {END, 0, 0, 0, 0},
};

STEPS(FORBIDDEN_PORT) = {
    {ALLOCATE, 0, 0, 0, 0},         {BIND, 0, 0x4000, 1, 0},    {CHANNEL, 0, 0x4000, 1, 1},
    {CONF, 0, CONF_PORTS, 0, 0},    {CHANNEL, 0, 0x4000, 1, 0}, {SEND, 0, 10, 1, 0},
    {BIND, 0, 0x4000, 1, 403},      {PERMIT, 0, 0, 1, 0},       {CONF, 0, CONF_PLAIN, 0, 0},
    {CHANNEL, 0, 0x4000, 1, 1},     {ALLOCATE, 1, V6, 0, 0},    {PERMIT, 1, 0, MAPPED, 403},
    {BIND, 1, 0x4000, MAPPED, 403}, {END, 0, 0, 0, 0},
};

/* Five answers a second for all of the prefix that have proven nothing. */
STEPS(STRANGERS) = {
    {CONF, 0, CONF_TIGHT, 0, 0}, {BINDING, 0, 0, 0, 0},   {BINDING, 2, 0, 0, 0},
    {BINDING, 2, 0, 0, 0},       {BINDING, 4, 0, 0, 0},   {ALLOCATE, 0, 0, 0, 0},
    {REFRESH, 0, 600, 0, 0},     {ALLOCATE, 2, 0, 0, -1}, {BINDING, 0, 0, 0, -1},
    {REFRESH, 0, 600, 0, 0},     {WAIT, 0, 1, 0, 0},      {BINDING, 0, 0, 0, 0},
    {ALLOCATE, 2, 0, 0, 0},      {END, 0, 0, 0, 0},
};

STEPS(OLD_CHANNELS) = {
    {ALLOCATE, 0, 0, 0, 0},      {BIND, 0, 0x7FFF, 0, 400},  {CONF, 0, CONF_STRICT, 0, 0},
    {BIND, 0, 0x7FFF, 0, 0},     {BIND, 0, 0x8000, 1, 400},  {CHANNEL, 0, 0x7FFF, 0, 1},
    {FROM_PEER, 0, 0, 0, 2},     {BIND, 0, 0x5000, 1, 0},    {CHANNEL, 0, 0x5000, 1, 1},
    {CONF, 0, CONF_PLAIN, 0, 0}, {CHANNEL, 0, 0x5000, 1, 0}, {FROM_PEER, 0, 0, 1, 2},
    {END, 0, 0, 0, 0},
};

STEPS(FULL_HOUSE) = {
    {FILL, 0, PORTS, 0, PORTS}, {FILL, 0, 1, 0, 0},         {ALLOCATE, 1, 0, 0, 508},
    {KILL, 0, 0, 0, 0},         {LIVE, 0, 0, 0, PORTS - 1}, {ALLOCATE, 1, PAIR, 0, 508},
    {ALLOCATE, 1, 0, 0, 0},     {ALLOCATE, 2, BOTH, 0, 0},  {ALLOCATE, 3, 0, 0, 508},
    {LIVE, 0, 0, 0, PORTS + 1}, {WAIT, 0, 605, 0, 0},       {LIVE, 0, 0, 0, 0},
    {FILL, 0, PORTS, 0, PORTS}, {END, 0, 0, 0, 0},
};

#define ROW(name)                                                                                  \
    {                                                                                              \
#name, name                                                                                \
    }

static const struct scenario ALL[] = {
    ROW(A_CALL),         ROW(EVERYBODY),       ROW(TIME),
    ROW(FAMILIES),       ROW(PORT_PAIRS),      ROW(FORBIDDEN_PEERS),
    ROW(RELAY_TO_RELAY), ROW(LIMITS),          ROW(NO_SOCKETS),
    ROW(NEW_ADDRESS),    ROW(RETRANSMISSIONS), ROW(CREDENTIALS),
    ROW(NONCES),         ROW(DRAINING),        ROW(ICMP),
    ROW(RATES),          ROW(FULL_HOUSE),      ROW(HALF_EXPIRED),
    ROW(FORBIDDEN_PORT), ROW(STRANGERS),       ROW(OLD_CHANNELS),
    ROW(TCP_CALL),       ROW(TCP_ANSWERS),     ROW(TCP_BINDS),
    ROW(TCP_TIME),       ROW(TCP_POLICY),      ROW(TCP_RELAYS),
    ROW(TCP_LIMITS),     ROW(TCP_RATES),       ROW(TCP_OFF),
    ROW(TCP_FAMILIES),   ROW(TCP_EXPIRY),
};

const struct scenario *scenarios(size_t *ret_n)
{
    *ret_n = sizeof(ALL) / sizeof(ALL[0]);
    return ALL;
}
