#!/bin/sh
# dpkg calls it with "remove", "purge" and other words; rpm with 0 at removal and
# 1 at an upgrade. rpm knows no purge: there the user and the secrets stay.
set -eu

case "${1:-}" in
remove | purge | 0)
	if [ -d /run/systemd/system ]; then
		systemctl daemon-reload
	fi
	;;
esac

if [ "${1:-}" = purge ]; then
	rm -rf /etc/twilio_exporter # the secrets are not dpkg's
	# The user owns no file anywhere, so nothing is left that its number could
	# hand to somebody else.
	if getent passwd twilio_exporter >/dev/null; then
		userdel twilio_exporter
	fi
	if getent group twilio_exporter >/dev/null; then
		groupdel twilio_exporter
	fi
fi
