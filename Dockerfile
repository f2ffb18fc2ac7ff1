FROM golang:1.26-bookworm AS build
WORKDIR /src
ENV CGO_ENABLED=0
COPY go.mod go.sum ./
RUN go mod download
COPY . .
RUN go build -trimpath -ldflags "-s -w" -o out/cozy-telemetry-server ./cmd/cozy-telemetry-server
# A volume takes its owner and mode from the folder in the image.
RUN mkdir -m 700 out/data

FROM scratch
# For the list of apps at api.github.com, and for upstreams behind TLS.
COPY --from=build /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/ca-certificates.crt
COPY --from=build --chown=65532:65532 /src/out/data /data
COPY --from=build /src/out/cozy-telemetry-server /cozy-telemetry-server
USER 65532:65532
VOLUME /data
EXPOSE 8081 8082
# It asks where the server, which is process 1, was told to listen by its flag or by
# TELEMETRY_LISTEN_ADDR. A large file is looked through before the server answers.
HEALTHCHECK --start-period=10m --timeout=10s CMD ["/cozy-telemetry-server", "healthcheck", "--of-pid=1"]
ENTRYPOINT ["/cozy-telemetry-server"]
