#!/bin/sh
# dpkg calls this with "configure" and the previously installed version, if any; rpm
# with 1 on the first installation and 2 on an upgrade.
set -eu

case "${1:-}" in
configure | 1 | 2) ;;
*) exit 0 ;; # dpkg rolls back a failed upgrade
esac

if [ -d /run/systemd/system ]; then
	systemctl daemon-reload
	# Restart the service only if it runs: a new installation is not configured yet.
	# If the new version rejects the configuration, its log says why; the package
	# must not be left half installed.
	systemctl try-restart twilio_exporter.service || true
fi

if [ "$1" = 1 ] || { [ "$1" = configure ] && [ -z "${2:-}" ]; }; then
	cat <<'END'
twilio_exporter is installed, but not started. Put your account into
/etc/twilio_exporter/config.yml and its secret into a file in
/etc/twilio_exporter/credentials, then: systemctl enable --now twilio_exporter
END
fi
