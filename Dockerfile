# Loomcast as an image: docker build -t loomcast . && docker run --rm -p 8080:8080 -v loomcast:/data loomcast
#
# Both stages get their packages from scripts/install-deps, the same list that
# developers and the build server use.

FROM rust:1.95.0-bookworm AS build
# The image's own toolchain: rust-toolchain.toml would fetch components that
# only developers need.
ENV RUSTUP_TOOLCHAIN=1.95.0
WORKDIR /src
# First what changes rarely, so that the packages are installed once.
COPY scripts/install-deps scripts/install-deps
RUN scripts/install-deps --build && rm -rf /var/lib/apt/lists/*
COPY . .
# hls.js goes into the binary, so its licence goes into the image.
RUN cargo build --release --locked \
    && cp target/release/build/loomcast-*/out/node_modules/hls.js/LICENSE LICENSE-hls.js

FROM debian:bookworm-slim
COPY scripts/install-deps /tmp/scripts/install-deps
RUN /tmp/scripts/install-deps --runtime && rm -rf /var/lib/apt/lists/* /tmp/scripts \
    && useradd --system --uid 10001 --no-create-home --shell /usr/sbin/nologin loomcast \
    && install -d -o loomcast -g loomcast /data
WORKDIR /app
COPY --from=build /src/target/release/loomcast /usr/local/bin/loomcast
COPY assets/fonts assets/fonts
COPY assets/media assets/media
COPY assets/LICENCES.md assets/
COPY templates templates
COPY LICENSE-MIT LICENSE-APACHE docs/licences.md ./
COPY --from=build /src/LICENSE-hls.js ./
# GStreamer keeps a registry of its plug-ins in the home of the user.
ENV XDG_CACHE_HOME=/data/.cache LOOMCAST_DATA=/data LOOMCAST_ASSETS=/app/assets
USER loomcast
VOLUME /data
EXPOSE 8080
STOPSIGNAL SIGTERM
# Asks the server itself, with what the slim image has: no curl.
HEALTHCHECK --interval=30s --timeout=5s --start-period=20s \
    CMD ["bash", "-c", "exec 3<>/dev/tcp/127.0.0.1/8080 && printf 'GET /readyz HTTP/1.0\\r\\nHost: localhost\\r\\n\\r\\n' >&3 && read -r _ status _ <&3 && [ \"$status\" = 200 ]"]
ENTRYPOINT ["loomcast"]
CMD ["serve", "--listen", "0.0.0.0:8080", "--templates", "/app/templates"]
