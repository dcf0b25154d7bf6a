#!/bin/sh
# dpkg calls this with "remove" or "upgrade"; rpm with 0 on removal and 1 on an upgrade,
# during which the service keeps running until it is restarted.
set -eu

case "${1:-}" in
remove | 0) ;;
*) exit 0 ;;
esac

if [ -d /run/systemd/system ]; then
	systemctl stop twilio_exporter.service
fi
if command -v systemctl >/dev/null; then
	systemctl disable twilio_exporter.service # works without systemd running
fi
