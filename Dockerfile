# syntax=docker/dockerfile:1

FROM rust:1-bookworm AS build
WORKDIR /src
COPY Cargo.toml Cargo.lock ./
# Cargo looks for every target that the manifest names, though only the binary is built.
COPY bench bench
COPY tests tests
COPY migrations migrations
COPY templates templates
COPY assets assets
COPY src src
RUN cargo build --release --locked --bin offboard

FROM debian:bookworm-slim
# The roots that a PostgreSQL server's certificate is checked against (sslmode=require).
RUN apt-get update \
    && apt-get install -y --no-install-recommends ca-certificates \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --system --uid 10001 --no-create-home offboard \
    && install -d -o offboard -g offboard -m 0700 /data
COPY --from=build /src/target/release/offboard /usr/local/bin/offboard
USER offboard
WORKDIR /data
VOLUME /data
ENV OFFBOARD_DATABASE=sqlite:/data/offboard.db
EXPOSE 8080
ENTRYPOINT ["offboard"]
CMD ["serve", "--listen", "0.0.0.0:8080"]
