#!/bin/sh
# dpkg calls it with "configure" and the version that was there before, if any;
# rpm with 1 at the first installation and 2 at an upgrade.
set -eu

case "${1:-}" in
configure | 1 | 2) ;;
*) exit 0 ;; # dpkg takes back an upgrade that failed
esac

if [ -d /run/systemd/system ]; then
	systemctl daemon-reload
	# Only what runs is restarted: nobody has configured a new installation yet.
	# If the new version does not like the configuration, its log says so; that
	# is no reason to leave the package half installed.
	systemctl try-restart twilio_exporter.service || true
fi

if [ "$1" = 1 ] || { [ "$1" = configure ] && [ -z "${2:-}" ]; }; then
	cat <<'END'
twilio_exporter is installed, but not started. Put your account into
/etc/twilio_exporter/config.yml and its secret into a file in
/etc/twilio_exporter/credentials, then: systemctl enable --now twilio_exporter
END
fi
