#!/bin/sh
# Creates the service's user and group. This runs before the files are unpacked,
# because the configuration file belongs to the group.
set -eu

name=twilio_exporter
if ! getent group "$name" >/dev/null; then
	groupadd --system "$name"
fi
if ! getent passwd "$name" >/dev/null; then
	useradd --system --gid "$name" --no-create-home --home-dir / \
		--shell /usr/sbin/nologin --comment 'Prometheus exporter for Twilio' "$name"
fi
