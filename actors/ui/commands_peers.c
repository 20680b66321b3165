/* The commands about other nodes. */
#include <inttypes.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "actors/ui/commands_impl.h"

/* ---- peers ---- */

static const char *state_name(enum node_peer_state state)
{
    return state == NODE_PEER_STATE_READY       ? "ready"
           : state == NODE_PEER_STATE_HANDSHAKE ? "handshake"
           : state == NODE_PEER_STATE_WAITING   ? "waiting"
                                                : "connecting";
}

/* One that is not connected has nothing but its address, and why. */
static void print_waiting(const struct node_peer *peer)
{
    printf("%-22.*s out waiting    tried again in %" PRIu32 " s", (int)peer->address.size,
           peer->address.data, peer->has_retry_s ? peer->retry_s : 0);
    if (peer->has_reason)
        printf(": %.*s", (int)peer->reason.size, peer->reason.data);
    putchar('\n');
}

static void print_peer(const struct node_peer *peer)
{
    char agent[NODE_PEER_AGENT_BYTES_MAX + 1];
    if (peer->state == NODE_PEER_STATE_WAITING) {
        print_waiting(peer);
        return;
    }
    snprintf(agent, sizeof(agent), "%.*s", (int)peer->agent.size, peer->agent.data);
    format_printable(agent);
    printf("%-22.*s %-3s %-10s height %-8" PRIu32 " %8" PRIu64 " kB in %8" PRIu64 " kB out",
           (int)peer->address.size, peer->address.data, peer->is_inbound ? "in" : "out",
           state_name(peer->state), peer->height, peer->received_bytes / 1000,
           peer->sent_bytes / 1000);
    if (peer->has_ping_ms)
        printf("  %" PRIu32 " ms", peer->ping_ms);
    if (peer->score > 0)
        printf("  %" PRIu32 " points", peer->score);
    printf("  %s", agent);
    if (peer->has_reason)
        printf("  %.*s", (int)peer->reason.size, peer->reason.data);
    putchar('\n');
}

static void print_peers(const struct node_list_peers_results *results)
{
    for (size_t i = 0; i < results->peers_count; i++)
        print_peer(&results->peers[i]);
    for (size_t i = 0; i < results->bans_count; i++)
        printf("%-22.*s banned for %" PRIu32 " s: %.*s\n", (int)results->bans[i].address.size,
               results->bans[i].address.data, results->bans[i].left_s,
               (int)results->bans[i].reason.size, results->bans[i].reason.data);
    if (results->peers_count == 0)
        puts("no peers: `peer add ADDRESS` connects to one, --listen lets others come");
    if (results->has_listens_on)
        printf("listens on %.*s\n", (int)results->listens_on.size, results->listens_on.data);
    if (!results->is_active)
        puts("the network is off: `network on` switches it on");
}

static void print_peer_json(const struct node_peer *peer, bool is_first)
{
    fputs(is_first ? "{\"address\":" : ",\n {\"address\":", stdout);
    format_json_text(stdout, peer->address);
    printf(",\"inbound\":%s,\"state\":\"%s\",\"agent\":", peer->is_inbound ? "true" : "false",
           state_name(peer->state));
    format_json_text(stdout, peer->agent);
    printf(",\"protocol\":%" PRIu32 ",\"height\":%" PRIu32, peer->protocol, peer->height);
    if (peer->has_ping_ms)
        printf(",\"ping_ms\":%" PRIu32, peer->ping_ms);
    if (peer->has_reason) {
        fputs(",\"reason\":", stdout);
        format_json_text(stdout, peer->reason);
    }
    if (peer->has_retry_s)
        printf(",\"retry_s\":%" PRIu32, peer->retry_s);
    printf(",\"received_bytes\":%" PRIu64 ",\"sent_bytes\":%" PRIu64 ",\"score\":%" PRIu32
           ",\"age_s\":%" PRIu32 "}",
           peer->received_bytes, peer->sent_bytes, peer->score, peer->age_s);
}

static void print_peers_json(const struct node_list_peers_results *results)
{
    fputs("{\"peers\":[", stdout);
    for (size_t i = 0; i < results->peers_count; i++)
        print_peer_json(&results->peers[i], i == 0);
    fputs("],\"bans\":[", stdout);
    for (size_t i = 0; i < results->bans_count; i++) {
        fputs(i == 0 ? "{\"address\":" : ",\n {\"address\":", stdout);
        format_json_text(stdout, results->bans[i].address);
        printf(",\"left_s\":%" PRIu32 ",\"reason\":", results->bans[i].left_s);
        format_json_text(stdout, results->bans[i].reason);
        putchar('}');
    }
    printf("],\"active\":%s", results->is_active ? "true" : "false");
    if (results->has_listens_on) {
        fputs(",\"listens_on\":", stdout);
        format_json_text(stdout, results->listens_on);
    }
    puts("}");
}

int ui_run_peers(struct troupe *troupe, const struct troupe_arguments *arguments, bool json,
                 int count, char *const *values)
{
    struct desk desk;
    struct node_list_peers_results results;
    struct troupe_error error;
    (void)count;
    (void)values;
    if (ui_desk_open(&desk, troupe, arguments, "peers") != 0)
        return 1;
    int code = node_list_peers(troupe, desk.node, &results, &error, NULL);
    if (code != 0)
        return ui_desk_fail_code(&desk, code, &error);
    if (json)
        print_peers_json(&results);
    else
        print_peers(&results);
    troupe_release(results.message);
    return 0;
}

/* ---- peer add, drop, ban ---- */

/* Names are looked up here: the node's sandbox lets it read no files about them and ask no servers.
 * What is an address already stays as it was given. */
static int look_up(const struct desk *desk, const char *text,
                   char ret_text[NODE_ADD_PEER_ADDRESS_BYTES_MAX + 1])
{
    char host[NI_MAXHOST];
    const char *colon = strrchr(text, ':');
    size_t size = colon != NULL ? (size_t)(colon - text) : strlen(text);
    struct addrinfo hints = {.ai_family = AF_INET, .ai_socktype = SOCK_STREAM};
    struct addrinfo *found = NULL;
    const char *port = colon != NULL ? colon : "";
    if (strlen(text) <= NODE_ADD_PEER_ADDRESS_BYTES_MAX &&
        (text[0] == '[' || strspn(text, "0123456789.:abcdefABCDEF") == strlen(text))) {
        snprintf(ret_text, NODE_ADD_PEER_ADDRESS_BYTES_MAX + 1, "%s", text);
        return 0;
    }
    snprintf(host, sizeof(host), "%.*s", (int)size, text);
    int error = getaddrinfo(host, NULL, &hints, &found);
    if (error != 0)
        return ui_desk_fail(desk, gai_strerror(error));
    error = getnameinfo(found->ai_addr, found->ai_addrlen, host, sizeof(host), NULL, 0,
                        NI_NUMERICHOST);
    freeaddrinfo(found);
    if (error != 0 || snprintf(ret_text, NODE_ADD_PEER_ADDRESS_BYTES_MAX + 1, "%s%.8s", host,
                               port) > NODE_ADD_PEER_ADDRESS_BYTES_MAX)
        return ui_desk_fail(desk, "there is no such address");
    return 0;
}

/* Seconds from 0 to a year. */
static int read_seconds(const struct desk *desk, const char *text, uint32_t *ret_seconds)
{
    uint64_t seconds = 0;
    if (!ui_read_number(text, 0, UI_BAN_S_MAX, &seconds))
        return ui_desk_fail(desk,
                            "for how many seconds? 0, which lifts a ban, to 31536000, a year");
    *ret_seconds = (uint32_t)seconds;
    return 0;
}

static int done(const struct desk *desk, bool json, int code, const struct troupe_error *error,
                const char *text)
{
    if (code != 0)
        return ui_desk_fail_code(desk, code, error);
    puts(json ? "{}" : text);
    return 0;
}

static int ban(const struct desk *desk, bool json, struct troupe_text address, const char *seconds)
{
    struct troupe_error error;
    struct node_ban_args args = {.address = address, .seconds = 86400};
    if (seconds != NULL && read_seconds(desk, seconds, &args.seconds) != 0)
        return 1;
    int code = node_ban(desk->troupe, desk->node, &args, &error, NULL);
    return done(desk, json, code, &error,
                args.seconds == 0 ? "it is not banned any more" : "it is banned");
}

int ui_run_peer(struct troupe *troupe, const struct troupe_arguments *arguments, bool json,
                int count, char *const *values)
{
    struct desk desk;
    struct troupe_error error;
    char text[NODE_ADD_PEER_ADDRESS_BYTES_MAX + 1];
    if (ui_desk_open(&desk, troupe, arguments, "peer") != 0 || look_up(&desk, values[1], text) != 0)
        return 1;
    bool is_ban = strcmp(values[0], "ban") == 0;
    if (count > 2 && !is_ban)
        return ui_desk_fail(&desk, "seconds are for `peer ban` only");
    if (strcmp(values[0], "add") == 0) {
        struct node_add_peer_args args = {.address = troupe_text(text)};
        int code = node_add_peer(troupe, desk.node, &args, &error, NULL);
        return done(&desk, json, code, &error, "it is being connected to; `peers` shows how far");
    }
    if (strcmp(values[0], "drop") == 0) {
        struct node_drop_peer_args args = {.address = troupe_text(text)};
        int code = node_drop_peer(troupe, desk.node, &args, &error, NULL);
        return done(&desk, json, code, &error, "it is dropped");
    }
    return is_ban ? ban(&desk, json, troupe_text(text), count > 2 ? values[2] : NULL)
                  : ui_desk_fail(&desk, "peer add ADDRESS, peer drop ADDRESS or peer ban ADDRESS "
                                        "[SECONDS]");
}

/* ---- network ---- */

int ui_run_network(struct troupe *troupe, const struct troupe_arguments *arguments, bool json,
                   int count, char *const *values)
{
    struct desk desk;
    struct troupe_error error;
    struct node_set_network_active_args args = {.is_active = strcmp(values[0], "on") == 0};
    (void)count;
    if (ui_desk_open(&desk, troupe, arguments, "network") != 0)
        return 1;
    if (!args.is_active && strcmp(values[0], "off") != 0)
        return ui_desk_fail(&desk, "network on, or network off");
    int code = node_set_network_active(troupe, desk.node, &args, &error, NULL);
    return done(&desk, json, code, &error,
                args.is_active ? "the network is on" : "the network is off: no peers");
}
