# syntax=docker/dockerfile:1

FROM --platform=$BUILDPLATFORM golang:1.26 AS build
WORKDIR /src
COPY go.mod go.sum ./
RUN go mod download
COPY . .
ARG TARGETOS TARGETARCH
ARG VERSION=dev REVISION=unknown BRANCH=unknown BUILD_DATE=unknown
RUN GOOS=$TARGETOS GOARCH=$TARGETARCH make build \
    VERSION="$VERSION" REVISION="$REVISION" BRANCH="$BRANCH" BUILD_DATE="$BUILD_DATE" \
    BUILD_USER=docker BINARY=/out/twilio_exporter

# Nothing but the static binary and the authorities to trust: no shell, no
# package manager. Hence no HEALTHCHECK either, which would need a program to
# run in here: let the orchestrator ask /-/healthy and /-/ready.
FROM scratch
COPY --from=build /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/ca-certificates.crt
COPY --from=build /out/twilio_exporter /twilio_exporter
USER 65532:65532
EXPOSE 9860
ENTRYPOINT ["/twilio_exporter"]
