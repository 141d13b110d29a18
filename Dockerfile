# A node with everything it needs to check Rust: toolchain, sandbox, Python. Built by the command that developers use
# (`make setup`), so that the image cannot drift from what is tested.
#
#   docker build -t swarm-node .
#   docker run --rm swarm-node --help

# The compiler's release decides verdicts, so it is pinned; the swarm's jobs record which one they were checked with.
ARG RUST_RELEASE=1.95.0

FROM rust:${RUST_RELEASE}-slim-bookworm AS base
RUN rustup component add clippy rustfmt \
 && apt-get update \
 && apt-get install -y --no-install-recommends bubblewrap libgmp10 python3 python3-venv \
 && rm -rf /var/lib/apt/lists/*

FROM base AS build
RUN apt-get update && apt-get install -y --no-install-recommends make
WORKDIR /opt/swarm-node
COPY . .
# Installs the compilers and headers that three Python packages need, makes .venv, checks every hash.
RUN make setup
# What anchoring on a chain needs (docs/chain.md): --build-arg CHAIN=1.
ARG CHAIN=0
RUN if [ "$CHAIN" = 1 ]; then make setup-chain; fi

FROM base
# A fixed number, so that a host folder can be given to it: chown 10001 DIR.
RUN useradd --uid 10001 --create-home swarm \
 && install --directory --owner swarm --group swarm --mode 700 /data /network /nodes/1 /nodes/2 /nodes/3
COPY --from=build /opt/swarm-node /opt/swarm-node
# Crates are fetched by cargo into the data volume: kept across restarts, and the only place the node writes to.
ENV PATH=/opt/swarm-node/.venv/bin:$PATH \
    CARGO_HOME=/data/cargo \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1
USER swarm
WORKDIR /data
VOLUME /data
# 7000 gRPC (mutual TLS), 7001 gossip.
EXPOSE 7000 7001
HEALTHCHECK --interval=15s --timeout=10s --start-period=60s --retries=4 \
  CMD ["swarm-node", "status", "--data", "/data", "--json"]
STOPSIGNAL SIGTERM
ENTRYPOINT ["swarm-node"]
CMD ["start", "--data", "/data"]
