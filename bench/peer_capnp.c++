// peer_capnp.c++ - Cap'n Proto RPC over a socketpair: two parties, each on its own event loop.
#include <cstdlib>
#include <cstring>
#include <unistd.h>

#include <capnp/rpc-twoparty.h>
#include <kj/async-io.h>

#include "bench/echo.capnp.h"

extern "C" {
#include "bench/bench.h"
}

namespace {

constexpr size_t TEXT_BYTES = BENCH_MESSAGE_BYTES - 16;

class EchoServer final : public Echo::Server {
    kj::Promise<void> echo(EchoContext context) override
    {
        auto params = context.getParams();
        auto results = context.getResults();
        results.setNumber(params.getNumber());
        results.setText(params.getText());
        return kj::READY_NOW;
    }
};

void serve(const int fds[BENCH_FDS])
{
    auto io = kj::setupAsyncIo();
    close(fds[1]);
    auto stream =
        io.lowLevelProvider->wrapSocketFd(fds[0], kj::LowLevelAsyncIoProvider::TAKE_OWNERSHIP);
    capnp::TwoPartyVatNetwork network(*stream, capnp::rpc::twoparty::Side::SERVER);
    capnp::Capability::Client main = kj::heap<EchoServer>();
    auto rpc = capnp::makeRpcServer(network, kj::mv(main));
    network.onDisconnect().wait(io.waitScope);
}

struct Client {
    kj::AsyncIoContext io;
    kj::Own<kj::AsyncIoStream> stream;
    capnp::TwoPartyClient rpc;
    Echo::Client echo;
    char text[TEXT_BYTES + 1];

    explicit Client(int fd)
        : io(kj::setupAsyncIo()),
          stream(io.lowLevelProvider->wrapSocketFd(
              fd, kj::LowLevelAsyncIoProvider::TAKE_OWNERSHIP)),
          rpc(*stream), echo(rpc.bootstrap().castAs<Echo>())
    {
        memset(text, 'x', TEXT_BYTES);
        text[TEXT_BYTES] = '\0';
    }

    kj::Promise<void> call()
    {
        auto request = echo.echoRequest();
        request.setNumber(1);
        request.setText(capnp::Text::Reader(text, TEXT_BYTES));
        return request.send().then([](auto &&response) {
            if (response.getNumber() != 1 || response.getText().size() != TEXT_BYTES)
                bench_die("capnp: results");
        });
    }

    kj::Promise<void> chain(size_t *left)
    {
        if (*left == 0)
            return kj::READY_NOW;
        --*left;
        return call().then([this, left]() { return chain(left); });
    }
};

void *client_open(const int fds[BENCH_FDS])
{
    close(fds[1]);
    return new Client(fds[0]);
}

void round_trip(void *state)
{
    auto client = static_cast<Client *>(state);
    client->call().wait(client->io.waitScope);
}

// `window` chains of calls, each sending its next when its last is answered.
void pipeline(void *state, size_t window, size_t count)
{
    auto client = static_cast<Client *>(state);
    size_t left = count;
    auto chains = kj::heapArrayBuilder<kj::Promise<void>>(window);
    for (size_t i = 0; i < window; i++)
        chains.add(client->chain(&left));
    kj::joinPromises(chains.finish()).wait(client->io.waitScope);
}

void client_close(void *state)
{
    delete static_cast<Client *>(state);
}

} // namespace

extern "C" const struct bench_peer bench_capnp = {
    "Cap'n Proto RPC", serve, client_open, round_trip, pipeline, client_close,
};
