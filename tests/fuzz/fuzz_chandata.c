/* The first-byte demultiplexer and ChannelData, on any bytes. */
#include "fuzz/fuzz.h"
#include "wire/chandata.h"
#include "wire/demux.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    uint16_t number;
    struct span payload;
    bool taken = chandata_parse(span_of(data, n), &number, &payload);
    if (n == 0) {
        FUZZ_CHECK(!taken);
        return 0;
    }
    if (!taken)
        return 0;
    FUZZ_CHECK(number >= CHANNEL_FIRST && number <= CHANNEL_LAST_RFC5766);
    FUZZ_CHECK((demux_first_byte(data[0]) == DEMUX_CHANNEL) == (number <= CHANNEL_LAST));
    FUZZ_CHECK(payload.p == data + CHANDATA_HEADER_LEN && payload.n <= n - CHANDATA_HEADER_LEN);

    uint8_t head[CHANDATA_HEADER_LEN];
    chandata_header(head + sizeof head, number, (uint16_t)payload.n);
    FUZZ_CHECK(memcmp(head, data, sizeof head) == 0);
    return 0;
}
