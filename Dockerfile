# One static binary in an empty image: no shell, no package manager, not root.
FROM rust:1.95-alpine AS build
RUN apk add --no-cache musl-dev ca-certificates
WORKDIR /src
COPY Cargo.toml Cargo.lock ./
COPY src ./src
COPY tests/demos ./tests/demos
RUN cargo build --release --locked --bin rollout-guard

FROM scratch
LABEL org.opencontainers.image.title="rollout-guard" \
      org.opencontainers.image.description="Waits for a Kubernetes rollout and says why it failed" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="0.1.0"
COPY --from=build /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/ca-certificates.crt
COPY --from=build /src/target/release/rollout-guard /rollout-guard
COPY LICENSE /LICENSE
USER 65532:65532
ENTRYPOINT ["/rollout-guard"]
