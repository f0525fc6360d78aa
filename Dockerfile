# syntax=docker/dockerfile:1
FROM rust:1.95-slim-trixie AS build
WORKDIR /build
COPY . .
RUN --mount=type=cache,target=/usr/local/cargo/registry \
    --mount=type=cache,target=/build/target \
    cargo build --release --locked --package voxlog --bin voxlog \
    && install -D target/release/voxlog /out/voxlog

FROM debian:trixie-slim
RUN apt-get update \
    && apt-get install -y --no-install-recommends ca-certificates \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --system --uid 10001 --no-create-home --shell /usr/sbin/nologin voxlog
COPY --from=build /out/voxlog /usr/local/bin/voxlog
USER voxlog
EXPOSE 8080
ENTRYPOINT ["voxlog"]
CMD ["serve", "all"]
