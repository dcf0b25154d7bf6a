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
# For storage.path: a volume that is mounted here for the first time has its owner.
RUN install --directory --mode=0700 /out/folders/var/lib/twilio_exporter

# Only the static binary and the CA certificates: no shell, no package manager, and no
# HEALTHCHECK, which needs a program in the image. Use /-/healthy and /-/ready as
# probes of the orchestrator.
FROM scratch
ARG VERSION=dev REVISION=unknown
LABEL org.opencontainers.image.title="twilio_exporter" \
      org.opencontainers.image.description="Prometheus exporter for the usage and cost of Twilio Super SIM fleets" \
      org.opencontainers.image.url="https://github.com/twilio-exporter/twilio_exporter" \
      org.opencontainers.image.source="https://github.com/twilio-exporter/twilio_exporter" \
      org.opencontainers.image.documentation="https://github.com/twilio-exporter/twilio_exporter/blob/main/README.md" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="$VERSION" \
      org.opencontainers.image.revision="$REVISION"
COPY --from=build /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/ca-certificates.crt
COPY --from=build /out/twilio_exporter /twilio_exporter
COPY --from=build --chown=65532:65532 /out/folders/ /
USER 65532:65532
EXPOSE 9860
ENTRYPOINT ["/twilio_exporter"]
